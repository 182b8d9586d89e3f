#include "http/kept_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/clock.h"

namespace slurmscope::http {

using base::ErrorCode;

namespace {

// What lies between may have forgotten a connection that is idle for longer; libcurl's own limit.
constexpr int64_t kMaxIdleNs = int64_t{118} * 1'000'000'000;

}  // namespace

KeptConnection::KeptConnection(EventLoop& loop, int fd, std::string request, SpareBodies& spare,
                               Restart restart)
    : loop_(loop),
      fd_(fd),
      request_(std::move(request)),
      spare_(spare),
      restart_(std::move(restart)),
      idle_since_ns_(base::SystemClock().SteadyNs()) {
  if (!loop_.Watch(fd_, EPOLLIN, *this)) Close();
}

KeptConnection::~KeptConnection() { Close(); }

void KeptConnection::Close() {
  if (fd_ < 0) return;
  loop_.Unwatch(fd_);
  close(std::exchange(fd_, -1));
}

bool KeptConnection::Start(std::unique_ptr<Transfer>& transfer) {
  if (fd_ < 0 || transfer_ != nullptr) return false;
  const int64_t now = base::SystemClock().SteadyNs();
  if (now - idle_since_ns_ > kMaxIdleNs) {
    Close();
    return false;
  }
  const ssize_t sent = send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(request_.size())) {
    Close();
    return false;
  }
  transfer_ = std::move(transfer);
  received_ = false;
  reader_.Begin(spare_.Take(), transfer_->request().max_body_bytes, expected_bytes_);
  timer_ = loop_.RunAt(now + transfer_->request().timeout_ms * 1'000'000, [this] {
    Close();
    Fail(ErrorCode::kTimeout, kTimeoutReason);
  });
  return true;
}

void KeptConnection::OnReady(int fd, uint32_t) {
  if (fd != fd_) return;
  // The peer closes, or talks without being asked.
  if (transfer_ == nullptr) return Close();
  Receive();
}

void KeptConnection::Receive() {
  while (true) {
    const auto room = reader_.room();
    const ssize_t size = recv(fd_, room.data, room.size, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (size <= 0) return OnEnd();
    received_ = true;
    switch (reader_.Received(static_cast<size_t>(size))) {
      case ResponseReader::State::kMore:
        break;
      case ResponseReader::State::kDone:
        return Done();
      case ResponseReader::State::kOdd:
        return GiveBack();
      case ResponseReader::State::kTooBig:
        Close();
        spare_.Keep(reader_.TakeBuffer());
        return End()->FailTooBig();
    }
    if (static_cast<size_t>(size) < room.size) return;
  }
}

// Before the first byte of an answer it only means that the peer did not want to keep the
// connection.
void KeptConnection::OnEnd() {
  if (!received_) return GiveBack();
  Close();
  Fail(ErrorCode::kUnavailable, "unexpected EOF");
}

void KeptConnection::Done() {
  if (transfer_->RedirectsOn(reader_.status())) return GiveBack();
  if (!reader_.keeps()) Close();
  expected_bytes_ = reader_.used_bytes();
  idle_since_ns_ = base::SystemClock().SteadyNs();
  const std::unique_ptr<Transfer> transfer = End();
  transfer->TakeHead(reader_.head());
  transfer->FinishWith(reader_.status(), reader_.TakeBody(), spare_);
}

void KeptConnection::GiveBack() {
  Close();
  spare_.Keep(reader_.TakeBuffer());
  restart_(End());
}

std::unique_ptr<Transfer> KeptConnection::End() {
  loop_.Cancel(timer_);
  return std::move(transfer_);
}

void KeptConnection::Fail(ErrorCode code, std::string_view reason) {
  spare_.Keep(reader_.TakeBuffer());
  End()->Fail(code, reason);
}

void KeptConnection::Cancel() {
  Close();
  if (transfer_ != nullptr) Fail(ErrorCode::kCanceled, "the client stops");
}

}  // namespace slurmscope::http
