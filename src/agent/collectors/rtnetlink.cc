#include "agent/collectors/rtnetlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace slurmscope::agent {
namespace {

constexpr size_t kBuffer = 64 * 1024;  // the kernel fills at most 32 KiB a datagram

size_t Align4(size_t n) { return (n + 3) & ~size_t{3}; }

// Copies a struct off the front; false when there is too little.
template <typename T>
bool TakeStruct(std::string_view& data, T* out) {
  if (data.size() < sizeof(T)) return false;
  std::memcpy(out, data.data(), sizeof(T));
  data.remove_prefix(sizeof(T));
  return true;
}

rtnl_link_stats64 Widen(const rtnl_link_stats& s) {
  rtnl_link_stats64 wide{};
  wide.rx_packets = s.rx_packets;
  wide.tx_packets = s.tx_packets;
  wide.rx_bytes = s.rx_bytes;
  wide.tx_bytes = s.tx_bytes;
  wide.rx_errors = s.rx_errors;
  wide.tx_errors = s.tx_errors;
  wide.rx_dropped = s.rx_dropped;
  wide.tx_dropped = s.tx_dropped;
  wide.multicast = s.multicast;
  wide.collisions = s.collisions;
  wide.rx_length_errors = s.rx_length_errors;
  wide.rx_over_errors = s.rx_over_errors;
  wide.rx_crc_errors = s.rx_crc_errors;
  wide.rx_frame_errors = s.rx_frame_errors;
  wide.rx_fifo_errors = s.rx_fifo_errors;
  wide.rx_missed_errors = s.rx_missed_errors;
  wide.tx_aborted_errors = s.tx_aborted_errors;
  wide.tx_carrier_errors = s.tx_carrier_errors;
  wide.tx_fifo_errors = s.tx_fifo_errors;
  wide.tx_heartbeat_errors = s.tx_heartbeat_errors;
  wide.tx_window_errors = s.tx_window_errors;
  wide.rx_compressed = s.rx_compressed;
  wide.tx_compressed = s.tx_compressed;
  wide.rx_nohandler = s.rx_nohandler;
  return wide;
}

// Kernels differ in how many counters the structs end with: what is missing is zero.
template <typename T>
T CopyPrefix(std::string_view data) {
  T out{};
  std::memcpy(&out, data.data(), std::min(data.size(), sizeof(T)));
  return out;
}

Result<void> VisitLink(std::string_view attributes, const LinkList::Visit& visit) {
  std::string_view name;
  std::string_view stats64;
  std::string_view stats32;
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr header{};
    std::memcpy(&header, attributes.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > attributes.size()) {
      return base::Fail(base::ErrorCode::kCorruption, "rtnetlink: bad attribute length");
    }
    const std::string_view value = attributes.substr(sizeof header, header.rta_len - sizeof header);
    if (header.rta_type == IFLA_IFNAME) name = value.substr(0, value.find('\0'));
    if (header.rta_type == IFLA_STATS64) stats64 = value;
    if (header.rta_type == IFLA_STATS) stats32 = value;
    attributes.remove_prefix(std::min(Align4(header.rta_len), attributes.size()));
  }
  if (name.empty()) return {};
  if (!stats64.empty()) {
    visit(name, CopyPrefix<rtnl_link_stats64>(stats64));
  } else if (!stats32.empty()) {
    visit(name, Widen(CopyPrefix<rtnl_link_stats>(stats32)));
  }
  return {};
}

}  // namespace

Result<bool> ParseLinkMessages(std::string_view datagram, uint32_t sequence,
                               const LinkList::Visit& visit) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) {
      return base::Fail(base::ErrorCode::kCorruption, "rtnetlink: bad message length");
    }
    std::string_view body = datagram.substr(sizeof header, header.nlmsg_len - sizeof header);
    datagram.remove_prefix(std::min(Align4(header.nlmsg_len), datagram.size()));
    if (header.nlmsg_seq != sequence) continue;  // of a list that we gave up
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr error{};
      if (!TakeStruct(body, &error))
        return base::Fail(base::ErrorCode::kCorruption, "rtnetlink: short error");
      return base::FailErrno("rtnetlink", -error.error);
    }
    ifinfomsg link{};
    if (header.nlmsg_type != RTM_NEWLINK || !TakeStruct(body, &link)) continue;
    TRY(VisitLink(body, visit));
  }
  return false;
}

Result<void> LinkList::Open() {
  base::File socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.is_open()) return base::FailErrno("netlink socket", errno);
  const timeval timeout{1, 0};
  if (::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) {
    return base::FailErrno("netlink socket timeout", errno);
  }
  buffer_.resize(kBuffer);
  socket_ = std::move(socket);
  return {};
}

Result<void> LinkList::Ask() {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  if (::send(socket_.fd(), &request, sizeof request, 0) < 0)
    return base::FailErrno("rtnetlink request", errno);
  return {};
}

Result<void> LinkList::Receive(const Visit& visit) {
  for (;;) {
    const ssize_t n = ::recv(socket_.fd(), buffer_.data(), buffer_.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return base::FailErrno("rtnetlink answer", n == 0 ? EPIPE : errno);
    if (TRY(ParseLinkMessages({buffer_.data(), static_cast<size_t>(n)}, sequence_, visit)))
      return {};
  }
}

Result<void> LinkList::Read(const Visit& visit) {
  if (!socket_.is_open()) TRY(Open());
  auto done = Ask();
  if (done) done = Receive(visit);
  if (!done) socket_.Close();
  return done;
}

}  // namespace slurmscope::agent
