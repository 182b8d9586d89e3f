#include <array>

#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// In the order of the kernel's softirq line, after the sum.
constexpr std::array<std::string_view, 10> kSoftirqs = {
    "hi",           "timer",   "net_tx", "net_rx",  "block",
    "block_iopoll", "tasklet", "sched",  "hrtimer", "rcu"};

class Stat final : public Collector {
 public:
  Stat(const Machine& machine, bool softirqs, FamilySet& out)
      : file_(machine.proc_stat),
        fields_{
            {{"intr", &out.Get("node_intr_total", "Total number of interrupts serviced.",
                               MetricType::kCounter)},
             {"ctxt", &out.Get("node_context_switches_total", "Total number of context switches.",
                               MetricType::kCounter)},
             {"btime", &out.Get("node_boot_time_seconds", "Node boot time, in unixtime.",
                                MetricType::kGauge)},
             {"processes",
              &out.Get("node_forks_total", "Total number of forks.", MetricType::kCounter)},
             {"procs_running",
              &out.Get("node_procs_running", "Number of processes in runnable state.",
                       MetricType::kGauge)},
             {"procs_blocked", &out.Get("node_procs_blocked",
                                        "Number of processes blocked waiting for I/O to complete.",
                                        MetricType::kGauge)}}},
        softirqs_(softirqs ? &out.Get("node_softirqs_total", "Number of softirq calls.",
                                      MetricType::kCounter, {"vector"})
                           : nullptr) {}

  Result<void> Update() override {
    const auto text = TRY(file_->Read());
    std::string_view rest = *text;
    // node_exporter gives all six whatever the kernel says; a line that is missing counts as 0.
    std::array<double, 6> values{};
    bool any = false;
    for (std::string_view line; NextLine(rest, line);) {
      if (line.starts_with("cpu")) continue;
      const std::string_view key = NextField(line);
      if (key == "softirq" && softirqs_ != nullptr) SetSoftirqs(line);
      for (size_t i = 0; i < fields_.size(); ++i) {
        if (key != fields_[i].first) continue;
        values[i] = static_cast<double>(NextUint(line).value_or(0));
        any = true;
      }
    }
    if (!any) return {};  // no counter shall fall to 0 because of garbage
    for (size_t i = 0; i < fields_.size(); ++i) fields_[i].second->Set(values[i]);
    return {};
  }

 private:
  void SetSoftirqs(std::string_view line) {
    NextField(line);
    for (const std::string_view vector : kSoftirqs) {
      softirqs_->Set({vector}, static_cast<double>(NextUint(line).value_or(0)));
    }
  }

  std::shared_ptr<SharedProcFile> file_;
  std::array<std::pair<std::string_view, Family*>, 6> fields_;
  Family* softirqs_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeStat(const Machine& machine, const FlagValues& flags,
                                            FamilySet& out) {
  return std::make_unique<Stat>(machine, flags.Bool("collector.stat.softirq"), out);
}

}  // namespace slurmscope::agent
