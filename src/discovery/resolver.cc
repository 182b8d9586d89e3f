#include "discovery/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::discovery {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;
using config::DnsRecordType;
using Records = Resolver::Records;

constexpr const char* kSystemFile = "/etc/resolv.conf";
constexpr size_t kMaxAddresses = 4096;

int TypeNumber(DnsRecordType type) {
  switch (type) {
    case DnsRecordType::kSrv:
      return ns_t_srv;
    case DnsRecordType::kA:
      return ns_t_a;
    case DnsRecordType::kAaaa:
      return ns_t_aaaa;
    case DnsRecordType::kMx:
      return ns_t_mx;
    case DnsRecordType::kNs:
      return ns_t_ns;
  }
  return ns_t_srv;
}

std::string HostOf(const char* name) {
  std::string host = name == nullptr ? "" : name;
  if (host.ends_with('.')) host.pop_back();
  return host;
}

// A list that the library gives by its first element; freed by it, too.
template <typename Reply, typename Parse, typename Take>
int ReadList(const unsigned char* answer, int size, Parse parse, Take take) {
  Reply* first = nullptr;
  const int status = parse(answer, size, &first);
  for (Reply* each = first; each != nullptr; each = each->next) take(*each);
  if (first != nullptr) ares_free_data(first);
  return status;
}

template <typename Address, int kFamily, typename Parse, typename Bytes>
int ReadAddresses(const unsigned char* answer, int size, Parse parse, Bytes bytes, Records* out) {
  std::vector<Address> found(kMaxAddresses);
  int count = static_cast<int>(found.size());
  const int status = parse(answer, size, nullptr, found.data(), &count);
  if (status != ARES_SUCCESS) return status;
  for (int i = 0; i < count; ++i) {
    char text[INET6_ADDRSTRLEN] = "";
    if (inet_ntop(kFamily, bytes(found[static_cast<size_t>(i)]), text, sizeof text) != nullptr)
      out->push_back({text, 0});
  }
  return status;
}

int ReadNames(const unsigned char* answer, int size, Records* out) {
  hostent* host = nullptr;
  const int status = ares_parse_ns_reply(answer, size, &host);
  if (host == nullptr) return status;
  for (char** name = host->h_aliases; name != nullptr && *name != nullptr; ++name)
    out->push_back({HostOf(*name), 0});
  ares_free_hostent(host);
  return status;
}

int ReadAnswer(DnsRecordType type, const unsigned char* answer, int size, Records* out) {
  switch (type) {
    case DnsRecordType::kSrv:
      return ReadList<ares_srv_reply>(answer, size, &ares_parse_srv_reply, [&](const auto& each) {
        out->push_back({HostOf(each.host), each.port});
      });
    case DnsRecordType::kMx:
      return ReadList<ares_mx_reply>(answer, size, &ares_parse_mx_reply, [&](const auto& each) {
        out->push_back({HostOf(each.host), 0});
      });
    case DnsRecordType::kA:
      return ReadAddresses<ares_addrttl, AF_INET>(
          answer, size, &ares_parse_a_reply, [](const auto& a) { return &a.ipaddr; }, out);
    case DnsRecordType::kAaaa:
      return ReadAddresses<ares_addr6ttl, AF_INET6>(
          answer, size, &ares_parse_aaaa_reply, [](const auto& a) { return &a.ip6addr; }, out);
    case DnsRecordType::kNs:
      return ReadNames(answer, size, out);
  }
  return ARES_EBADQUERY;
}

struct Question {
  std::string name;
  DnsRecordType type;
  Resolver::Done done;
};

Result<Records> ResultOf(const Question& question, int status, const unsigned char* answer,
                         int size) {
  Records records;
  if (status == ARES_SUCCESS) status = ReadAnswer(question.type, answer, size, &records);
  if (status == ARES_SUCCESS) return records;
  if (status == ARES_ENOTFOUND || status == ARES_ENODATA) return Records();
  if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
    return Fail(ErrorCode::kCanceled, "the resolver stops");
  return Fail(ErrorCode::kUnavailable, StrCat("could not resolve ", base::Quote(question.name),
                                              ": ", ares_strerror(status)));
}

class AresResolver final : public Resolver {
 public:
  explicit AresResolver(ResolverOptions options)
      : options_(std::move(options)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    [[maybe_unused]] static const int initialized = ares_library_init(ARES_LIB_INIT_ALL);
  }
  ~AresResolver() override;
  void Resolve(const std::string& name, DnsRecordType type, Done done) override;

 private:
  struct Asked {
    AresResolver* self;
    Question question;
  };
  static void OnSocket(void* self, ares_socket_t fd, int readable, int writable);
  static void OnAnswer(void* asked, int status, int timeouts, unsigned char* answer, int size);
  void Run();
  bool TakeQuestions();
  void Ask(Question question);
  int OpenChannel();
  void OpenAnewWhenChanged();
  void CloseChannel();
  void WaitForSockets();
  void Wake();

