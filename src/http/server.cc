#include "http/server.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <poll.h>
#include <sys/resource.h>
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
#include "http/access_impl.h"
#include "http/body_stream.h"
#include "http/connection_table.h"
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
constexpr size_t kSendBytes = 64 * 1024;  // of a body that is made while it is sent

// One request on its way. libmicrohttpd's thread owns it through `self` until the request
// completes; a worker holds it for as long as the handler runs, which may be longer when the server
// stops.
struct Exchange {
  RequestReader reader;
  Response response;
  MHD_Connection* mhd = nullptr;
  Connection* connection = nullptr;
  size_t body_bytes = 0;  // counted in the server's total
  bool started = false;
  bool counted = false;  // among the requests of the client
  bool dispatched = false;
  bool suspended = false;  // guarded by ServerImpl::mutex_
  bool ready = false;      // guarded by ServerImpl::mutex_
  bool given_up = false;   // guarded by ServerImpl::mutex_: the server stops, the body is cut off
  // Of a response with a rest; a worker's while suspended, else the library's thread's.
  std::unique_ptr<BodyStream> stream;
  std::shared_ptr<Exchange> self;

  explicit Exchange(size_t max_body_bytes) : reader(max_body_bytes) {}
};

Response Busy(int status, std::string text) {
  Response busy = Response::Text(status, std::move(text));
  busy.headers.emplace_back("Retry-After", "1");
  return busy;
}

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
  if (out != nullptr) (void)body.release();
  return out;
}

