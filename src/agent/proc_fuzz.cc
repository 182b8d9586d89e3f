#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/collector.h"
#include "agent/collectors/cpu_topology.h"
#include "agent/collectors/dbus.h"
#include "agent/collectors/ethtool.h"
#include "agent/collectors/mountinfo.h"
#include "agent/collectors/netlink_messages.h"
#include "agent/collectors/rtnetlink.h"
#include "agent/collectors/udev.h"
#include "base/file.h"

namespace {

using namespace slurmscope::agent;

// The collectors that read files of /proc or /sys, and the one that is made up. Directories of
// devices have one device.
constexpr std::pair<const char*, const char*> kFiles[] = {
    {"cpu", "stat"},
    {"stat", "stat"},
    {"meminfo", "meminfo"},
    {"loadavg", "loadavg"},
    {"vmstat", "vmstat"},
    {"diskstats", "diskstats"},
    {"netdev", "net/dev"},
    {"cpu", "cpuinfo"},
    {"arp", "net/arp"},
    {"buddyinfo", "buddyinfo"},
    {"cgroups", "cgroups"},
    {"conntrack", "net/stat/nf_conntrack"},
    {"drbd", "drbd"},
    {"interrupts", "interrupts"},
    {"ipvs", "net/ip_vs"},
    {"lnstat", "net/stat/arp_cache"},
    {"mdadm", "mdstat"},
    {"mountstats", "self/mountstats"},
    {"mountstats", "self/mountinfo"},
    {"netstat", "net/netstat"},
    {"nfs", "net/rpc/nfs"},
    {"nfsd", "net/rpc/nfsd"},
    {"processes", "1/stat"},
    {"schedstat", "schedstat"},
    {"slabinfo", "slabinfo"},
    {"sockstat", "net/sockstat"},
    {"softirqs", "softirqs"},
    {"softnet", "net/softnet_stat"},
    {"swap", "swaps"},
    {"udp_queues", "net/udp"},
    {"xfrm", "net/xfrm_stat"},
    {"zoneinfo", "zoneinfo"},
    {"zfs", "spl/kstat/zfs/arcstats"},
    {"zfs", "spl/kstat/zfs/tank/io"},
    {"zfs", "spl/kstat/zfs/tank/objset-1"},
    {"xfs", "fs/xfs/sda/stats/stats"},
    {"os", "etc/os-release"},
    {"meminfo_numa", "devices/system/node/node0/meminfo"},
    {"cpu_vulnerabilities", "devices/system/cpu/vulnerabilities/mds"},
    {"btrfs", "fs/btrfs/1-2/commit_stats"},
    {"bcache", "fs/bcache/1-2/bdev0/writeback_rate_debug"},
    {"bcachefs", "fs/bcachefs/1-2/errors"},
    {"bcachefs", "fs/bcachefs/1-2/compression_stats"},
    {"bcachefs", "fs/bcachefs/1-2/dev-0/io_done"},
    {"infiniband", "class/infiniband/mlx5_0/ports/1/rate"},
    {"pcidevice", "bus/pci/devices/0000:00:00.0/max_link_speed"},
    {"lustre", "fs/lustre/llite/scratch-1/stats"},
    {"lustre", "fs/lustre/osc/scratch-OST0000-osc-1/rpc_stats"},
    {"nvmesubsystem", "class/nvme-subsystem/nvme-subsys0/nvme0/state"},
    {"drm", "class/drm/card0/device/uevent"},
    {"textfile", "textfile/a.prom"}};

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
        if (const auto route = ParseRoute(body); route && *route) {
          for (const auto& hop : (*route)->hops) (void)AddressText(hop.gateway);
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

// A directory of this process, gone when it ends.
class Root {
 public:
  Root() {
    char name[] = "/tmp/proc_fuzz.XXXXXX";
    if (::mkdtemp(name) != nullptr) path_ = name;
  }
  ~Root() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  // Everything but this file is removed.
  bool Write(const std::string& file, std::string_view data) const {
    if (path_.empty()) return false;
    const std::string path = path_ + "/" + file;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(path_, ignored)) {
      std::filesystem::remove_all(entry.path(), ignored);
    }
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    std::ofstream(path, std::ios::binary)
        .write(data.data(), static_cast<std::streamsize>(data.size()));
    return true;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void FuzzCollector(size_t which, std::string_view data) {
  static const Root files;
  const std::string& root = files.path();
  const auto& [name, file] = kFiles[which % std::size(kFiles)];
  if (!files.Write(file, data)) return;
  const Machine machine{{root, root, root, root},
                        slurmscope::base::SystemClock(),
                        std::make_shared<SharedProcFile>(root + "/stat")};
  FlagValues flags;
  const CollectorSpec* spec = FindCollector(name);
  for (const FlagSpec& flag : spec->flags) flags.Declare(flag);
  flags.Add("collector.netdev.netlink", "false");
  flags.Add("collector.stat.softirq", "true");
  flags.Add("collector.vmstat.fields", ".*");
  flags.Add("collector.cpu.info.flags-include", ".*");
  flags.Add("collector.bcache.priorityStats", "true");
  flags.Add("collector.textfile.directory", root + "/textfile");
  FamilySet families;
  auto collector = spec->make(machine, flags, families);
  if (!collector) return;
  families.Begin();
  (void)(*collector)->Update();
  std::string out;
  Merger().Render({&families}, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  constexpr size_t kOthers = 6;
  switch (const size_t which = bytes[0] % (kOthers + std::size(kFiles)); which) {
    case 0:
      (void)ParseMountInfo(data);
      break;
    case 1:
      (void)ParseUdevData(data);
      break;
    case 2:
      (void)ParseCpuList(data);
      break;
    case 3:
      FuzzNetlink(data);
      break;
    case 4:
      FuzzDBus(data);
      break;
    case 5:
      (void)StatMetric(CleanStatName(data));
      break;
    default:
      FuzzCollector(which - kOthers, data);
  }
  return 0;
}
