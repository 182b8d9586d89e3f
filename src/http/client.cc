#include "http/client.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "http/event_loop.h"
#include "http/kept_connection.h"
#include "http/transfer.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;

namespace {

constexpr size_t kMaxWaiting = 100'000;
constexpr size_t kMaxIdleHandles = 1024;
constexpr int64_t kDropPauseNs = int64_t{60} * 1'000'000'000;

// Idle connections to keep: enough for every target of a large cluster, within half of the files we
// may open.
size_t MaxKeptConnections(size_t max_connections) {
  rlimit files{};
  size_t limit = 65536;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) limit = std::min<size_t>(limit, files.rlim_cur / 2);
  if (max_connections > 0) limit = std::min(limit, max_connections);
  return std::max<size_t>(limit, 1);
}

class ClientImpl final : public Client, EventLoop::Watcher {
 public:
  ClientImpl(Options options, CURLM* multi, std::unique_ptr<EventLoop> loop)
      : options_(std::move(options)),
        max_kept_(MaxKeptConnections(options_.max_connections)),
        multi_(multi),
        loop_(std::move(loop)) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(max_kept_));
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      static_cast<long>(options_.max_connections));
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &ClientImpl::OnSocket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &ClientImpl::OnTimer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    thread_ = std::thread([this] { Run(); });
  }
  ~ClientImpl() override;

  void Fetch(std::shared_ptr<const ClientRequest> request, Callback done) override;
  void RunAt(int64_t steady_ns, std::function<void()> task) override;

 private:
  static int OnSocket(CURL* easy, curl_socket_t fd, int what, void* self, void* of_socket);
  static int OnTimer(CURLM* multi, long timeout_ms, void* self);
  void OnReady(int fd, uint32_t events) override;

  bool OnThread() const { return std::this_thread::get_id() == thread_.get_id(); }
  void Run();
  void GoOn(curl_socket_t fd, int what);
  void StartWaiting();
  void Start(std::unique_ptr<Transfer> transfer);
  bool StartKept(std::unique_ptr<Transfer>& transfer);
  void StartByCurl(std::unique_ptr<Transfer> transfer);
  void Keep(const Transfer& transfer, Transfer::Reusable connection);
  void DropUnusedConnections();
  void CollectFinished();
  void CancelAll();
  CURL* TakeHandle();
  void KeepHandle(CURL* easy);

  struct Kept {
    std::weak_ptr<const ClientRequest> request;
    std::unique_ptr<KeptConnection> connection;
  };

  const Options options_;
  const size_t max_kept_;
  CURLM* const multi_;
  const std::unique_ptr<EventLoop> loop_;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> waiting_;  // guarded by mutex_
  bool stopping_ = false;                          // guarded by mutex_
  // The rest belongs to the thread.
  bool canceling_ = false;
  EventLoop::TimerId timer_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> running_;
  std::vector<CURL*> idle_handles_;
  SpareBodies spare_bodies_;
  std::unordered_map<const ClientRequest*, Kept> kept_;
  std::thread thread_;
};

ClientImpl::~ClientImpl() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  loop_->Stop();
  thread_.join();
  for (CURL* easy : idle_handles_) curl_easy_cleanup(easy);
  curl_multi_cleanup(multi_);
}

void ClientImpl::Fetch(std::shared_ptr<const ClientRequest> request, Callback done) {
  auto transfer = std::make_unique<Transfer>(std::move(request), std::move(done));
  if (OnThread() && !canceling_) return Start(std::move(transfer));
  ErrorCode refusal = ErrorCode::kCanceled;
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.size() < kMaxWaiting) {
      waiting_.push_back(std::move(transfer));
      if (waiting_.size() == 1) loop_->Post([this] { StartWaiting(); });
      return;
    }
    if (!stopping_) refusal = ErrorCode::kResourceExhausted;
  }
  transfer->Fail(refusal,
                 refusal == ErrorCode::kCanceled ? "the client stops" : "too many requests wait");
}

void ClientImpl::RunAt(int64_t steady_ns, std::function<void()> task) {
  if (OnThread()) {
    loop_->RunAt(steady_ns, std::move(task));
    return;
  }
  loop_->Post(
      [this, steady_ns, task = std::move(task)] { loop_->RunAt(steady_ns, std::move(task)); });
}

