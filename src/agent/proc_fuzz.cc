#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "agent/collector.h"
#include "agent/collectors/cpu_topology.h"
#include "agent/collectors/dbus.h"
#include "agent/collectors/ethtool.h"
#include "agent/collectors/mountinfo.h"
#include "agent/collectors/netlink_messages.h"
#include "agent/collectors/pci_ids.h"
#include "agent/collectors/rtnetlink.h"
#include "agent/collectors/udev.h"
#include "agent/fixture_tree_for_fuzz.h"
#include "agent/scan.h"
#include "base/clock.h"

namespace {

using namespace slurmscope::agent;

// Files that the fixtures of the tests lack, and who reads them.
constexpr std::pair<std::string_view, std::string_view> kMoreFiles[] = {
    {"arp", "proc/net/arp"},
    {"conntrack", "proc/net/stat/nf_conntrack"},
    {"entropy", "proc/sys/kernel/random/entropy_avail"},
    {"filesystem", "proc/1/mountinfo"},
    {"kernel_hung", "proc/sys/kernel/hung_task_detect_count"},
    {"lnstat", "proc/net/stat/arp_cache"},
    {"mountstats", "proc/self/mountinfo"},
    {"netstat", "proc/net/netstat"},
    {"netstat", "proc/net/snmp"},
    {"netstat", "proc/net/snmp6"},
    {"pressure", "proc/pressure/cpu"},
    {"pressure", "proc/pressure/irq"},
    {"qdisc", "qdisc/results.json"},
    {"schedstat", "proc/schedstat"},
    {"selinux", "sys/fs/selinux/enforce"},
    {"selinux", "rootfs/etc/selinux/config"},
    {"softnet", "proc/net/softnet_stat"},
    {"udp_queues", "proc/net/udp6"},
    {"wifi", "wifi/interfaces.json"},
    {"wifi", "wifi/wlan0/bss.json"},
    {"wifi", "wifi/wlan0/stationinfo.json"},
};

void FuzzDBus(std::string_view data) {
  (void)DBusMessageSize(data);
  const auto message = ParseDBusMessage(data);
  DBusReader reader(message ? std::string_view(message->body) : data);
  (void)ReadVariant(reader);
  const size_t end = reader.ArrayEnd(8);
  while (!reader.AtEnd(end)) {
    reader.Align(8);
    (void)reader.String();
    (void)reader.Uint64();
  }
}

void FuzzNetlink(std::string_view data) {
  (void)ParseNetlink(data, 0, [](uint16_t type, std::string_view body) -> Result<void> {
    switch (type % 6) {
      case 0:
        return VisitLink(body, [](std::string_view, const rtnl_link_stats64&) {});
      case 1:
        (void)ParseQdisc(body);
        break;
      case 2:
        if (Route route; ParseRoute(body, &route).value_or(false)) {
          for (const auto& hop : route.hops) (void)AddressText(hop.gateway).text();
        }
        break;
      case 3:
        (void)ParseWifiInterface(body);
        break;
      case 4:
        (void)ParseWifiStation(body);
        break;
      default:
        (void)ParseWifiAccessPoint(body);
    }
    return {};
  });
}

FlagValues FlagsFor(const CollectorSpec& spec, const std::string& root) {
  FlagValues flags;
  for (const FlagSpec& flag : spec.flags) flags.Declare(flag);
  flags.Add("collector.netdev.netlink", "false");
  flags.Add("collector.stat.softirq", "true");
  flags.Add("collector.vmstat.fields", ".*");
  flags.Add("collector.netstat.fields", ".*");
  flags.Add("collector.cpu.info.flags-include", ".*");
  flags.Add("collector.cpu.info.bugs-include", ".*");
  flags.Add("collector.bcache.priorityStats", "true");
  flags.Add("collector.textfile.directory", root + "/textfile");
  flags.Add("collector.qdisc.fixtures", root + "/qdisc");
  flags.Add("collector.wifi.fixtures", root + "/wifi");
  flags.Add("collector.sysctl.include", "fs.file-nr:total,free,max");
  flags.Add("collector.sysctl.include-info", "kernel.pid_max");
  return flags;
}

// The collectors on a tree of files of which one holds what the fuzzer made up.
class Collectors {
 public:
  Collectors() : tree_(Source(), More()) {
    for (const CollectorSpec& spec : AllCollectors()) {
      constexpr std::string_view kAsk[] = {"ethtool", "logind",  "network_route", "perf",
                                           "systemd", "tcpstat", "timex",         "uname"};
      const bool asks = std::find(std::begin(kAsk), std::end(kAsk), spec.name) != std::end(kAsk);
      if (spec.make == nullptr || asks) continue;
      for (const std::string& file : tree_.OpenedBy([&] { Run(spec); }))
        readers_[file].push_back(&spec);
    }
    for (const auto& [collector, file] : kMoreFiles)
      readers_[std::string(file)].push_back(FindCollector(collector));
  }

