#include <algorithm>
#include <array>
#include <map>

#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kLabels[] = {"local_address", "local_mark",     "local_port",
                                        "proto",         "remote_address", "remote_port"};
using Backend = std::array<std::string, std::size(kLabels)>;

struct Address {
  std::string host;
  std::string port;
};

// "C0A80016:0CEA", or "[2001:...]:0CEA" as the kernel writes IPv6.
std::optional<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = base::ParseInt<uint16_t>(text.substr(colon + 1), 16);
  if (!port) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']')) {
    return Address{std::string(host.substr(1, host.size() - 2)), base::StrCat(*port)};
  }
  const auto v4 = base::ParseInt<uint32_t>(host, 16);
  if (!v4 || host.size() != 8) return std::nullopt;
  return Address{
      base::StrCat(*v4 >> 24, ".", (*v4 >> 16) & 255, ".", (*v4 >> 8) & 255, ".", *v4 & 255),
      base::StrCat(*port)};
}

constexpr std::pair<std::string_view, std::string_view> kTotals[] = {
    {"node_ipvs_connections_total", "The total number of connections made."},
    {"node_ipvs_incoming_packets_total", "The total number of incoming packets."},
    {"node_ipvs_outgoing_packets_total", "The total number of outgoing packets."},
    {"node_ipvs_incoming_bytes_total", "The total amount of incoming data."},
    {"node_ipvs_outgoing_bytes_total", "The total amount of outgoing data."}};

constexpr std::pair<std::string_view, std::string_view> kBackend[] = {
    {"node_ipvs_backend_weight", "The current backend weight by local and remote address."},
    {"node_ipvs_backend_connections_active",
     "The current active connections by local and remote address."},
    {"node_ipvs_backend_connections_inactive",
     "The current inactive connections by local and remote address."}};

class Ipvs final : public Collector {
 public:
  // `wanted`: indices of kLabels.
  Ipvs(const Machine& machine, std::vector<size_t> wanted, FamilySet& out)
      : table_(machine.roots.procfs + "/net/ip_vs"),
        stats_(machine.roots.procfs + "/net/ip_vs_stats"),
        wanted_(std::move(wanted)) {
    std::vector<std::string_view> labels;
    for (const size_t i : wanted_) labels.emplace_back(kLabels[i]);
    for (const auto& [name, help] : kTotals) {
      totals_.push_back(&out.Get(name, help, MetricType::kCounter));
    }
    for (const auto& [name, help] : kBackend) {
      backend_.push_back(&out.Get(name, help, MetricType::kGauge, labels));
    }
  }

  Result<void> Update() override {
    TRY(SetTotals());
    std::string_view text = TRY(table_.Read());
    sums_.clear();
    Backend service;
    for (std::string_view line; NextLine(text, line);) ParseLine(line, service);
    for (const auto& [labels, sum] : sums_) {
      const std::vector<std::string_view> values(labels.begin(), labels.end());
      for (size_t i = 0; i < backend_.size(); ++i) {
        backend_[i]->Set(values.data(), values.size(), sum[i]);
      }
    }
    return {};
  }

 private:
  // Two lines of heading, then the totals in hexadecimal.
  Result<void> SetTotals() {
    std::string_view text = TRY(stats_.Read());
    std::string_view line;
    for (int i = 0; i < 3; ++i) NextLine(text, line);
    for (Family* total : totals_) {
      const auto value = base::ParseInt<uint64_t>(NextField(line), 16);
      if (!value) return Fail(ErrorCode::kCorruption, stats_.path() + ": not a number");
      total->Set(static_cast<double>(*value));
    }
    return {};
  }

  // "TCP  C0A80016:0CEA wlc", "FWM  10001000 wlc", "  -> C0A85216:0CEA  Tunnel  100  248  2"
  void ParseLine(std::string_view line, Backend& service) {
    const std::string_view first = NextField(line);
    if (first == "TCP" || first == "UDP" || first == "SCTP") {
      const auto local = ParseAddress(NextField(line));
      service = {};
      if (local) service = {local->host, "", local->port, std::string(first), "", ""};
    } else if (first == "FWM") {
      service = {"", std::string(NextField(line)), "0", "FWM", "", ""};
    } else if (first == "->" && !service[3].empty()) {
      AddBackend(line, service);
    }
  }

  void AddBackend(std::string_view line, Backend backend) {
    const auto remote = ParseAddress(NextField(line));
    NextField(line);  // how packets are forwarded
    const auto weight = NextUint(line);
    const auto active = NextUint(line);
    const auto inactive = NextUint(line);
    if (!remote || !weight || !active || !inactive) return;
    backend[4] = remote->host;
    backend[5] = remote->port;
    std::vector<std::string> key;
    for (const size_t i : wanted_) key.push_back(backend[i]);
    auto& sum = sums_[std::move(key)];
    sum[0] += static_cast<double>(*weight);
    sum[1] += static_cast<double>(*active);
    sum[2] += static_cast<double>(*inactive);
  }

  ProcFile table_;
  ProcFile stats_;
  std::vector<size_t> wanted_;
  std::vector<Family*> totals_;
  std::vector<Family*> backend_;
  // Backends that the wanted labels do not tell apart are summed up.
  std::map<std::vector<std::string>, std::array<double, std::size(kBackend)>> sums_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeIpvs(const Machine& machine, const FlagValues& flags,
                                            FamilySet& out) {
  constexpr std::string_view kFlag = "collector.ipvs.backend-labels";
  const std::string list = flags.String(kFlag);
  std::vector<size_t> wanted;
  for (const std::string_view label : base::Split(list, ',')) {
    if (list.empty()) break;
    const auto at = std::find(std::begin(kLabels), std::end(kLabels), label);
    if (at == std::end(kLabels)) {
      return Fail(ErrorCode::kInvalidArgument,
                  base::StrCat("--", kFlag, ": unknown label ", base::Quote(label)));
    }
    wanted.push_back(static_cast<size_t>(at - std::begin(kLabels)));
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  return std::make_unique<Ipvs>(machine, std::move(wanted), out);
}

}  // namespace slurmscope::agent
