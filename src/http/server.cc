#include "http/server.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <exception>
#include <mutex>
#include <unordered_set>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "http/encoding.h"
#include "http/listener.h"
#include "http/request_reader.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

namespace {

constexpr int kDefaultGraceSeconds = 10;
// Parsed headers, the reply's headers and a piece of the body live in the same pool as the header
// block.
constexpr size_t kPoolExtraBytes = 16 * 1024;
constexpr std::chrono::milliseconds kFlushTime(200);

struct Connection {
  int fd;
  std::atomic<int64_t> waiting_since_ns;  // for the end of a request; 0 while one is being answered
};

// One request on its way. libmicrohttpd's thread owns it through `self` until the request
// completes; a worker holds it for as long as the handler runs, which may be longer when the server
// stops.
struct Exchange {
  RequestReader reader;
  Response response;
  MHD_Connection* mhd = nullptr;
  Connection* connection = nullptr;
  bool started = false;
  bool dispatched = false;
  bool suspended = false;  // guarded by ServerImpl::mutex_
  bool ready = false;      // guarded by ServerImpl::mutex_
  std::shared_ptr<Exchange> self;

  explicit Exchange(size_t max_body_bytes) : reader(max_body_bytes) {}
};

bool PeerGone(int fd) {
  pollfd entry{fd, POLLRDHUP, 0};
  return poll(&entry, 1, 0) > 0 &&
         (entry.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void FreeString(void* text) { delete static_cast<std::string*>(text); }

MHD_Response* ToMhd(Response& response) {
  if (response.body.empty()) {
    // The library takes a pointer to non-const but does not write through it.
    void* bytes = const_cast<char*>(response.static_body.data());
    return MHD_create_response_from_buffer(response.static_body.size(), bytes,
                                           MHD_RESPMEM_PERSISTENT);
  }
  auto body = std::make_unique<std::string>(std::move(response.body));
  MHD_Response* out = MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(), body->data(), &FreeString, body.get());
  if (out != nullptr) body.release();
  return out;
}

MHD_Result Queue(MHD_Connection* mhd, Response& response, bool close) {
  if (response.status < 200 || response.status > 999)
    response = Response::Text(500, "invalid status\n");
  const bool bodiless = response.status == 204 || response.status == 304;
  if (bodiless) {
    response.body.clear();
    response.static_body = {};
  }
  MHD_Response* out = ToMhd(response);
  if (out == nullptr) return MHD_NO;
  if (!bodiless && !response.content_type.empty()) {
    MHD_add_response_header(out, "Content-Type", response.content_type.c_str());
  }
  for (const auto& [name, value] : response.headers) {
    // The library takes no line breaks: text from outside cannot become headers of its own.
    if (MHD_add_response_header(out, name.c_str(), value.c_str()) != MHD_YES)
      base::LogError("http response header not sent", {{"name", name}});
  }
  if (close) MHD_add_response_header(out, "Connection", "close");
  const MHD_Result result = MHD_queue_response(mhd, static_cast<unsigned>(response.status), out);
  MHD_destroy_response(out);
  return result;
}

void LogFromLibrary(void*, const char* format, va_list arguments) {
  char text[512];
  const int length = vsnprintf(text, sizeof text, format, arguments);
  if (length > 0) base::LogDebug("http server", {{"message", base::TrimSpace(text)}});
}

MHD_Result AddHeader(void* to, MHD_ValueKind, const char* name, size_t name_size, const char* value,
                     size_t value_size) {
  auto& headers = *static_cast<Pairs*>(to);
  headers.emplace_back(std::string(name, name_size),
                       value == nullptr ? std::string() : std::string(value, value_size));
  return MHD_YES;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        pool_(std::max<size_t>(1, options_.worker_threads), options_.max_queued_requests) {}
  ~ServerImpl() override { Stop(kDefaultGraceSeconds); }

  Result<void> Open();
  std::vector<std::string> addresses() const override { return addresses_; }
  int port() const override { return listeners_.empty() ? 0 : listeners_.front().port(); }
  ServerStats stats() const override;
  void Stop(int grace_seconds) override;

 private:
  Result<void> StartDaemon(const Listener& listener);
  // The library's callbacks; `self` is the server.
  static void* OnRequestLine(void* self, const char* target, MHD_Connection* mhd);
  static MHD_Result OnProgress(void* self, MHD_Connection* mhd, const char* url, const char* method,
                               const char* version, const char* upload, size_t* upload_size,
                               void** context);
  static void OnCompleted(void* self, MHD_Connection* mhd, void** context,
                          MHD_RequestTerminationCode why);
  static void OnConnection(void* self, MHD_Connection* mhd, void** context,
                           MHD_ConnectionNotificationCode what);

  MHD_Result Begin(Exchange& exchange, const char* method);
  MHD_Result Dispatch(Exchange& exchange);
  MHD_Result Reject(Exchange& exchange, Response response);
  void Work(const std::shared_ptr<Exchange>& exchange);
  Response Answer(const Request& request);
  // Hands the response to the library's thread, unless the server has given up on the exchange.
  void Finish(Exchange& exchange, Response response);
  void WatchIdle();
  void WaitForRunning(std::chrono::milliseconds at_most);
  void Abandon();

  const ServerOptions options_;
  const Handler handler_;
  std::vector<std::string> addresses_;
  std::vector<Listener> listeners_;
  std::vector<MHD_Daemon*> daemons_;
  std::thread watcher_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> rejected_ = 0;

  std::mutex stop_mutex_;  // one Stop at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // no request may be suspended any more
  size_t running_ = 0;   // dispatched and not yet completed
  std::unordered_set<Exchange*> suspended_;
  std::unordered_set<Connection*> connections_;

  base::ThreadPool pool_;  // last: its threads use all of the above
};

void* ServerImpl::OnRequestLine(void* self, const char* target, MHD_Connection* mhd) {
  try {
    auto exchange =
        std::make_shared<Exchange>(static_cast<ServerImpl*>(self)->options_.max_body_bytes);
    exchange->reader.request().raw_target = target;
    exchange->mhd = mhd;
    const auto* info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info == nullptr || info->socket_context == nullptr) return nullptr;
    exchange->connection = static_cast<Connection*>(info->socket_context);
    exchange->self = exchange;
    return exchange.get();
  } catch (const std::exception&) {
    return nullptr;
  }
}

MHD_Result ServerImpl::OnProgress(void* self, MHD_Connection*, const char*, const char* method,
                                  const char*, const char* upload, size_t* upload_size,
                                  void** context) {
  auto& server = *static_cast<ServerImpl*>(self);
  auto* exchange = static_cast<Exchange*>(*context);
  if (exchange == nullptr) return MHD_NO;
  try {
    if (!exchange->started) return server.Begin(*exchange, method);
    if (*upload_size > 0) {
      const bool go_on = exchange->reader.AddBody({upload, *upload_size});
      *upload_size = 0;
      return go_on ? MHD_YES : MHD_NO;
    }
    return server.Dispatch(*exchange);
  } catch (const std::exception& e) {
    base::LogError("http request failed", {{"error", e.what()}});
    return MHD_NO;
  }
}

MHD_Result ServerImpl::Begin(Exchange& exchange, const char* method) {
  exchange.started = true;
  requests_.fetch_add(1, std::memory_order_relaxed);
  Request& request = exchange.reader.request();
  request.method = method;
  MHD_get_connection_values_n(exchange.mhd, MHD_HEADER_KIND, &AddHeader, &request.headers);
  const auto* info = MHD_get_connection_info(exchange.mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info != nullptr) request.remote_address = AddressText(info->client_addr);
  auto refusal = exchange.reader.CheckHead(options_.max_header_bytes);
  if (refusal) return Reject(exchange, *std::move(refusal));
  return MHD_YES;
}

MHD_Result ServerImpl::Dispatch(Exchange& exchange) {
  {
    const std::lock_guard lock(mutex_);
    if (exchange.ready) return Queue(exchange.mhd, exchange.response, closed_ || stopping_.load());
  }
  if (auto refusal = exchange.reader.Finish()) return Reject(exchange, *std::move(refusal));
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      exchange.connection->waiting_since_ns = 0;
      exchange.dispatched = exchange.suspended = true;
      ++running_;
      suspended_.insert(&exchange);
      MHD_suspend_connection(exchange.mhd);
    }
  }
  if (!exchange.dispatched)
    return Reject(exchange, Response::Text(503, "the server is stopping\n"));
  // From here on a worker may resume the connection at any time.
  const std::shared_ptr<Exchange> shared = exchange.self;
  if (pool_.TrySubmit([this, shared] { Work(shared); })) return MHD_YES;
  rejected_.fetch_add(1, std::memory_order_relaxed);
  Response busy = Response::Text(503, "too many requests wait; try again\n");
  busy.headers.emplace_back("Retry-After", "1");
  Finish(exchange, std::move(busy));
  return MHD_YES;
}

