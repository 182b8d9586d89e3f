#include <poll.h>

#include "base/clock.h"
#include "http/encoding.h"
#include "http/mhd_response.h"
#include "http/server_impl.h"

namespace slurmscope::http {
namespace {

constexpr size_t kSendBytes = 64 * 1024;  // of a body that is made while it is sent

// What the library holds of a body that is made while it is sent.
struct Streaming {
  ServerImpl* server;
  std::shared_ptr<Exchange> exchange;
};

}  // namespace

bool PeerGone(int fd) {
  pollfd entry{fd, POLLRDHUP, 0};
  return poll(&entry, 1, 0) > 0 &&
         (entry.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void ServerImpl::TakeEvents(Exchange& exchange, Response& response) {
  exchange.events = response.events;
  response.rest = [events = std::move(response.events)](std::string& out) {
    return events->Drain(out);
  };
  response.events = nullptr;
}

std::unique_ptr<BodyStream> ServerImpl::Stream(const Request& request, Response& response) {
  // A coder would keep small pieces to itself.
  const bool live = response.content_type == "text/event-stream";
  const Coding coding = live ? Coding::kIdentity : PrepareStream(request, response);
  auto stream = BodyStream::Create(response, coding);
  if (stream == nullptr) {
    response = Response::Text(503, "no memory to code the answer\n");
    return nullptr;
  }
  stream->MakeNext();
  return stream;
}

MHD_Result ServerImpl::QueueStream(Exchange& exchange, bool close) {
  auto streaming = std::make_unique<Streaming>(Streaming{this, exchange.self});
  MHD_Response* out = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kSendBytes, &OnReadBody,
                                                        streaming.get(), &OnBodyDone);
  if (out != nullptr) (void)streaming.release();
  exchange.connection->waiting_since_ns = base::SystemClock().SteadyNs();
  return QueueResponse(exchange.mhd, exchange.response, out, close);
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
  if (exchange->events && stopping_) exchange->events->Close();
  if (exchange->events && exchange->events->WaitForText([this, exchange] { Resume(*exchange); })) {
    return 0;
  }
  // Where too many requests wait, the piece is made here rather than not at all.
  if (!pool_.TrySubmit([this, exchange] { MakePiece(exchange); })) MakePiece(exchange);
  return 0;
}

// The library will ask for the next piece.
void ServerImpl::Resume(Exchange& exchange) {
  const std::lock_guard lock(mutex_);
  if (!exchange.suspended) return;
  exchange.suspended = false;
  exchange.connection->waiting_since_ns = base::SystemClock().SteadyNs();
  suspended_.erase(&exchange);
  MHD_resume_connection(exchange.mhd);
}

// While a connection is suspended the library does not look at it.
void ServerImpl::DropGoneSubscribers() {
  const std::lock_guard lock(mutex_);
  for (auto it = suspended_.begin(); it != suspended_.end();) {
    Exchange& exchange = **it;
    if (!exchange.events || !exchange.stream || !PeerGone(exchange.connection->fd)) {
      ++it;
      continue;
    }
    it = suspended_.erase(it);
    exchange.suspended = false;
    exchange.given_up = true;
    MHD_resume_connection(exchange.mhd);
  }
}

void ServerImpl::EndEvents() {
  std::vector<std::shared_ptr<EventQueue>> queues;
  {
    const std::lock_guard lock(mutex_);
    for (Exchange* exchange : suspended_) {
      if (exchange->events) queues.push_back(exchange->events);
    }
  }
  // Without the lock: closing wakes, which takes it.
  for (const auto& queue : queues) queue->Close();
}

void ServerImpl::MakePiece(const std::shared_ptr<Exchange>& exchange) {
  {
    const std::lock_guard lock(mutex_);
    if (!exchange->suspended) return;
  }
  exchange->stream->MakeNext();
  Resume(*exchange);
}

}  // namespace slurmscope::http