  const ResolverOptions options_;
  base::File wake_;  // an eventfd
  std::mutex mutex_;
  std::deque<Question> questions_;  // guarded by mutex_, as are the next two
  bool stopping_ = false;
  std::thread thread_;

  // The rest belongs to the thread.
  ares_channel channel_ = nullptr;
  base::FileStamp stamp_;  // of the system's file, when the channel was opened
  std::map<int, short> sockets_;
  size_t under_way_ = 0;
};

AresResolver::~AresResolver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void AresResolver::Wake() {
  const uint64_t one = 1;
  // Can only fail when the counter is full, and then the thread wakes anyway.
  [[maybe_unused]] const ssize_t n = ::write(wake_.fd(), &one, sizeof one);
}

void AresResolver::Resolve(const std::string& name, DnsRecordType type, Done done) {
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back({name, type, std::move(done)});
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  }
  Wake();
}

void AresResolver::OnSocket(void* self, ares_socket_t fd, int readable, int writable) {
  auto& sockets = static_cast<AresResolver*>(self)->sockets_;
  const auto events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
  if (events == 0) {
    sockets.erase(fd);
  } else {
    sockets[fd] = events;
  }
}

int AresResolver::OpenChannel() {
  stamp_ = base::StampOf(kSystemFile);
  ares_options options{};
  options.timeout = options_.timeout_ms;
  options.tries = options_.tries;
  options.sock_state_cb = &OnSocket;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  const int status = ares_init_options(&channel_, &options, mask);
  if (status != ARES_SUCCESS) channel_ = nullptr;
  if (channel_ != nullptr && !options_.servers.empty())
    return ares_set_servers_ports_csv(channel_, options_.servers.c_str());
  return status;
}

void AresResolver::CloseChannel() {
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  sockets_.clear();
}

// The library reads the system's file once.
void AresResolver::OpenAnewWhenChanged() {
  if (under_way_ == 0 && base::StampOf(kSystemFile) != stamp_) CloseChannel();
}

void AresResolver::OnAnswer(void* raw, int status, int, unsigned char* answer, int size) {
  const std::unique_ptr<Asked> asked(static_cast<Asked*>(raw));
  --asked->self->under_way_;
  asked->question.done(ResultOf(asked->question, status, answer, size));
}

void AresResolver::Ask(Question question) {
  OpenAnewWhenChanged();
  const int status = channel_ == nullptr ? OpenChannel() : ARES_SUCCESS;
  if (status != ARES_SUCCESS) {
    CloseChannel();
    question.done(ResultOf(question, status, nullptr, 0));
    return;
  }
  auto asked = std::make_unique<Asked>(Asked{this, std::move(question)});
  ++under_way_;
  const std::string name = asked->question.name;
  const int type = TypeNumber(asked->question.type);
  ares_search(channel_, name.c_str(), ns_c_in, type, &OnAnswer, asked.release());
}

// False when the thread is to end.
bool AresResolver::TakeQuestions() {
  std::deque<Question> questions;
  bool stopping;
  {
    const std::lock_guard lock(mutex_);
    questions.swap(questions_);
    stopping = stopping_;
  }
  for (Question& question : questions) {
    if (stopping) {
      question.done(Fail(ErrorCode::kCanceled, "the resolver stops"));
    } else {
      Ask(std::move(question));
    }
  }
  return !stopping;
}

void AresResolver::WaitForSockets() {
  std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}};
  for (const auto& [fd, events] : sockets_) fds.push_back({fd, events, 0});
  timeval buffer{};
  const timeval* left = channel_ == nullptr ? nullptr : ares_timeout(channel_, nullptr, &buffer);
  const int timeout =
      left == nullptr ? -1 : static_cast<int>(left->tv_sec * 1000 + left->tv_usec / 1000 + 1);
  ::poll(fds.data(), fds.size(), timeout);
  uint64_t count;
  [[maybe_unused]] const ssize_t n = ::read(wake_.fd(), &count, sizeof count);
  if (channel_ == nullptr) return;
  for (size_t i = 1; i < fds.size(); ++i) {
    const short seen = fds[i].revents;
    const bool failed = (seen & (POLLERR | POLLHUP)) != 0;
    ares_process_fd(channel_, (seen & POLLIN) || failed ? fds[i].fd : ARES_SOCKET_BAD,
                    (seen & POLLOUT) || failed ? fds[i].fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what has timed out
}

void AresResolver::Run() {
  while (TakeQuestions()) WaitForSockets();
  CloseChannel();
}

}  // namespace

std::unique_ptr<Resolver> Resolver::Create(ResolverOptions options) {
  return std::make_unique<AresResolver>(std::move(options));
}

}  // namespace slurmscope::discovery
