#include <unistd.h>

#include <algorithm>
#include <array>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// A walk over /proc/PID/stat, and over the threads of those that have several.
class Processes final : public Collector {
 public:
  Processes(const Machine& machine, FamilySet& out)
      : procfs_(machine.roots.procfs),
        max_pids_(procfs_ + "/sys/kernel/pid_max"),
        max_threads_file_(procfs_ + "/sys/kernel/threads-max"),
        threads_(
            out.Get("node_processes_threads", "Allocated threads in system", MetricType::kGauge)),
        max_threads_(out.Get("node_processes_max_threads", "Limit of threads in the system",
                             MetricType::kGauge)),
        pids_(out.Get("node_processes_pids", "Number of PIDs", MetricType::kGauge)),
        max_processes_(out.Get("node_processes_max_processes", "Number of max PIDs limit",
                               MetricType::kGauge)),
        state_(out.Get("node_processes_state", "Number of processes in each state.",
                       MetricType::kGauge, {"state"})),
        thread_state_(out.Get("node_processes_threads_state", "Number of threads in each state.",
                              MetricType::kGauge, {"thread_state"})) {}

  Result<void> Update() override {
    processes_.fill(0);
    thread_states_.fill(0);
    double processes = 0;
    double threads = 0;
    for (const std::string& name : TRY(base::ListDirectory(procfs_))) {
      if (name[0] < '1' || name[0] > '9') continue;
      threads += CountProcess(name, processes);
    }
    threads_.Set(threads);
    pids_.Set(processes);
    SetStates(state_, processes_);
    SetStates(thread_state_, thread_states_);
    if (const auto n = max_pids_.Number()) max_processes_.Set(*n);
    if (const auto n = max_threads_file_.Number()) max_threads_.Set(*n);
    return {};
  }

 private:
  using States = std::array<double, 256>;

  // Gives the number of threads; 0 for a process that is gone.
  double CountProcess(const std::string& pid, double& processes) {
    const std::string path = base::StrCat(procfs_, "/", pid);
    const auto text = AttrFile(path + "/stat").Read();
    if (!text) return 0;
    // The name in parentheses may hold anything.
    std::string_view rest = text->substr(std::min(text->rfind(')'), text->size() - 1) + 1);
    const std::string_view state = NextField(rest);
    if (state.empty()) return 0;
    ++processes;
    ++processes_[static_cast<unsigned char>(state[0])];
    for (int field = 4; field < 20; ++field) NextField(rest);
    const double threads = static_cast<double>(NextUint(rest).value_or(1));
    const std::string tasks = path + "/task";
    if (threads > 1) {
      CountThreads(tasks);
    } else if (::access(tasks.c_str(), F_OK) == 0) {
      ++thread_states_[static_cast<unsigned char>(state[0])];  // a lone thread is its process
    }
    return threads;
  }

  void CountThreads(const std::string& directory) {
    const auto tasks = base::ListDirectory(directory);
    if (!tasks) return;
    for (const std::string& task : *tasks) {
      const auto text = AttrFile(base::StrCat(directory, "/", task, "/stat")).Read();
      if (!text || text->empty()) continue;
      std::string_view rest = text->substr(std::min(text->rfind(')'), text->size() - 1) + 1);
      const std::string_view state = NextField(rest);
      if (!state.empty()) ++thread_states_[static_cast<unsigned char>(state[0])];
    }
  }

  static void SetStates(Family& family, const States& states) {
    for (size_t c = 0; c < states.size(); ++c) {
      if (states[c] == 0) continue;
      const char state = static_cast<char>(c);
      family.Set({std::string_view(&state, 1)}, states[c]);
    }
  }

  const std::string procfs_;
  AttrFile max_pids_;
  AttrFile max_threads_file_;
  Family& threads_;
  Family& max_threads_;
  Family& pids_;
  Family& max_processes_;
  Family& state_;
  Family& thread_state_;
  States processes_{};
  States thread_states_{};
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeProcesses(const Machine& machine, const FlagValues&,
                                                 FamilySet& out) {
  return std::make_unique<Processes>(machine, out);
}

}  // namespace slurmscope::agent
