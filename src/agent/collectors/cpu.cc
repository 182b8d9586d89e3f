#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "agent/collectors/collectors.h"
#include "agent/collectors/cpu_info.h"
#include "agent/collectors/cpu_topology.h"
#include "agent/pattern.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// Columns of a cpuN line of /proc/stat, in the kernel's order.
enum Column {
  kUser,
  kNice,
  kSystem,
  kIdle,
  kIowait,
  kIrq,
  kSoftirq,
  kSteal,
  kGuest,
  kGuestNice,
  kColumns
};
using Ticks = std::array<double, kColumns>;

constexpr double kTicksPerSecond =
    100;  // USER_HZ, what user space sees on every architecture we build for
// When idle time falls by more than this, the CPU was unplugged and came back: its counters start
// anew. Smaller steps back are the kernel's accounting, and the old value stays.
constexpr double kJumpBackTicks = 3 * kTicksPerSecond;

struct CpuTimes {
  std::string cpu;
  Ticks ticks{};
  bool seen = false;
};

void Advance(Ticks& ticks, const Ticks& now) {
  if (ticks[kIdle] - now[kIdle] >= kJumpBackTicks) ticks = {};
  for (size_t i = 0; i < kColumns; ++i) ticks[i] = std::max(ticks[i], now[i]);
}

class Cpu final : public Collector {
 public:
  Cpu(const Machine& machine, bool guest, std::unique_ptr<CpuInfo> info, FamilySet& out)
      : stat_(machine.proc_stat),
        stat_path_(machine.roots.procfs + "/stat"),
        seconds_(out.Get("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.",
                         MetricType::kCounter, {"cpu", "mode"})),
        guest_(guest ? &out.Get("node_cpu_guest_seconds_total",
                                "Seconds the CPUs spent in guests (VMs) for each mode.",
                                MetricType::kCounter, {"cpu", "mode"})
                     : nullptr),
        topology_(machine.roots.sysfs + "/devices/system/cpu", out),
        info_(std::move(info)) {}

  Result<void> Update() override {
    if (info_) TRY(info_->Update());
    TRY(ReadStat());
    for (const CpuTimes& times : cpus_) SetTimes(times);
    topology_.Update(cpus_.size());
    return {};
  }

 private:
  Result<void> ReadStat() {
    const auto text = TRY(stat_->Read());
    std::string_view rest = *text;
    size_t index = 0;
    for (CpuTimes& times : cpus_) times.seen = false;
    for (std::string_view line; NextLine(rest, line) && line.starts_with("cpu");) {
      const std::string_view name = NextField(line).substr(3);
      if (name.empty()) continue;  // the sum over all
      Ticks now{};
      // Old kernels have fewer columns.
      for (double& column : now) column = static_cast<double>(NextUint(line).value_or(0));
      CpuTimes& times = FindCpu(name, index++);
      times.seen = true;
      Advance(times.ticks, now);
    }
    std::erase_if(cpus_, [](const CpuTimes& times) { return !times.seen; });
    if (cpus_.empty()) return Fail(ErrorCode::kCorruption, stat_path_ + ": no line of a CPU");
    return {};
  }

  CpuTimes& FindCpu(std::string_view name, size_t index) {
    if (index < cpus_.size() && cpus_[index].cpu == name) return cpus_[index];
    const auto at =
        std::find_if(cpus_.begin(), cpus_.end(), [&](const auto& c) { return c.cpu == name; });
    if (at != cpus_.end()) return *at;
    return *cpus_.insert(cpus_.begin() + static_cast<ptrdiff_t>(std::min(index, cpus_.size())),
                         CpuTimes{std::string(name), {}, true});
  }

  void SetTimes(const CpuTimes& times) {
    static constexpr std::pair<std::string_view, Column> kModes[] = {
        {"idle", kIdle},       {"iowait", kIowait}, {"irq", kIrq},       {"nice", kNice},
        {"softirq", kSoftirq}, {"steal", kSteal},   {"system", kSystem}, {"user", kUser}};
    for (const auto& [mode, column] : kModes) {
      seconds_.Set({times.cpu, mode}, times.ticks[column] / kTicksPerSecond);
    }
    if (guest_ == nullptr) return;
    guest_->Set({times.cpu, "nice"}, times.ticks[kGuestNice] / kTicksPerSecond);
    guest_->Set({times.cpu, "user"}, times.ticks[kGuest] / kTicksPerSecond);
  }

  std::shared_ptr<SharedProcFile> stat_;
  const std::string stat_path_;
  Family& seconds_;
  Family* guest_;
  std::vector<CpuTimes> cpus_;
  CpuTopology topology_;
  std::unique_ptr<CpuInfo> info_;
};

Result<std::unique_ptr<Pattern>> IncludePattern(const FlagValues& flags, std::string_view flag) {
  const std::string pattern = flags.String(flag);
  if (pattern.empty()) return nullptr;
  return std::make_unique<Pattern>(TRY(Pattern::Compile(flag, pattern)));
}

}  // namespace

Result<std::unique_ptr<Collector>> MakeCpu(const Machine& machine, const FlagValues& flags,
                                           FamilySet& out) {
  CpuInfo::Options options;
  options.flags = TRY(IncludePattern(flags, "collector.cpu.info.flags-include"));
  options.bugs = TRY(IncludePattern(flags, "collector.cpu.info.bugs-include"));
  std::unique_ptr<CpuInfo> info;
  if (flags.Bool("collector.cpu.info") || options.flags || options.bugs) {
    info = std::make_unique<CpuInfo>(machine.roots.procfs + "/cpuinfo", std::move(options), out);
  }
  return std::make_unique<Cpu>(machine, flags.Bool("collector.cpu.guest"), std::move(info), out);
}

}  // namespace slurmscope::agent
