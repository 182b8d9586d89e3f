#include "http/client.h"

#include <curl/curl.h>
#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "http/transfer.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;

namespace {

constexpr size_t kMaxWaiting = 100'000;
constexpr size_t kMaxIdleHandles = 1024;
constexpr int kPollMs = 1000;

// Idle connections to keep: enough for every target of a large cluster, within half of the files we
// may open.
long MaxKeptConnections(size_t max_connections) {
  rlimit files{};
  size_t limit = 4096;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) limit = std::min<size_t>(limit, files.rlim_cur / 2);
  if (max_connections > 0) limit = std::min(limit, max_connections);
  return static_cast<long>(std::max<size_t>(limit, 1));
}

class ClientImpl final : public Client {
 public:
  ClientImpl(Options options, CURLM* multi) : options_(std::move(options)), multi_(multi) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, MaxKeptConnections(options_.max_connections));
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      static_cast<long>(options_.max_connections));
    thread_ = std::thread([this] { Run(); });
  }
  ~ClientImpl() override;

  void Fetch(ClientRequest request, Callback done) override;

 private:
  void Run();
  void StartWaiting();
  void Start(std::unique_ptr<Transfer> transfer);
  void CollectFinished();
  void CancelAll();
  CURL* TakeHandle();
  void KeepHandle(CURL* easy);

  const Options options_;
  CURLM* const multi_;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> waiting_;  // guarded by mutex_
  bool stopping_ = false;                          // guarded by mutex_
  // The rest belongs to the thread.
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> running_;
  std::vector<CURL*> idle_handles_;
  std::thread thread_;
};

ClientImpl::~ClientImpl() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  for (CURL* easy : idle_handles_) curl_easy_cleanup(easy);
  curl_multi_cleanup(multi_);
}

void ClientImpl::Fetch(ClientRequest request, Callback done) {
  auto transfer = std::make_unique<Transfer>(std::move(request), std::move(done));
  ErrorCode refusal = ErrorCode::kCanceled;
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.size() < kMaxWaiting) {
      waiting_.push_back(std::move(transfer));
    } else if (!stopping_) {
      refusal = ErrorCode::kResourceExhausted;
    }
  }
  if (transfer == nullptr) {
    curl_multi_wakeup(multi_);
    return;
  }
  transfer->Fail(refusal,
                 refusal == ErrorCode::kCanceled ? "the client stops" : "too many requests wait");
}

void ClientImpl::Run() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    StartWaiting();
    int running = 0;
    curl_multi_perform(multi_, &running);
    CollectFinished();
    curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
  }
  CancelAll();
}

void ClientImpl::StartWaiting() {
  std::deque<std::unique_ptr<Transfer>> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(waiting_);
  }
  for (auto& transfer : taken) Start(std::move(transfer));
}

void ClientImpl::Start(std::unique_ptr<Transfer> transfer) {
  CURL* easy = TakeHandle();
  if (easy == nullptr) return transfer->Fail(ErrorCode::kResourceExhausted, "no memory");
  if (!transfer->Prepare(easy, options_.user_agent)) {
    KeepHandle(easy);
    return transfer->Fail(ErrorCode::kInvalidArgument,
                          "the request has a header that cannot be sent");
  }
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK) {
    KeepHandle(easy);
    return transfer->Fail(ErrorCode::kInternal, "the request cannot be started");
  }
  running_.emplace(easy, std::move(transfer));
}

void ClientImpl::CollectFinished() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(multi_, easy);
    auto node = running_.extract(easy);
    if (node.empty()) continue;
    node.mapped()->Finish(code);
    KeepHandle(easy);
  }
}

void ClientImpl::CancelAll() {
  std::deque<std::unique_ptr<Transfer>> never_started;
  {
    const std::lock_guard lock(mutex_);
    never_started.swap(waiting_);
  }
  for (auto& transfer : never_started) transfer->Fail(ErrorCode::kCanceled, "the client stops");
  for (auto& [easy, transfer] : running_) {
    curl_multi_remove_handle(multi_, easy);
    transfer->Fail(ErrorCode::kCanceled, "the client stops");
    curl_easy_cleanup(easy);
  }
  running_.clear();
}

CURL* ClientImpl::TakeHandle() {
  if (idle_handles_.empty()) return curl_easy_init();
  CURL* easy = idle_handles_.back();
  idle_handles_.pop_back();
  return easy;
}

void ClientImpl::KeepHandle(CURL* easy) {
  if (idle_handles_.size() >= kMaxIdleHandles) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);
  idle_handles_.push_back(easy);
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Start(Options options) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = initialized == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) return Fail(ErrorCode::kInternal, "cannot set up libcurl");
  return std::make_unique<ClientImpl>(std::move(options), multi);
}

Result<ClientResponse> Client::FetchAndWait(ClientRequest request) {
  // Shared: the client's thread may still be inside set_value when the value is here.
  const auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
  auto future = promise->get_future();
  Fetch(std::move(request),
        [promise](Result<ClientResponse> result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace slurmscope::http
