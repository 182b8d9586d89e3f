#include <gnutls/gnutls.h>
#include <sys/socket.h>

#include <cstring>
#include <exception>

#include "base/clock.h"
#include "base/log.h"
#include "http/encoding.h"
#include "http/mhd_response.h"
#include "http/server_impl.h"

namespace slurmscope::http {
namespace {

constexpr size_t kKeptBodyBytes = 4096;  // of a request, with an idle connection

Response Busy(int status, std::string text) {
  Response busy = Response::Text(status, std::move(text));
  busy.headers.emplace_back("Retry-After", "1");
  return busy;
}

MHD_Result AddHeader(void* to, MHD_ValueKind, const char* name, size_t name_size, const char* value,
                     size_t value_size) {
  auto& reader = *static_cast<RequestReader*>(to);
  reader.AddHeader({name, name_size},
                   value == nullptr ? std::string_view() : std::string_view(value, value_size));
  return MHD_YES;
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

// Keeps the library from reading the parameters, which RequestReader does: it makes a record of
// each in the memory of the connection, and where there is none left for one it goes on in a state
// in which it neither answers nor closes, and may crash. `target` is the library's own buffer,
// whose text it takes from behind the question mark to the first NUL.
void HideParameters(const char* target) {
  const char* question = std::strchr(target, '?');
  if (question != nullptr && question[1] != '\0') const_cast<char*>(question)[1] = '\0';
}

}  // namespace

void Exchange::Clear() {
  reader.Clear();
  // The rest of it is set by the next answer.
  if (response.take_back) response.take_back(std::move(response.body));
  response.take_back = nullptr;
  response.body = std::string();
  response.rest = nullptr;
  response.events = nullptr;
  body_bytes = 0;
  started = counted = dispatched = suspended = ready = given_up = false;
  stream = nullptr;
  events = nullptr;
}

void* ServerImpl::OnRequestLine(void* self, const char* target, MHD_Connection* mhd) {
  try {
    const auto* info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info == nullptr || info->socket_context == nullptr) return nullptr;
    auto* connection = static_cast<Connection*>(info->socket_context);
    if (connection->begun != nullptr) static_cast<ServerImpl*>(self)->Complete(*connection->begun);
    std::shared_ptr<Exchange> exchange = std::move(connection->last);
    if (!exchange) {
      exchange =
          std::make_shared<Exchange>(static_cast<ServerImpl*>(self)->options_.max_body_bytes);
    }
    exchange->reader.request().raw_target = target;
    HideParameters(target);
    exchange->mhd = mhd;
    exchange->connection = connection;
    Exchange* const begun = exchange.get();
    begun->self = std::move(exchange);
    connection->begun = begun;
    return begun;
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
  MHD_get_connection_values_n(exchange.mhd, MHD_HEADER_KIND, &AddHeader, &exchange.reader);
  exchange.reader.EndHeaders();
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
  bool ready = false;
  bool close = false;
  {
    const std::lock_guard lock(mutex_);
    ready = exchange.ready;
    close = closed_ || stopping_.load();
  }
  // Not under the lock: the library has one of its own about a response.
  if (ready) return Send(exchange, close);
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
  // The prefix is taken off the path.
  const std::string path = options_.path_prefix.empty() ? "" : request.path;
  request.hurried = true;
  Response response = Answer(request);
  request.hurried = false;
  if (response.later) {
    if (!path.empty()) request.path = path;
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
                         : QueueResponse(exchange.mhd, exchange.response, close);
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
  if (response.events) TakeEvents(*exchange, response);
  if (response.rest) stream = Stream(request, response);
  Finish(*exchange, std::move(response), std::move(stream));
}

Response ServerImpl::Answer(Request& request) {
  std::string error;
  try {
    if (access_ && options_.check_users) {
      if (auto refusal = access_->Refusal(request, true)) return *std::move(refusal);
    }
    if (auto outside = OutsidePrefix(request, options_.path_prefix)) return *std::move(outside);
    Response response = handler_(request);
    if (response.later) return response;
    if (!response.rest && !response.events) EncodeBody(request, options_.min_gzip_bytes, response);
    return response;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "unknown exception";
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
  auto* exchange = static_cast<Exchange*>(*context);
  if (exchange == nullptr) return;
  *context = nullptr;
  static_cast<ServerImpl*>(self)->Complete(*exchange);
}

void ServerImpl::Complete(Exchange& exchange) {
  Connection& connection = *exchange.connection;
  connection.begun = nullptr;
  connection.waiting_since_ns = base::SystemClock().SteadyNs();
  body_bytes_ -= exchange.body_bytes;
  if (exchange.events) exchange.events->Abandon();
  if (exchange.counted) connections_.EndRequest(connection);
  if (exchange.dispatched) {
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
  std::shared_ptr<Exchange> last = std::move(exchange.self);
  // A worker may still hold one that the server gave up; large ones are not kept for idle clients.
  const bool small = last->reader.request().body.capacity() <= kKeptBodyBytes;
  if (last.use_count() > 1 || !small) return;
  last->Clear();
  connection.last = std::move(last);
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
    auto* connection = static_cast<Connection*>(*context);
    if (connection == nullptr) return;
    // The library does not tell of the end of a request whose head it refused.
    if (connection->begun != nullptr) server.Complete(*connection->begun);
    server.connections_.Remove(connection);
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

}  // namespace slurmscope::http