MHD_Result ServerImpl::Reject(Exchange& exchange, Response response) {
  rejected_.fetch_add(1, std::memory_order_relaxed);
  exchange.connection->waiting_since_ns = 0;
  return Queue(exchange.mhd, response, true);
}

void ServerImpl::Work(const std::shared_ptr<Exchange>& exchange) {
  Request& request = exchange->reader.request();
  {
    const std::lock_guard lock(mutex_);
    if (!exchange->suspended) return;
  }
  request.canceled = [this, fd = exchange->connection->fd] {
    return stopping_.load() || PeerGone(fd);
  };
  Finish(*exchange, Answer(request));
}

Response ServerImpl::Answer(const Request& request) {
  std::string error = "unknown exception";
  try {
    Response response = handler_(request);
    EncodeBody(request, options_.min_gzip_bytes, response);
    return response;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
  }
  base::LogError("http handler failed",
                 {{"method", request.method}, {"path", request.path}, {"error", error}});
  return Response::Text(500, "internal server error\n");
}

void ServerImpl::Finish(Exchange& exchange, Response response) {
  const std::lock_guard lock(mutex_);
  if (!exchange.suspended) return;
  exchange.suspended = false;
  exchange.response = std::move(response);
  exchange.ready = true;
  suspended_.erase(&exchange);
  MHD_resume_connection(exchange.mhd);
}

