#include "agent/collectors/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "agent/collectors/collectors.h"
#include "agent/directory.h"
#include "agent/pattern.h"
#include "agent/progress.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

// The kernel's link modes by their bits (ETHTOOL_LINK_MODE_*_BIT of linux/ethtool.h): SPEED_DUPLEX.
// Bits that are no speed are empty.
// clang-format off
constexpr std::string_view kModes[] = {
    "10baseT_Half", "10baseT_Full", "100baseT_Half", "100baseT_Full", "1000baseT_Half",
    "1000baseT_Full", "", "", "", "", "", "", "10000baseT_Full", "", "", "2500baseX_Full", "",
    "1000baseKX_Full", "10000baseKX4_Full", "10000baseKR_Full", "10000baseR_FEC",
    "20000baseMLD2_Full", "20000baseKR2_Full", "40000baseKR4_Full", "40000baseCR4_Full",
    "40000baseSR4_Full", "40000baseLR4_Full", "56000baseKR4_Full", "56000baseCR4_Full",
    "56000baseSR4_Full", "56000baseLR4_Full", "25000baseCR_Full", "25000baseKR_Full",
    "25000baseSR_Full", "50000baseCR2_Full", "50000baseKR2_Full", "100000baseKR4_Full",
    "100000baseSR4_Full", "100000baseCR4_Full", "100000baseLR4_ER4_Full", "50000baseSR2_Full",
    "1000baseX_Full", "10000baseCR_Full", "10000baseSR_Full", "10000baseLR_Full",
    "10000baseLRM_Full", "10000baseER_Full", "2500baseT_Full", "5000baseT_Full", "", "", "",
    "50000baseKR_Full", "50000baseSR_Full", "50000baseCR_Full", "50000baseLR_ER_FR_Full",
    "50000baseDR_Full", "100000baseKR2_Full", "100000baseSR2_Full", "100000baseCR2_Full",
    "100000baseLR2_ER2_FR2_Full", "100000baseDR2_Full", "200000baseKR4_Full",
    "200000baseSR4_Full", "200000baseLR4_ER4_FR4_Full", "200000baseDR4_Full",
    "200000baseCR4_Full", "100baseT1_Full", "1000baseT1_Full", "400000baseKR8_Full",
    "400000baseSR8_Full", "400000baseLR8_ER8_FR8_Full", "400000baseDR8_Full",
    "400000baseCR8_Full", "", "100000baseKR_Full", "100000baseSR_Full", "100000baseLR_ER_FR_Full",
    "100000baseCR_Full", "100000baseDR_Full", "200000baseKR2_Full", "200000baseSR2_Full",
    "200000baseLR2_ER2_FR2_Full", "200000baseDR2_Full", "200000baseCR2_Full",
    "400000baseKR4_Full", "400000baseSR4_Full", "400000baseLR4_ER4_FR4_Full",
    "400000baseDR4_Full", "400000baseCR4_Full", "100baseFX_Half", "100baseFX_Full",
    "10baseT1L_Full",
};
// clang-format on

struct Port {
  int bit;
  std::string_view name;
};
constexpr Port kPorts[] = {
    {ETHTOOL_LINK_MODE_TP_BIT, "TP"},   {ETHTOOL_LINK_MODE_AUI_BIT, "AUI"},
    {ETHTOOL_LINK_MODE_MII_BIT, "MII"}, {ETHTOOL_LINK_MODE_FIBRE_BIT, "FIBRE"},
    {ETHTOOL_LINK_MODE_BNC_BIT, "BNC"}, {ETHTOOL_LINK_MODE_Backplane_BIT, "Backplane"},
};

constexpr size_t kMaxWords = 128;      // the kernel counts them in a signed byte
constexpr uint32_t kMaxStats = 65536;  // a NIC with thousands of queues has some ten thousand