MHD_Result Queue(MHD_Connection* mhd, Response& response, MHD_Response* out, bool close) {
  if (out == nullptr) return MHD_NO;
  if (response.status != 204 && response.status != 304 && !response.content_type.empty()) {
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

MHD_Result Queue(MHD_Connection* mhd, Response& response, bool close) {
  if (response.status < 200 || response.status > 999)
    response = Response::Text(500, "invalid status\n");
  if (response.status == 204 || response.status == 304) {
    response.body.clear();
    response.static_body = {};
  }
  return Queue(mhd, response, ToMhd(response), close);
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

constexpr int64_t kSecondNs = 1'000'000'000;
// More than any client needs that means to send a request.
constexpr int64_t kFreshSeconds = 30;

size_t MaxConnections(const ServerOptions& options) {
  size_t most = std::max<size_t>(1, options.max_connections);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) most = std::min<size_t>(most, files.rlim_cur / 2);
  return std::max<size_t>(1, most);
}

ConnectionTable::Limits TableLimits(const ServerOptions& options) {
  ConnectionTable::Limits limits;
  limits.connections = MaxConnections(options);
  limits.connections_per_client = options.max_connections_per_client;
  limits.connections_per_remote_client = std::max<size_t>(1, limits.connections / 2);
  limits.requests_per_client = options.max_requests_per_client;
  limits.requests_per_remote_client = std::max<size_t>(1, options.max_queued_requests / 2);
  limits.idle_ns = options.idle_timeout_seconds * kSecondNs;
  limits.fresh_ns = std::min(limits.idle_ns, kFreshSeconds * kSecondNs);
  return limits;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        access_(std::static_pointer_cast<AccessImpl>(options_.access)),
        connections_(TableLimits(options_)),
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
  static MHD_Result OnAccept(void* self, const sockaddr* address, socklen_t size);
  static void OnConnection(void* self, MHD_Connection* mhd, void** context,
                           MHD_ConnectionNotificationCode what);

  MHD_Result Begin(Exchange& exchange, const char* method);
  MHD_Result Dispatch(Exchange& exchange);
  bool AnswerAtOnce(Exchange& exchange);
  MHD_Result Reject(Exchange& exchange, Response response);
  MHD_Result Send(Exchange& exchange, bool close);
  std::optional<Response> Refusal(Exchange& exchange);
  bool TakeBody(Exchange& exchange, std::string_view piece);
  void Work(const std::shared_ptr<Exchange>& exchange);
  Response Answer(Request& request);
  // Hands the response to the library's thread, unless the server has given up on the exchange.
  void Finish(Exchange& exchange, Response response, std::unique_ptr<BodyStream> stream = nullptr);
  static std::unique_ptr<BodyStream> Stream(const Request& request, Response& response);
  // Of a body that is made while it is sent; `streaming` is a Streaming.
  static ssize_t OnReadBody(void* streaming, uint64_t position, char* out, size_t size);
  static void OnBodyDone(void* streaming);
  MHD_Result QueueStream(Exchange& exchange, bool close);
  ssize_t WaitForPiece(const std::shared_ptr<Exchange>& exchange);
  void MakePiece(const std::shared_ptr<Exchange>& exchange);
  void WatchIdle();
  void WaitForRunning(std::chrono::milliseconds at_most);
  void Abandon();

  const ServerOptions options_;
  const Handler handler_;
  const std::shared_ptr<AccessImpl> access_;
  ConnectionTable connections_;
  std::vector<std::string> addresses_;
  std::vector<Listener> listeners_;
  std::vector<MHD_Daemon*> daemons_;
  std::thread watcher_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> rejected_ = 0;
  std::atomic<size_t> body_bytes_ = 0;  // of all requests

  std::mutex stop_mutex_;  // one Stop at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // no request may be suspended any more
  size_t running_ = 0;   // dispatched and not yet completed
  std::unordered_set<Exchange*> suspended_;

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
      const bool go_on = server.TakeBody(*exchange, {upload, *upload_size});
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
  exchange.connection->fresh = false;
  request.secure = exchange.connection->tls != nullptr;
  auto refusal = Refusal(exchange);
  if (!refusal) refusal = exchange.reader.CheckHead(options_.max_header_bytes);
  if (refusal) return Reject(exchange, *std::move(refusal));
  return MHD_YES;
}

// Before the body is read: what comes from strangers takes no memory.
std::optional<Response> ServerImpl::Refusal(Exchange& exchange) {
  if (exchange.connection->tls) {
    const auto* info = MHD_get_connection_info(exchange.mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info == nullptr || !exchange.connection->tls->Permits(info->tls_session))
      return Response::Text(403, "this cipher suite is not allowed\n");
  }
  if (!access_) return std::nullopt;
  access_->RefreshNow();
  if (auto refusal = access_->RateRefusal()) return refusal;
  if (!options_.check_users) return std::nullopt;
  return access_->Refusal(exchange.reader.request(), false);
}

bool ServerImpl::TakeBody(Exchange& exchange, std::string_view piece) {
  exchange.body_bytes += piece.size();
  if (body_bytes_.fetch_add(piece.size()) + piece.size() > options_.max_total_body_bytes)
    exchange.reader.RefuseBody();
  return exchange.reader.AddBody(piece);
}

MHD_Result ServerImpl::Dispatch(Exchange& exchange) {
  {
    const std::lock_guard lock(mutex_);
    if (exchange.ready) return Send(exchange, closed_ || stopping_.load());
  }
  if (auto refusal = exchange.reader.Finish()) return Reject(exchange, *std::move(refusal));
  if (!connections_.BeginRequest(*exchange.connection)) {
    return Reject(exchange, Busy(429, "too many requests of this client are under way\n"));
  }
  exchange.counted = true;
  if (AnswerAtOnce(exchange)) return Send(exchange, stopping_.load());
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
  Finish(exchange, Busy(503, "too many requests wait; try again\n"));
  return MHD_YES;
}

// False where a worker has to answer.
bool ServerImpl::AnswerAtOnce(Exchange& exchange) {
  Request& request = exchange.reader.request();
  const bool users = access_ && options_.check_users;
  if (users || !options_.hurry || !options_.hurry(request)) return false;
  const std::string path = request.path;  // a prefix is taken off it
  request.hurried = true;
  Response response = Answer(request);
  request.hurried = false;
  if (response.later) {
    request.path = path;
    return false;
  }
  if (response.rest) exchange.stream = Stream(request, response);
  exchange.connection->waiting_since_ns = 0;
  exchange.response = std::move(response);
  return true;
}

MHD_Result ServerImpl::Reject(Exchange& exchange, Response response) {
  rejected_.fetch_add(1, std::memory_order_relaxed);
  exchange.connection->waiting_since_ns = 0;
  exchange.response = std::move(response);
  return Send(exchange, true);
}

MHD_Result ServerImpl::Send(Exchange& exchange, bool close) {
  if (access_) access_->AddHeaders(exchange.response);
  return exchange.stream ? QueueStream(exchange, close)
                         : Queue(exchange.mhd, exchange.response, close);
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
  Response response = Answer(request);
  std::unique_ptr<BodyStream> stream;
  if (response.rest) stream = Stream(request, response);
  Finish(*exchange, std::move(response), std::move(stream));
}

std::unique_ptr<BodyStream> ServerImpl::Stream(const Request& request, Response& response) {
  const Coding coding = PrepareStream(request, response);
  auto stream = BodyStream::Create(response, coding);
  if (stream == nullptr) {
    response = Response::Text(503, "no memory to code the answer\n");
    return nullptr;
  }
  stream->MakeNext();
  return stream;
}

// Takes the prefix off the path; a response where there is nothing below it.
std::optional<Response> OutsidePrefix(Request& request, const std::string& prefix) {
  if (prefix.empty()) return std::nullopt;
  if (request.path == "/") return Response::Redirect(prefix);
  if (!request.path.starts_with(prefix)) return Response::Text(404, "404 page not found\n");
  const std::string rest = request.path.substr(prefix.size());
  if (!rest.empty() && rest[0] != '/') return Response::Text(404, "404 page not found\n");
  request.path = rest.empty() ? "/" : rest;
  return std::nullopt;
}

Response ServerImpl::Answer(Request& request) {
  std::string error = "unknown exception";
  try {
    if (access_ && options_.check_users) {
      if (auto refusal = access_->Refusal(request, true)) return *std::move(refusal);
    }
    if (auto outside = OutsidePrefix(request, options_.path_prefix)) return *std::move(outside);
    Response response = handler_(request);
    if (response.later) return response;
    if (!response.rest) EncodeBody(request, options_.min_gzip_bytes, response);
    return response;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
  }
  base::LogError("http handler failed",
                 {{"method", request.method}, {"path", request.path}, {"error", error}});
  return Response::Text(500, "internal server error\n");
}

void ServerImpl::Finish(Exchange& exchange, Response response, std::unique_ptr<BodyStream> stream) {
  const std::lock_guard lock(mutex_);
  if (!exchange.suspended) return;
  exchange.suspended = false;
  exchange.response = std::move(response);
  exchange.stream = std::move(stream);
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
  server.body_bytes_ -= exchange->body_bytes;
  if (exchange->counted) server.connections_.EndRequest(*exchange->connection);
  if (exchange->dispatched) {
    const std::lock_guard lock(server.mutex_);
    --server.running_;
    server.changed_.notify_all();
  }
  const std::shared_ptr<Exchange> last = std::move(exchange->self);
}

MHD_Result ServerImpl::OnAccept(void* self, const sockaddr* address, socklen_t) {
  auto& server = *static_cast<ServerImpl*>(self);
  if (server.connections_.MayConnect(ClientOf(AddressText(address)))) return MHD_YES;
  server.rejected_.fetch_add(1, std::memory_order_relaxed);
  return MHD_NO;
}

void ServerImpl::OnConnection(void* self, MHD_Connection* mhd, void** context,
                              MHD_ConnectionNotificationCode what) {
  auto& server = *static_cast<ServerImpl*>(self);
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    if (*context != nullptr) server.connections_.Remove(static_cast<Connection*>(*context));
    return;
  }
  const auto* info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return;
  const int fd = info->connect_fd;
  std::string client;
  info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info != nullptr) client = ClientOf(AddressText(info->client_addr));
  std::shared_ptr<const TlsContext> tls;
  if (server.access_) {
    server.access_->RefreshNow();
    tls = server.access_->tls();
  }
  if (tls) {
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info == nullptr) return;
    tls->Attach(info->tls_session);
  }
  *context = server.connections_.Add(fd, std::move(client), std::move(tls),
                                     base::SystemClock().SteadyNs());
}