void ServerImpl::OnCompleted(void* self, MHD_Connection*, void** context,
                             MHD_RequestTerminationCode) {
  auto& server = *static_cast<ServerImpl*>(self);
  auto* exchange = static_cast<Exchange*>(*context);
  if (exchange == nullptr) return;
  *context = nullptr;
  exchange->connection->waiting_since_ns = base::SystemClock().SteadyNs();
  if (exchange->dispatched) {
    const std::lock_guard lock(server.mutex_);
    --server.running_;
    server.changed_.notify_all();
  }
  const std::shared_ptr<Exchange> last = std::move(exchange->self);
}

void ServerImpl::OnConnection(void* self, MHD_Connection* mhd, void** context,
                              MHD_ConnectionNotificationCode what) {
  auto& server = *static_cast<ServerImpl*>(self);
  const std::lock_guard lock(server.mutex_);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    const auto* info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == nullptr) return;
    auto* connection = new Connection{info->connect_fd, base::SystemClock().SteadyNs()};
    server.connections_.insert(connection);
    *context = connection;
  } else {
    auto* connection = static_cast<Connection*>(*context);
    server.connections_.erase(connection);
    delete connection;
  }
}

// The library's own timeout starts anew with every byte; this one ends a client that sends its
// request drop by drop.
void ServerImpl::WatchIdle() {
  const int64_t limit_ns = options_.idle_timeout_seconds * int64_t{1'000'000'000};
  const auto pause =
      std::chrono::milliseconds(std::clamp(options_.idle_timeout_seconds * 250, 100, 5000));
  std::unique_lock lock(mutex_);
  while (!closed_) {
    changed_.wait_for(lock, pause);
    const int64_t now = base::SystemClock().SteadyNs();
    for (Connection* connection : connections_) {
      const int64_t since = connection->waiting_since_ns.load();
      if (since != 0 && now - since > limit_ns) shutdown(connection->fd, SHUT_RDWR);
    }
  }
}

Result<void> ServerImpl::StartDaemon(const Listener& listener) {
  const unsigned flags =
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
  const unsigned io_threads = options_.max_connections >= 64 ? 2 : 0;  // 0: no pool, one thread
  const auto connections =
      static_cast<unsigned>(std::clamp<size_t>(options_.max_connections, 1, 1 << 20));
  const auto timeout = static_cast<unsigned>(std::max(1, options_.idle_timeout_seconds));
  MHD_Daemon* daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &OnProgress, this, MHD_OPTION_EXTERNAL_LOGGER, &LogFromLibrary,
      nullptr, MHD_OPTION_LISTEN_SOCKET, listener.fd(), MHD_OPTION_THREAD_POOL_SIZE, io_threads,
      MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT, timeout,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options_.max_header_bytes + kPoolExtraBytes,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, &OnRequestLine, this,
      MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_NOTIFY_CONNECTION, &OnConnection,
      this, MHD_OPTION_END);
  if (daemon == nullptr)
    return Fail(ErrorCode::kInternal, StrCat("cannot serve ", listener.address()));
  daemons_.push_back(daemon);
  return {};
}

