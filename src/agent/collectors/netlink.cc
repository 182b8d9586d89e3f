#include "agent/collectors/netlink.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "agent/progress.h"

namespace slurmscope::agent {
namespace {

constexpr size_t kBuffer = 64 * 1024;  // the kernel fills at most 32 KiB a datagram
constexpr size_t kMaxPayload = 256;

size_t Align4(size_t n) { return (n + 3) & ~size_t{3}; }

// NLMSG_ERROR with 0 is an acknowledgement; NLMSG_DONE may carry what went wrong in the middle.
Result<void> CheckEnd(const nlmsghdr& header, std::string_view body) {
  int error = 0;
  if (body.size() >= sizeof error) std::memcpy(&error, body.data(), sizeof error);
  if (header.nlmsg_type == NLMSG_ERROR && body.size() < sizeof error)
    return base::Fail(base::ErrorCode::kCorruption, "netlink: short error");
  if (error < 0) return base::FailErrno("netlink", -error);
  return {};
}

}  // namespace

Result<bool> ParseNetlink(std::string_view datagram, uint32_t sequence,
                          NetlinkSocket::Visit visit) {
  bool ended = false;
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = CopyPrefix<nlmsghdr>(datagram);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size())
      return base::Fail(base::ErrorCode::kCorruption, "netlink: bad message length");
    const std::string_view body = datagram.substr(sizeof header, header.nlmsg_len - sizeof header);
    datagram.remove_prefix(std::min(Align4(header.nlmsg_len), datagram.size()));
    if (header.nlmsg_seq != sequence || header.nlmsg_type == NLMSG_NOOP) continue;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      TRY(CheckEnd(header, body));
      return true;
    }
    TRY(visit(header.nlmsg_type, body));
    ended = (header.nlmsg_flags & NLM_F_MULTI) == 0;
  }
  return ended;
}

Result<void> ForEachAttribute(std::string_view attributes,
                              base::FunctionRef<void(uint16_t, std::string_view)> use) {
  while (attributes.size() >= sizeof(nlattr)) {
    const auto header = CopyPrefix<nlattr>(attributes);
    if (header.nla_len < sizeof header || header.nla_len > attributes.size())
      return base::Fail(base::ErrorCode::kCorruption, "netlink: bad attribute length");
    use(header.nla_type & NLA_TYPE_MASK,
        attributes.substr(sizeof header, header.nla_len - sizeof header));
    attributes.remove_prefix(std::min(Align4(header.nla_len), attributes.size()));
  }
  return {};
}

Result<void> NetlinkSocket::Open() {
  base::File socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol_));
  if (!socket.is_open()) return base::FailErrno("netlink socket", errno);
  const timeval timeout{1, 0};
  if (::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0)
    return base::FailErrno("netlink socket timeout", errno);
  buffer_.reset(new char[kBuffer]);
  socket_ = std::move(socket);
  return {};
}

Result<void> NetlinkSocket::Send(uint16_t type, uint16_t flags, std::string_view payload) {
  alignas(nlmsghdr) char request[sizeof(nlmsghdr) + kMaxPayload];
  if (payload.size() > kMaxPayload)
    return base::Fail(base::ErrorCode::kInvalidArgument, "netlink: question too long");
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(request, &header, sizeof header);
  std::memcpy(request + sizeof header, payload.data(), payload.size());
  if (::send(socket_.fd(), request, header.nlmsg_len, 0) < 0)
    return base::FailErrno("netlink request", errno);
  return {};
}

Result<void> NetlinkSocket::Receive(Visit visit) {
  for (;;) {
    const ssize_t n = ::recv(socket_.fd(), buffer_.get(), kBuffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return base::FailErrno("netlink answer", n == 0 ? EPIPE : errno);
    if (TRY(ParseNetlink({buffer_.get(), static_cast<size_t>(n)}, sequence_, visit))) return {};
  }
}

Result<void> NetlinkSocket::Exchange(uint16_t type, uint16_t flags, std::string_view payload,
                                     Visit visit) {
  NotePath("netlink");  // the kernel answers under locks that others may keep
  if (!socket_.is_open()) TRY(Open());
  auto done = Send(type, flags, payload);
  if (done) done = Receive(visit);
  // What is left of the answer must not meet the next question.
  if (!done) socket_.Close();
  return done;
}

Result<void> NetlinkSocket::Dump(uint16_t type, std::string_view payload, Visit visit) {
  return Exchange(type, NLM_F_DUMP, payload, visit);
}

Result<void> NetlinkSocket::Ask(uint16_t type, std::string_view payload, Visit visit) {
  return Exchange(type, 0, payload, visit);
}

std::string_view InterfaceNames::Name(int index) {
  if (!socket_.is_open()) socket_ = base::File(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  request.ifr_ifindex = index;
  if (::ioctl(socket_.fd(), SIOCGIFNAME, &request) != 0) return {};
  static_assert(sizeof name_ == sizeof request.ifr_name);
  std::memcpy(name_, request.ifr_name, sizeof name_);
  return {name_, ::strnlen(name_, sizeof name_)};
}

}  // namespace slurmscope::agent