// What the library holds of a body that is made while it is sent.
struct Streaming {
  ServerImpl* server;
  std::shared_ptr<Exchange> exchange;
};

MHD_Result ServerImpl::QueueStream(Exchange& exchange, bool close) {
  auto streaming = std::make_unique<Streaming>(Streaming{this, exchange.self});
  MHD_Response* out = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kSendBytes, &OnReadBody,
                                                        streaming.get(), &OnBodyDone);
  if (out != nullptr) (void)streaming.release();
  exchange.connection->waiting_since_ns = base::SystemClock().SteadyNs();
  return Queue(exchange.mhd, exchange.response, out, close);
}

void ServerImpl::OnBodyDone(void* streaming) { delete static_cast<Streaming*>(streaming); }

ssize_t ServerImpl::OnReadBody(void* streaming, uint64_t, char* out, size_t size) {
  const auto& [server, exchange] = *static_cast<Streaming*>(streaming);
  {
    const std::lock_guard lock(server->mutex_);
    if (exchange->given_up) return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  BodyStream& stream = *exchange->stream;
  if (const size_t n = stream.Read(out, size); n > 0) return static_cast<ssize_t>(n);
  if (stream.broken()) return MHD_CONTENT_READER_END_WITH_ERROR;
  if (stream.complete()) return MHD_CONTENT_READER_END_OF_STREAM;
  return server->WaitForPiece(exchange);
}

ssize_t ServerImpl::WaitForPiece(const std::shared_ptr<Exchange>& exchange) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return MHD_CONTENT_READER_END_WITH_ERROR;
    exchange->connection->waiting_since_ns = 0;
    exchange->suspended = true;
    suspended_.insert(exchange.get());
    MHD_suspend_connection(exchange->mhd);
  }
  // Where too many requests wait, the piece is made here rather than not at all.
  if (!pool_.TrySubmit([this, exchange] { MakePiece(exchange); })) MakePiece(exchange);
  return 0;
}

