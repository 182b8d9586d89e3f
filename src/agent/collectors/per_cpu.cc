// Collectors of files with a line for each CPU.

#include <array>

#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

struct Column {
  size_t index;
  std::string_view name;
  std::string_view help;
  MetricType type = MetricType::kCounter;
};

// Hexadecimal columns of /proc/net/softnet_stat, as net/core/net-procfs.c of the kernel prints
// them.
constexpr Column kSoftnet[] = {
    {0, "node_softnet_processed_total", "Number of processed packets"},
    {1, "node_softnet_dropped_total", "Number of dropped packets"},
    {2, "node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota"},
    {8, "node_softnet_cpu_collision_total",
     "Number of collision occur while obtaining device lock while transmitting"},
    {9, "node_softnet_received_rps_total", "Number of times cpu woken up received_rps"},
    {10, "node_softnet_flow_limit_count_total", "Number of times flow limit has been reached"},
    {11, "node_softnet_backlog_len", "Softnet backlog status", MetricType::kGauge},
};
constexpr size_t kSoftnetCpu =
    12;  // newer kernels leave out CPUs that are offline, and say which one it is
constexpr size_t kSoftnetColumns = 13;

class Softnet final : public Collector {
 public:
  Softnet(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/net/softnet_stat") {
    for (size_t i = 0; i < families_.size(); ++i) {
      families_[i] = &out.Get(kSoftnet[i].name, kSoftnet[i].help, kSoftnet[i].type, {"cpu"});
    }
  }

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    size_t row = 0;
    for (std::string_view line; NextLine(text, line); ++row) {
      uint64_t columns[kSoftnetColumns] = {};
      size_t n = 0;
      for (std::string_view field; n < kSoftnetColumns && !(field = NextField(line)).empty(); ++n) {
        const auto value = base::ParseInt<uint64_t>(field, 16);
        if (!value) return Fail(ErrorCode::kCorruption, file_.path() + ": not hexadecimal");
        columns[n] = *value;
      }
      const std::string cpu = base::StrCat(n > kSoftnetCpu ? columns[kSoftnetCpu] : row);
      for (size_t i = 0; i < families_.size(); ++i) {
        families_[i]->Set({cpu}, static_cast<double>(columns[kSoftnet[i].index]));
      }
    }
    return {};
  }

 private:
  ProcFile file_;
  std::array<Family*, std::size(kSoftnet)> families_{};
};

// Columns of a cpuN line of /proc/schedstat; https://docs.kernel.org/scheduler/sched-stats.html
class Schedstat final : public Collector {
 public:
  Schedstat(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/schedstat"),
        running_(out.Get("node_schedstat_running_seconds_total",
                         "Number of seconds CPU spent running a process.", MetricType::kCounter,
                         {"cpu"})),
        timeslices_(out.Get("node_schedstat_timeslices_total",
                            "Number of timeslices executed by CPU.", MetricType::kCounter,
                            {"cpu"})),
        waiting_(out.Get("node_schedstat_waiting_seconds_total",
                         "Number of seconds spent by processing waiting for this CPU.",
                         MetricType::kCounter, {"cpu"})) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    for (std::string_view line; NextLine(text, line);) {
      if (!line.starts_with("cpu")) continue;
      const std::string_view cpu = NextField(line).substr(3);
      for (int i = 0; i < 6; ++i) NextField(line);
      const auto running = NextUint(line);
      const auto waiting = NextUint(line);
      const auto slices = NextUint(line);
      if (!running || !waiting || !slices)
        return Fail(ErrorCode::kCorruption, file_.path() + ": malformed line");
      running_.Set({cpu}, static_cast<double>(*running) / 1e9);
      waiting_.Set({cpu}, static_cast<double>(*waiting) / 1e9);
      timeslices_.Set({cpu}, static_cast<double>(*slices));
    }
    return {};
  }

 private:
  ProcFile file_;
  Family& running_;
  Family& timeslices_;
  Family& waiting_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeSoftnet(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Softnet>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeSchedstat(const Machine& machine, const FlagValues&,
                                                 FamilySet& out) {
  return std::make_unique<Schedstat>(machine, out);
}

}  // namespace slurmscope::agent
