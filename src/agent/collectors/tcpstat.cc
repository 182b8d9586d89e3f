#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>

#include "agent/collectors/collectors.h"
#include "agent/collectors/netlink.h"

namespace slurmscope::agent {
namespace {

// By the numbers of the kernel's include/net/tcp_states.h; 12 is a half-open connection.
constexpr std::string_view kStates[] = {"unknown",    "established", "syn_sent",  "syn_recv",
                                        "fin_wait1",  "fin_wait2",   "time_wait", "close",
                                        "close_wait", "last_ack",    "listen",    "closing"};

class Tcpstat final : public Collector {
 public:
  Tcpstat(const Machine& machine, FamilySet& out)
      : tcp6_(machine.roots.procfs + "/net/tcp6"),
        states_(out.Get("node_tcp_connection_states", "Number of connection states.",
                        MetricType::kGauge, {"state"})) {}

  Result<void> Update() override {
    counts_.fill(0);
    received_ = 0;
    sent_ = 0;
    TRY(Count(AF_INET));
    if (::access(tcp6_.c_str(), F_OK) == 0) TRY(Count(AF_INET6));
    for (size_t i = 0; i < std::size(kStates); ++i) {
      if (counts_[i] > 0) states_.Set({kStates[i]}, static_cast<double>(counts_[i]));
    }
    states_.Set({"rx_queued_bytes"}, static_cast<double>(received_));
    states_.Set({"tx_queued_bytes"}, static_cast<double>(sent_));
    return {};
  }

 private:
  Result<void> Count(uint8_t family) {
    inet_diag_req_v2 request{};
    request.sdiag_family = family;
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_states = ~0u;
    return socket_.Dump(SOCK_DIAG_BY_FAMILY, BytesOf(request),
                        [this](uint16_t, std::string_view body) -> Result<void> {
                          inet_diag_msg entry{};
                          if (!TakeStruct(body, &entry)) return {};
                          const size_t state = entry.idiag_state;
                          ++counts_[state < std::size(kStates) ? state : 0];
                          received_ += entry.idiag_rqueue;
                          sent_ += entry.idiag_wqueue;
                          return {};
                        });
  }

  const std::string tcp6_;
  Family& states_;
  NetlinkSocket socket_{NETLINK_SOCK_DIAG};
  std::array<uint64_t, std::size(kStates)> counts_{};
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeTcpstat(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Tcpstat>(machine, out);
}

}  // namespace slurmscope::agent
