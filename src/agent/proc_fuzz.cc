#include <cstddef>
#include <cstdint>
#include <string>

#include <unistd.h>

#include "agent/collector.h"
#include "agent/collectors/cpu_topology.h"
#include "agent/collectors/mountinfo.h"
#include "agent/collectors/rtnetlink.h"
#include "agent/collectors/udev.h"
#include "base/file.h"

namespace {

using namespace slurmscope::agent;

// The collectors that read one file of /proc, and that file.
constexpr std::pair<const char*, const char*> kFiles[] = {
    {"cpu", "stat"},        {"stat", "stat"},     {"meminfo", "meminfo"},
    {"loadavg", "loadavg"}, {"vmstat", "vmstat"}, {"diskstats", "diskstats"},
    {"netdev", "net/dev"},  {"cpu", "cpuinfo"}};

void FuzzCollector(size_t which, std::string_view data) {
  static const std::string root = "/tmp/slurmscope_proc_fuzz." + std::to_string(::getpid());
  static const bool made = slurmscope::base::MakeDirectories(root + "/net").has_value();
  const auto& [name, file] = kFiles[which % std::size(kFiles)];
  if (!made || !slurmscope::base::WriteFileAtomic(root + "/" + file, data)) return;
  const Machine machine{{root, root, "/", root},
                        slurmscope::base::SystemClock(),
                        std::make_shared<SharedProcFile>(root + "/stat")};
  FlagValues flags;
  const CollectorSpec* spec = FindCollector(name);
  for (const FlagSpec& flag : spec->flags) flags.Declare(flag);
  flags.Add("collector.netdev.netlink", "false");
  flags.Add("collector.stat.softirq", "true");
  flags.Add("collector.vmstat.fields", ".*");
  flags.Add("collector.cpu.info.flags-include", ".*");
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
  switch (bytes[0] % 12) {
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
      (void)ParseLinkMessages(data, 0, [](std::string_view, const rtnl_link_stats64&) {});
      break;
    default:
      FuzzCollector(bytes[0] % 12 - 4u, data);
  }
  return 0;
}