// Asks a network device by SIOCETHTOOL. Not thread-safe.
class Ethtool {
 public:
  // EOPNOTSUPP: the driver does not answer that.
  int Ask(std::string_view device, void* command) {
    if (!socket_.is_open()) socket_ = base::File(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    NotePath(device);
    ifreq request{};
    std::memcpy(request.ifr_name, device.data(),
                std::min(device.size(), sizeof request.ifr_name - 1));
    request.ifr_data = static_cast<char*>(command);
    return ::ioctl(socket_.fd(), SIOCETHTOOL, &request) == 0 ? 0 : errno;
  }

 private:
  base::File socket_;
};

template <size_t N>
std::string_view FixedText(const char (&text)[N]) {
  return {text, ::strnlen(text, N)};
}

using Words = std::span<const uint32_t>;

bool HasBit(Words words, size_t bit) {
  return bit / 32 < words.size() && (words[bit / 32] >> bit % 32 & 1) != 0;
}

// The families of what a port can do, once for what it supports and once for what it advertises.
struct Capabilities {
  Capabilities(FamilySet& out, std::string_view adjective, std::string_view verb)
      : speed(out.Get(
            base::StrCat("node_network_", adjective, "_speed_bytes"),
            base::StrCat("Combination of speeds and features ",
                         adjective == "supported" ? "supported" : "offered", " by network device"),
            MetricType::kGauge, {"device", "duplex", "mode"})),
        autonegotiate(out.Get(base::StrCat("node_network_autonegotiate_", adjective),
                              base::StrCat("If this port device ", verb, " autonegotiate"),
                              MetricType::kGauge, {"device"})),
        pause(out.Get(base::StrCat("node_network_pause_", adjective),
                      base::StrCat("If this port device ", verb, " pause ",
                                   adjective == "supported" ? "frames" : "capability"),
                      MetricType::kGauge, {"device"})),
        asymmetric(out.Get(base::StrCat("node_network_asymmetricpause_", adjective),
                           base::StrCat("If this port device ", verb, " asymmetric pause ",
                                        adjective == "supported" ? "frames" : "capability"),
                           MetricType::kGauge, {"device"})) {}

  void Set(std::string_view device, Words words) {
    constexpr double kBytesPerMbit = 1e6 / 8;
    for (size_t bit = 0; bit < std::size(kModes); ++bit) {
      if (kModes[bit].empty() || !HasBit(words, bit)) continue;
      std::string_view mode = kModes[bit];
      const bool half = mode.ends_with("_Half");
      if (half || mode.ends_with("_Full")) mode.remove_suffix(5);
      const double mbit = base::ParseInt<unsigned>(mode.substr(0, mode.find('b'))).value_or(0);
      speed.Set({device, half ? "half" : "full", mode}, mbit * kBytesPerMbit);
    }
    autonegotiate.Set({device}, HasBit(words, ETHTOOL_LINK_MODE_Autoneg_BIT));
    pause.Set({device}, HasBit(words, ETHTOOL_LINK_MODE_Pause_BIT));
    asymmetric.Set({device}, HasBit(words, ETHTOOL_LINK_MODE_Asym_Pause_BIT));
  }

  Family& speed;
  Family& autonegotiate;
  Family& pause;
  Family& asymmetric;
};

struct KnownStat {
  std::string_view name;  // as drivers call it
  std::string_view metric;
  std::string_view help;
};
constexpr KnownStat kKnown[] = {
    {"rx_bytes", "received_bytes_total", "Network interface bytes received"},
    {"rx_dropped", "received_dropped_total", "Number of received frames dropped"},
    {"rx_errors", "received_errors_total", "Number of received frames with errors"},
    {"rx_packets", "received_packets_total", "Network interface packets received"},
    {"tx_bytes", "transmitted_bytes_total", "Network interface bytes sent"},
    {"tx_errors", "transmitted_errors_total", "Number of sent frames with errors"},
    {"tx_packets", "transmitted_packets_total", "Network interface packets sent"},
};

// The counters of a device: their families, in the order of the driver's list; nullptr for those
// left out. Names change with the driver, their number with the number of queues.
struct DeviceStats {
  std::string names;  // as the driver gave them
  std::vector<Family*> families;
};

class EthtoolCollector final : public Collector {
 public:
  EthtoolCollector(const Machine& machine, DeviceFilter filter, Pattern metrics, FamilySet& out)
      : class_net_(machine.roots.sysfs + "/class/net"),
        filter_(std::move(filter)),
        metrics_(std::move(metrics)),
        out_(out),
        info_(out.Get("node_ethtool_info",
                      "A metric with a constant '1' value labeled by bus_info, device, driver, "
                      "expansion_rom_version, firmware_version, version.",
                      MetricType::kGauge,
                      {"bus_info", "device", "driver", "expansion_rom_version", "firmware_version",
                       "version"})),
        ports_(out.Get("node_network_supported_port_info",
                       "Type of ports or PHYs supported by network device", MetricType::kGauge,
                       {"device", "type"})),
        autonegotiate_(out.Get("node_network_autonegotiate", "If this port is using autonegotiate",
                               MetricType::kGauge, {"device"})),
        supported_(out, "supported", "supports"),
        advertised_(out, "advertised", "offers") {}

