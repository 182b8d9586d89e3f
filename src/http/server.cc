#include "http/server.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdarg>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "http/server_impl.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

namespace {

// Parsed headers, the reply's headers and a piece of the body live in the same pool as the header
// block.
constexpr size_t kPoolExtraBytes = 16 * 1024;
constexpr std::chrono::milliseconds kFlushTime(200);

void LogFromLibrary(void*, const char* format, va_list arguments) {
  char text[512];
  const int length = vsnprintf(text, sizeof text, format, arguments);
  if (length > 0) base::LogDebug("http server", {{"message", base::TrimSpace(text)}});
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

// Never called: each session gets its certificates when it is attached to its context. The library
// wants one of them at the start.
int NoCertificate(gnutls_session_t, const gnutls_datum_t*, int, const gnutls_pk_algorithm_t*, int,
                  gnutls_pcert_st**, unsigned*, gnutls_privkey_t*) {
  return -1;
}

}  // namespace

ServerImpl::ServerImpl(ServerOptions options, Handler handler)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      access_(std::static_pointer_cast<AccessImpl>(options_.access)),
      connections_(TableLimits(options_)),
      pool_(std::max<size_t>(1, options_.worker_threads), options_.max_queued_requests) {}

void ServerImpl::WatchIdle() {
  const auto pause =
      std::chrono::milliseconds(std::clamp(options_.idle_timeout_seconds * 250, 100, 5000));
  std::unique_lock lock(mutex_);
  while (!closed_) {
    changed_.wait_for(lock, pause);
    lock.unlock();
    connections_.CloseStale(base::SystemClock().SteadyNs());
    DropGoneSubscribers();
    lock.lock();
  }
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
    EndEvents();
    WaitForRunning(std::chrono::seconds(std::max(0, grace_seconds)));
  }
  Abandon();
  WaitForRunning(kFlushTime);
  for (MHD_Daemon* daemon : daemons_) MHD_stop_daemon(daemon);
  daemons_.clear();
  if (watcher_.joinable()) watcher_.join();
}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Handler handler) {
  auto server = std::make_unique<ServerImpl>(std::move(options), std::move(handler));
  TRY(server->Open());
  return server;
}

}  // namespace slurmscope::http