void ServerImpl::MakePiece(const std::shared_ptr<Exchange>& exchange) {
  {
    const std::lock_guard lock(mutex_);
    if (!exchange->suspended) return;
  }
  exchange->stream->MakeNext();
  const std::lock_guard lock(mutex_);
  if (!exchange->suspended) return;
  exchange->suspended = false;
  exchange->connection->waiting_since_ns = base::SystemClock().SteadyNs();
  suspended_.erase(exchange.get());
  MHD_resume_connection(exchange->mhd);
}

void ServerImpl::WatchIdle() {
  const auto pause =
      std::chrono::milliseconds(std::clamp(options_.idle_timeout_seconds * 250, 100, 5000));
  std::unique_lock lock(mutex_);
  while (!closed_) {
    changed_.wait_for(lock, pause);
    lock.unlock();
    connections_.CloseStale(base::SystemClock().SteadyNs());
    lock.lock();
  }
}

// Never called: each session gets its certificates when it is attached to its context. The library
// wants one of them at the start.
int NoCertificate(gnutls_session_t, const gnutls_datum_t*, int, const gnutls_pk_algorithm_t*, int,
                  gnutls_pcert_st**, unsigned*, gnutls_privkey_t*) {
  return -1;
}

Result<void> ServerImpl::StartDaemon(const Listener& listener) {
  const size_t most = MaxConnections(options_);
  const unsigned io_threads = most >= 64 ? 2 : 0;  // 0: no pool, one thread
  // The table makes room before this limit stops a thread from taking connections.
  const auto connections = static_cast<unsigned>(std::clamp<size_t>(2 * most + 16, 1, 1 << 20));
  const auto timeout = static_cast<unsigned>(std::max(1, options_.idle_timeout_seconds));
  unsigned flags =
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
  std::vector<MHD_OptionItem> tls;
  if (access_ && access_->has_tls()) {
    flags |= MHD_USE_TLS;
    tls.push_back({MHD_OPTION_HTTPS_CERT_CALLBACK, 0, reinterpret_cast<void*>(&NoCertificate)});
  }
  tls.push_back({MHD_OPTION_END, 0, nullptr});
  MHD_Daemon* daemon = MHD_start_daemon(
      flags, 0, &OnAccept, this, &OnProgress, this, MHD_OPTION_EXTERNAL_LOGGER, &LogFromLibrary,
      nullptr, MHD_OPTION_LISTEN_SOCKET, listener.fd(), MHD_OPTION_THREAD_POOL_SIZE, io_threads,
      MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT, timeout,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options_.max_header_bytes + kPoolExtraBytes,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, &OnRequestLine, this,
      MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_NOTIFY_CONNECTION, &OnConnection,
      this, MHD_OPTION_ARRAY, tls.data(), MHD_OPTION_END);
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
    exchange->given_up = true;
    // A worker may be at work on the stream; where an answer has begun, it is cut off.
    if (!exchange->ready) exchange->response = Response::Text(503, "the server is stopping\n");
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