  Result<void> Update() override {
    const auto devices = TRY(class_net_.List());
    std::erase_if(stats_, [&](const auto& entry) {
      return !std::binary_search(devices.begin(), devices.end(), entry.first);
    });
    for (const std::string_view device : devices) {
      if (filter_.Ignored(device)) continue;
      ReadLink(device);
      ReadDriver(device);
      ReadStats(device);
    }
    return {};
  }

 private:
  void ReadLink(std::string_view device) {
    // Asked with no words, the kernel says how many there are.
    alignas(
        ethtool_link_settings) char buffer[sizeof(ethtool_link_settings) + 3 * 4 * kMaxWords] = {};
    auto* settings = reinterpret_cast<ethtool_link_settings*>(buffer);
    settings->cmd = ETHTOOL_GLINKSETTINGS;
    if (ethtool_.Ask(device, buffer) != 0 || settings->link_mode_masks_nwords >= 0) return;
    const auto words = static_cast<size_t>(-settings->link_mode_masks_nwords);
    if (words > kMaxWords) return;
    settings->cmd = ETHTOOL_GLINKSETTINGS;
    settings->link_mode_masks_nwords = static_cast<int8_t>(words);
    if (ethtool_.Ask(device, buffer) != 0) return;
    const char* masks = buffer + sizeof(ethtool_link_settings);
    uint32_t supported[kMaxWords];
    uint32_t advertised[kMaxWords];
    std::memcpy(supported, masks, words * 4);
    std::memcpy(advertised, masks + words * 4, words * 4);
    supported_.Set(device, {supported, words});
    advertised_.Set(device, {advertised, words});
    for (const Port& port : kPorts) {
      if (HasBit({supported, words}, static_cast<size_t>(port.bit)))
        ports_.Set({device, port.name}, 1);
    }
    autonegotiate_.Set({device}, settings->autoneg);
  }

  void ReadDriver(std::string_view device) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (ethtool_.Ask(device, &info) != 0) return;
    info_.Set({FixedText(info.bus_info), device, FixedText(info.driver),
               FixedText(info.erom_version), FixedText(info.fw_version), FixedText(info.version)},
              1);
  }