  // A name that is no file stands for some file.
  void Fuzz(std::string_view name, std::string_view data) {
    const auto& files = tree_.files();
    const auto at = std::lower_bound(files.begin(), files.end(), name);
    const bool known = at != files.end() && *at == name;
    const std::string& file =
        known ? *at : files[std::hash<std::string_view>()(name) % files.size()];
    tree_.With(file, data, [&] {
      for (const CollectorSpec* spec : readers_[file]) Run(*spec);
    });
  }

 private:
  // Another tree with proc/ and sys/ in it may be named, e.g. node_exporter's fixtures.
  static std::string Source() {
    const char* other = std::getenv("PROC_FUZZ_ROOT");
    return other != nullptr ? other : SLURMSCOPE_ROOM_DIR "/testdata/root";
  }
  static std::vector<std::string> More() {
    std::vector<std::string> more;
    for (const auto& [collector, file] : kMoreFiles) more.emplace_back(file);
    return more;
  }

  // Twice, as some remember what they read before.
  void Run(const CollectorSpec& spec) const {
    const std::string& root = tree_.path();
    const Machine machine{{root + "/proc", root + "/sys", root + "/rootfs", root + "/udev/data"},
                          clock_,
                          std::make_shared<SharedProcFile>(root + "/proc/stat")};
    FamilySet families;
    auto collector = spec.make(machine, FlagsFor(spec, root), families);
    if (!collector) return;
    std::string page;
    for (int i = 0; i < 2; ++i) {
      families.Begin();
      machine.proc_stat->BeginScrape();
      (void)(*collector)->Update();
      Merger().Render({&families}, page);
    }
  }

  const slurmscope::base::FakeClock clock_{1'700'000'123'456};
  const FixtureTree tree_;
  std::map<std::string, std::vector<const CollectorSpec*>> readers_;
};

}  // namespace

// A line with a name, then what stands behind it: the file of that name, or an answer of the
// kernel or a message bus.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static Collectors collectors;
  std::string_view data(reinterpret_cast<const char*>(bytes), size);
  std::string_view name;
  if (!NextLine(data, name)) return 0;
  if (name == "@mountinfo") {
    (void)ParseMountInfo(data);
  } else if (name == "@udev") {
    (void)ParseUdevData(data);
  } else if (name == "@pciids") {
    const PciIds ids{std::string(data)};
    const std::string_view id = data.substr(0, 4);
    (void)ids.Subsystem(id, data.substr(std::min<size_t>(data.size(), 8), 4), id, id);
    (void)ids.Class(data.substr(0, 6));
  } else if (name == "@cpulist") {
    (void)ParseCpuList(data);
  } else if (name == "@netlink") {
    FuzzNetlink(data);
  } else if (name == "@dbus") {
    FuzzDBus(data);
  } else if (name == "@ethtool") {
    (void)StatMetric(CleanStatName(data));
  } else {
    collectors.Fuzz(name, data);
  }
  return 0;
}