int ClientImpl::OnSocket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto& client = *static_cast<ClientImpl*>(self);
  if (what == CURL_POLL_REMOVE) {
    client.loop_->Unwatch(fd);
    return 0;
  }
  const uint32_t events =
      ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  return client.loop_->Watch(fd, events, client) ? 0 : -1;
}

int ClientImpl::OnTimer(CURLM*, long timeout_ms, void* self) {
  auto& client = *static_cast<ClientImpl*>(self);
  client.loop_->Cancel(client.timer_);
  client.timer_ = {};
  if (timeout_ms < 0) return 0;
  const int64_t at = base::SystemClock().SteadyNs() + int64_t{timeout_ms} * 1'000'000;
  client.timer_ = client.loop_->RunAt(at, [&client] { client.GoOn(CURL_SOCKET_TIMEOUT, 0); });
  return 0;
}

void ClientImpl::OnReady(int fd, uint32_t events) {
  int what = 0;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0) what |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
  if ((events & EPOLLERR) != 0) what |= CURL_CSELECT_ERR;
  GoOn(fd, what);
}

void ClientImpl::GoOn(curl_socket_t fd, int what) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, what, &running);
  CollectFinished();
}

void ClientImpl::Run() {
  DropUnusedConnections();
  loop_->Run();
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
  if (!StartKept(transfer)) StartByCurl(std::move(transfer));
}

bool ClientImpl::StartKept(std::unique_ptr<Transfer>& transfer) {
  if (!transfer->request().repeats) return false;
  const auto it = kept_.find(&transfer->request());
  if (it == kept_.end()) return false;
  // Another request may have the address of one that is gone.
  const bool same = it->second.request.lock() == transfer->shared_request();
  if (same && it->second.connection->Start(transfer)) return true;
  if (!same || !it->second.connection->open()) kept_.erase(it);
  return false;
}

void ClientImpl::Keep(const Transfer& transfer, Transfer::Reusable connection) {
  auto kept = std::make_unique<KeptConnection>(
      *loop_, connection.fd, std::move(connection.sent), spare_bodies_,
      [this](std::unique_ptr<Transfer> again) { StartByCurl(std::move(again)); });
  if (kept_.size() >= max_kept_) return;
  kept_.try_emplace(&transfer.request(), Kept{transfer.shared_request(), std::move(kept)});
}

void ClientImpl::DropUnusedConnections() {
  std::erase_if(kept_, [](const auto& entry) {
    return entry.second.request.expired() || !entry.second.connection->open();
  });
  loop_->RunAt(base::SystemClock().SteadyNs() + kDropPauseNs, [this] { DropUnusedConnections(); });
}

void ClientImpl::StartByCurl(std::unique_ptr<Transfer> transfer) {
  CURL* easy = TakeHandle();
  if (easy == nullptr) return transfer->Fail(ErrorCode::kResourceExhausted, "no memory");
  if (!transfer->Prepare(easy, options_.user_agent, spare_bodies_)) {
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
    Transfer& transfer = *node.mapped();
    if (auto connection = transfer.TakeConnection(code)) Keep(transfer, *std::move(connection));
    transfer.Finish(code);
    KeepHandle(easy);
  }
}

void ClientImpl::CancelAll() {
  canceling_ = true;
  std::deque<std::unique_ptr<Transfer>> never_started;
  {
    const std::lock_guard lock(mutex_);
    never_started.swap(waiting_);
  }
  for (auto& transfer : never_started) transfer->Fail(ErrorCode::kCanceled, "the client stops");
  auto running = std::move(running_);
  for (auto& [easy, transfer] : running) {
    curl_multi_remove_handle(multi_, easy);
    transfer->Fail(ErrorCode::kCanceled, "the client stops");
    curl_easy_cleanup(easy);
  }
  for (auto& [request, kept] : kept_) kept.connection->Cancel();
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
  auto loop = TRY(EventLoop::Create());
  CURLM* multi = initialized == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) return Fail(ErrorCode::kInternal, "cannot set up libcurl");
  return std::make_unique<ClientImpl>(std::move(options), multi, std::move(loop));
}

void Client::Fetch(ClientRequest request, Callback done) {
  Fetch(std::make_shared<const ClientRequest>(std::move(request)), std::move(done));
}

Result<ClientResponse> Client::FetchAndWait(ClientRequest request) {
  // Shared: the client's thread may still be inside set_value when the value is here.
  const auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
  auto future = promise->get_future();
  Fetch(std::move(request),
        [promise](Result<ClientResponse>&& result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace slurmscope::http