  void ReadStats(std::string_view device) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (ethtool_.Ask(device, &info) != 0) return;
    const uint32_t count = info.n_stats;
    if (count == 0 || count > kMaxStats) return;
    auto at = stats_.find(device);
    if (at == stats_.end()) at = stats_.emplace(device, DeviceStats{}).first;
    DeviceStats& known = at->second;
    if (!ReadNames(device, count, known)) return;
    values_.assign(sizeof(ethtool_stats) + size_t{count} * sizeof(uint64_t), '\0');
    ethtool_stats header{ETHTOOL_GSTATS, count};
    std::memcpy(values_.data(), &header, sizeof header);
    if (ethtool_.Ask(device, values_.data()) != 0) return;
    std::memcpy(&header, values_.data(), sizeof header);
    const size_t n = std::min<size_t>(header.n_stats, known.families.size());
    for (size_t i = 0; i < n; ++i) {
      uint64_t value = 0;
      std::memcpy(&value, values_.data() + sizeof header + i * sizeof value, sizeof value);
      if (known.families[i] != nullptr)
        known.families[i]->Set({device}, static_cast<double>(value));
    }
  }

  bool ReadNames(std::string_view device, uint32_t count, DeviceStats& known) {
    names_.assign(sizeof(ethtool_gstrings) + size_t{count} * ETH_GSTRING_LEN, '\0');
    const ethtool_gstrings header{ETHTOOL_GSTRINGS, ETH_SS_STATS, count};
    std::memcpy(names_.data(), &header, sizeof header);
    if (ethtool_.Ask(device, names_.data()) != 0) return false;
    const std::string_view list = std::string_view(names_).substr(sizeof header);
    if (list != known.names) {
      known.names = list;
      known.families = MakeFamilies(list);
    }
    return true;
  }

  std::vector<Family*> MakeFamilies(std::string_view list) {
    std::vector<std::string> names;
    std::map<std::string, int> uses;
    for (; list.size() >= ETH_GSTRING_LEN; list.remove_prefix(ETH_GSTRING_LEN)) {
      const std::string_view raw = list.substr(0, ETH_GSTRING_LEN);
      names.push_back(CleanStatName(raw.substr(0, raw.find('\0'))));
      ++uses[StatMetric(names.back())];
    }
    std::vector<Family*> families;
    for (const std::string& name : names) {
      // Two counters that would be one metric: nobody could tell which is which.
      const bool wanted = !name.empty() && metrics_.FoundIn(name) && uses[StatMetric(name)] == 1;
      families.push_back(wanted ? &StatFamily(name) : nullptr);
    }
    return families;
  }

  Family& StatFamily(const std::string& name) {
    const auto known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                    [&](const KnownStat& stat) { return stat.name == name; });
    if (known != std::end(kKnown)) {
      return out_.Get(base::StrCat("node_ethtool_", known->metric), known->help,
                      MetricType::kUnknown, {"device"});
    }
    return out_.Get(StatMetric(name), base::StrCat("Network interface ", name),
                    MetricType::kUnknown, {"device"});
  }

  Directory class_net_;
  RememberingFilter filter_;
  Pattern metrics_;
  FamilySet& out_;
  Family& info_;
  Family& ports_;
  Family& autonegotiate_;
  Capabilities supported_;
  Capabilities advertised_;
  Ethtool ethtool_;
  std::map<std::string, DeviceStats, std::less<>> stats_;
  std::string names_;
  std::string values_;
};

// Replaces the words `from` of a name, between underscores or its ends; the underscore behind a
// word does not begin the next one.
std::string ReplaceWord(std::string_view name, std::string_view from, std::string_view to) {
  std::string out;
  bool word_begins = true;
  while (!name.empty()) {
    const bool here = word_begins && name.starts_with(from) &&
                      (name.size() == from.size() || name[from.size()] == '_');
    if (!here) {
      word_begins = name.front() == '_';
      out += name.front();
      name.remove_prefix(1);
      continue;
    }
    out += to;
    name.remove_prefix(from.size());
    if (!name.empty()) {
      out += '_';
      name.remove_prefix(1);
    }
    word_begins = false;
  }
  return out;
}

}  // namespace

std::string CleanStatName(std::string_view raw) {
  std::string out;
  bool bad = false;
  for (const char c : raw) {
    const bool good = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    if (!good && !bad) {
      while (out.ends_with('_')) out.pop_back();
      out += '_';
    }
    bad = !good || (bad && c == '_');
    if (!bad) out += c;
  }
  return out;
}

std::string StatMetric(std::string_view name) {
  name.remove_prefix(std::min(name.find_first_not_of('_'), name.size()));
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return base::StrCat("node_ethtool_",
                      ReplaceWord(ReplaceWord(lower, "rx", "received"), "tx", "transmitted"));
}

Result<std::unique_ptr<Collector>> MakeEthtool(const Machine& machine, const FlagValues& flags,
                                               FamilySet& out) {
  constexpr std::string_view kMetrics = "collector.ethtool.metrics-include";
  return std::make_unique<EthtoolCollector>(
      machine, TRY(DeviceFilter::FromFlags(flags, "collector.ethtool.device")),
      TRY(Pattern::Compile(kMetrics, flags.String(kMetrics))), out);
}

}  // namespace slurmscope::agent
