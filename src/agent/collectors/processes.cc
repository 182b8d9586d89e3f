#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <span>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/directory.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// Reads the small files of processes, below the directory that `List` gave, without a path of
// their own.
class ProcessFiles {
 public:
  explicit ProcessFiles(std::string directory) : directory_(std::move(directory)) {}

  Result<std::span<const std::string_view>> List() { return directory_.List(); }
  bool of_kernel() const { return directory_.of_kernel(); }

  // Valid until the next Read; empty for a process that is gone.
  std::string_view Read(const char* path) {
    const base::File file(::openat(directory_.fd(), path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) return {};
    const ssize_t n = ::read(file.fd(), buffer_.data(), buffer_.size());
    return {buffer_.data(), n > 0 ? static_cast<size_t>(n) : 0};
  }

  // Calls `use` for each entry of a directory that is a number.
  template <typename Use>
  void ForEachNumber(const char* path, Use use) {
    const int fd = ::openat(directory_.fd(), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    const base::File file(fd);
    alignas(dirent64) std::array<char, 16 << 10> entries;
    for (ssize_t n; (n = ::getdents64(fd, entries.data(), entries.size())) > 0;) {
      for (ssize_t at = 0; at < n;) {
        const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
        if (IsNumber(entry->d_name)) use(std::string_view(entry->d_name));
        at += entry->d_reclen;
      }
    }
  }
  bool Exists(const char* path) const { return ::faccessat(directory_.fd(), path, F_OK, 0) == 0; }

  static bool IsNumber(std::string_view name) { return name[0] >= '1' && name[0] <= '9'; }

 private:
  Directory directory_;
  std::array<char, 4096> buffer_{};
};

// "1234/task/1235/stat", as C wants it.
class ProcessPath {
 public:
  const char* Join(std::initializer_list<std::string_view> parts) {
    size_t size = 0;
    for (const std::string_view part : parts) {
      const size_t n = std::min(part.size(), text_.size() - 1 - size);
      std::memcpy(text_.data() + size, part.data(), n);
      size += n;
    }
    text_[size] = '\0';
    return text_.data();
  }

 private:
  std::array<char, 128> text_;
};

// The state of a process and how many threads it has, of a line of /proc/PID/stat; '\0' for no such
// line.
struct ProcessStat {
  explicit ProcessStat(std::string_view text) {
    if (text.empty()) return;
    // The name in parentheses may hold anything.
    text.remove_prefix(std::min(text.rfind(')'), text.size() - 1) + 1);
    const std::string_view letter = NextField(text);
    if (letter.empty()) return;
    state = letter[0];
    for (int field = 4; field < 20; ++field) NextField(text);
    threads = static_cast<double>(NextUint(text).value_or(1));
  }
  char state = '\0';
  double threads = 0;
};

// A walk over /proc/PID/stat, and over the threads of those that have several.
class Processes final : public Collector {
 public:
  Processes(const Machine& machine, FamilySet& out)
      : files_(machine.roots.procfs),
        max_pids_(machine.roots.procfs + "/sys/kernel/pid_max"),
        max_threads_file_(machine.roots.procfs + "/sys/kernel/threads-max"),
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
    for (const std::string_view name : TRY(files_.List())) {
      if (!ProcessFiles::IsNumber(name)) continue;
      const ProcessStat stat(files_.Read(path_.Join({name, "/stat"})));
      if (stat.state == '\0') continue;
      ++processes;
      threads += stat.threads;
      ++processes_[static_cast<unsigned char>(stat.state)];
      CountThreads(name, stat);
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

  void CountThreads(std::string_view pid, const ProcessStat& process) {
    if (process.threads > 1) {
      files_.ForEachNumber(path_.Join({pid, "/task"}), [&](std::string_view task) {
        const ProcessStat thread(files_.Read(path_.Join({pid, "/task/", task, "/stat"})));
        if (thread.state != '\0') ++thread_states_[static_cast<unsigned char>(thread.state)];
      });
    } else if (files_.of_kernel() || files_.Exists(path_.Join({pid, "/task"}))) {
      ++thread_states_[static_cast<unsigned char>(process.state)];  // a lone thread is its process
    }
  }

  static void SetStates(Family& family, const States& states) {
    for (size_t c = 0; c < states.size(); ++c) {
      if (states[c] == 0) continue;
      const char state = static_cast<char>(c);
      family.Set({std::string_view(&state, 1)}, states[c]);
    }
  }

  ProcessFiles files_;
  ProcessPath path_;
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