Result<void> ServerImpl::Open() {
  for (const std::string& address : options_.listen_addresses) {
    std::vector<Listener> opened = TRY(Listen(address));
    addresses_.push_back(opened.front().address());
    for (Listener& listener : opened) listeners_.push_back(std::move(listener));
  }
  for (const int fd : options_.listen_sockets) {
    listeners_.push_back(TRY(AdoptListener(fd)));
    addresses_.push_back(listeners_.back().address());
  }
  if (listeners_.empty()) return Fail(ErrorCode::kInvalidArgument, "no listen address");
  for (const Listener& listener : listeners_) TRY(StartDaemon(listener));
  watcher_ = std::thread([this] { WatchIdle(); });
  return {};
}

ServerStats ServerImpl::stats() const {
  const std::lock_guard lock(mutex_);
  return {requests_.load(), rejected_.load(), connections_.size()};
}

void ServerImpl::WaitForRunning(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return running_ == 0; });
}

// The library must not be stopped while a connection is suspended.
void ServerImpl::Abandon() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
  for (Exchange* exchange : suspended_) {
    exchange->suspended = false;
    exchange->response = Response::Text(503, "the server is stopping\n");
    exchange->ready = true;
    MHD_resume_connection(exchange->mhd);
  }
  suspended_.clear();
}

void ServerImpl::Stop(int grace_seconds) {
  const std::lock_guard one_at_a_time(stop_mutex_);
  stopping_ = true;
  if (!daemons_.empty()) {
    for (MHD_Daemon* daemon : daemons_) MHD_quiesce_daemon(daemon);
    for (const Listener& listener : listeners_) shutdown(listener.fd(), SHUT_RDWR);
    WaitForRunning(std::chrono::seconds(std::max(0, grace_seconds)));
  }
  Abandon();
  WaitForRunning(kFlushTime);
  for (MHD_Daemon* daemon : daemons_) MHD_stop_daemon(daemon);
  daemons_.clear();
  if (watcher_.joinable()) watcher_.join();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Handler handler) {
  auto server = std::make_unique<ServerImpl>(std::move(options), std::move(handler));
  TRY(server->Open());
  return server;
}

}  // namespace slurmscope::http
