#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "agent/collectors/collectors.h"
#include "agent/collectors/cpu_topology.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

// perf_event_open(2)
struct EventSpec {
  std::string_view profiler;  // as the flags call it
  std::string_view metric;
  std::string_view help;
  uint32_t type;
  uint64_t config;
};

constexpr uint64_t Cache(uint64_t id, uint64_t operation, uint64_t result) {
  return id | operation << 8 | result << 16;
}
constexpr auto kRead = PERF_COUNT_HW_CACHE_OP_READ;
constexpr auto kWrite = PERF_COUNT_HW_CACHE_OP_WRITE;
constexpr auto kHit = PERF_COUNT_HW_CACHE_RESULT_ACCESS;
constexpr auto kMiss = PERF_COUNT_HW_CACHE_RESULT_MISS;

constexpr EventSpec kEvents[] = {
    {"CpuCycles", "cpucycles_total", "Number of CPU cycles (frequency scaled)", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_CPU_CYCLES},
    {"CpuInstr", "instructions_total", "Number of CPU instructions", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_INSTRUCTIONS},
    {"BranchInstr", "branch_instructions_total", "Number of CPU branch instructions",
     PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"BranchMisses", "branch_misses_total", "Number of CPU branch misses", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_BRANCH_MISSES},
    {"CacheRef", "cache_refs_total", "Number of cache references (non frequency scaled)",
     PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"CacheMisses", "cache_misses_total", "Number of cache misses", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_CACHE_MISSES},
    {"RefCpuCycles", "ref_cpucycles_total", "Number of CPU cycles", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_REF_CPU_CYCLES},
    {"StalledCyclesBackend", "stalled_cycles_backend_total", "Number of stalled backend CPU cycles",
     PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"StalledCyclesFrontend", "stalled_cycles_frontend_total",
     "Number of stalled frontend CPU cycles", PERF_TYPE_HARDWARE,
     PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"PageFault", "page_faults_total", "Number of page faults", PERF_TYPE_SOFTWARE,
     PERF_COUNT_SW_PAGE_FAULTS},
    {"ContextSwitch", "context_switches_total", "Number of context switches", PERF_TYPE_SOFTWARE,
     PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"CpuMigration", "cpu_migrations_total", "Number of CPU process migrations", PERF_TYPE_SOFTWARE,
     PERF_COUNT_SW_CPU_MIGRATIONS},
    {"MinorFault", "minor_faults_total", "Number of minor page faults", PERF_TYPE_SOFTWARE,
     PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"MajorFault", "major_faults_total", "Number of major page faults", PERF_TYPE_SOFTWARE,
     PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"L1DataReadHit", "cache_l1d_read_hits_total", "Number L1 data cache read hits",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_L1D, kRead, kHit)},
    {"L1DataReadMiss", "cache_l1d_read_misses_total", "Number L1 data cache read misses",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_L1D, kRead, kMiss)},
    {"L1DataWriteHit", "cache_l1d_write_hits_total", "Number L1 data cache write hits",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_L1D, kWrite, kHit)},
    {"L1InstrReadMiss", "cache_l1_instr_read_misses_total",
     "Number instruction L1 instruction read misses", PERF_TYPE_HW_CACHE,
     Cache(PERF_COUNT_HW_CACHE_L1I, kRead, kMiss)},
    {"InstrTLBReadHit", "cache_tlb_instr_read_hits_total", "Number instruction TLB read hits",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_ITLB, kRead, kHit)},
    {"InstrTLBReadMiss", "cache_tlb_instr_read_misses_total", "Number instruction TLB read misses",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_ITLB, kRead, kMiss)},
    {"DataTLBReadHit", "cache_tlb_data_read_hits_total", "Number of data TLB read hits",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_DTLB, kRead, kHit)},
    {"DataTLBReadMiss", "cache_tlb_data_read_misses_total", "Number of data TLB read misses",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_DTLB, kRead, kMiss)},
    {"DataTLBWriteHit", "cache_tlb_data_write_hits_total", "Number of data TLB write hits",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_DTLB, kWrite, kHit)},
    {"DataTLBWriteMiss", "cache_tlb_data_write_misses_total", "Number of data TLB write misses",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_DTLB, kWrite, kMiss)},
    {"LLReadHit", "cache_ll_read_hits_total", "Number last level read hits", PERF_TYPE_HW_CACHE,
     Cache(PERF_COUNT_HW_CACHE_LL, kRead, kHit)},
    {"LLReadMiss", "cache_ll_read_misses_total", "Number last level read misses",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_LL, kRead, kMiss)},
    {"LLWriteHit", "cache_ll_write_hits_total", "Number last level write hits", PERF_TYPE_HW_CACHE,
     Cache(PERF_COUNT_HW_CACHE_LL, kWrite, kHit)},
    {"LLWriteMiss", "cache_ll_write_misses_total", "Number last level write misses",
     PERF_TYPE_HW_CACHE, Cache(PERF_COUNT_HW_CACHE_LL, kWrite, kMiss)},
    {"BPUReadHit", "cache_bpu_read_hits_total", "Number BPU read hits", PERF_TYPE_HW_CACHE,
     Cache(PERF_COUNT_HW_CACHE_BPU, kRead, kHit)},
    {"BPUReadMiss", "cache_bpu_read_misses_total", "Number BPU read misses", PERF_TYPE_HW_CACHE,
     Cache(PERF_COUNT_HW_CACHE_BPU, kRead, kMiss)},
};

// The kinds of events, with the flags that choose among them.
struct Kind {
  uint32_t type;
  std::string_view disable;
  std::string_view choose;
};
constexpr Kind kKinds[] = {
    {PERF_TYPE_HARDWARE, "collector.perf.disable-hardware-profilers",
     "collector.perf.hardware-profilers"},
    {PERF_TYPE_SOFTWARE, "collector.perf.disable-software-profilers",
     "collector.perf.software-profilers"},
    {PERF_TYPE_HW_CACHE, "collector.perf.disable-cache-profilers",
     "collector.perf.cache-profilers"},
};

// All work on a CPU, ours or not.
base::File OpenEvent(uint32_t type, uint64_t config, unsigned cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.config = config;
  attributes.exclude_hv = 1;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return base::File(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1,
                                               static_cast<int>(cpu), -1, PERF_FLAG_FD_CLOEXEC)));
}

struct OpenedEvent {
  Family* family;
  std::string cpu;
  base::File file;
};

class Perf final : public Collector {
 public:
  void Add(Family& family, uint32_t type, uint64_t config, unsigned cpu) {
    base::File file = OpenEvent(type, config, cpu);
    if (!file.is_open()) {
      // EACCES and EPERM explain an empty page; that a CPU lacks an event does not.
      if (errno == EACCES || errno == EPERM) denied_ = errno;
      return;
    }
    events_.push_back({&family, base::StrCat(cpu), std::move(file)});
  }

  // What Update says of it from now on.
  void Break(base::Error error) { broken_ = std::move(error); }

  Result<void> Update() override {
    if (broken_) return Fail(*broken_);
    if (events_.empty()) {
      if (denied_ != 0)
        return base::FailErrno("perf_event_open (see kernel.perf_event_paranoid)", denied_);
      return Fail(ErrorCode::kNotFound, "this machine has none of the events");
    }
    for (OpenedEvent& event : events_) {
      struct {
        uint64_t value;
        uint64_t enabled;
        uint64_t running;
      } counts{};
      if (::read(event.file.fd(), &counts, sizeof counts) != sizeof counts) continue;
      // The kernel takes turns when there are more events than counters; one that had no turn yet
      // has nothing to say.
      if (counts.running == 0) continue;
      double value = static_cast<double>(counts.value);
      if (counts.running != counts.enabled)
        value *= static_cast<double>(counts.enabled) / static_cast<double>(counts.running);
      event.family->Set({event.cpu}, value);
    }
    return {};
  }

 private:
  std::vector<OpenedEvent> events_;
  std::optional<base::Error> broken_;
  int denied_ = 0;
};

// "0,2-5,8-16:4": the last with a stride.
Result<std::vector<unsigned>> ParseCpuFlag(std::string_view text) {
  std::vector<unsigned> cpus;
  const auto number = [](std::string_view digits) { return base::ParseInt<unsigned>(digits); };
  constexpr unsigned kMaxCpu = 65535;
  for (const std::string_view part : base::Split(text, ',')) {
    const size_t colon = std::min(part.find(':'), part.size());
    const std::string_view range = part.substr(0, colon);
    const auto stride = colon == part.size() ? std::optional(1u) : number(part.substr(colon + 1));
    const size_t dash = std::min(range.find('-'), range.size());
    const auto first = number(range.substr(0, dash));
    const auto last = dash == range.size() ? first : number(range.substr(dash + 1));
    if (!stride || *stride == 0 || !first || !last || *last > kMaxCpu) {
      return Fail(ErrorCode::kInvalidArgument,
                  base::StrCat("--collector.perf.cpus: cannot read ", base::Quote(part)));
    }
    for (unsigned cpu = *first; cpu <= *last; cpu += *stride) cpus.push_back(cpu);
  }
  return cpus;
}

// Without a list of CPUs there is nothing to count, but no reason not to start either.
Result<std::vector<unsigned>> ChosenCpus(const Machine& machine, const FlagValues& flags,
                                         Perf& perf) {
  const std::string chosen = flags.String("collector.perf.cpus");
  if (!chosen.empty()) return ParseCpuFlag(chosen);
  ProcFile online(machine.roots.sysfs + "/devices/system/cpu/online");
  const auto text = online.ReadTrimmed();
  if (text) return ParseCpuList(*text);
  perf.Break(text.error());
  return std::vector<unsigned>();
}

Result<std::vector<EventSpec>> ChosenEvents(const FlagValues& flags) {
  std::vector<EventSpec> events;
  for (const Kind& kind : kKinds) {
    const auto names = flags.Strings(kind.choose);
    size_t known = 0;
    for (const EventSpec& event : kEvents) {
      if (event.type != kind.type) continue;
      const bool named = std::find(names.begin(), names.end(), event.profiler) != names.end();
      known += named;
      if (!flags.Bool(kind.disable) && (named || names.empty())) events.push_back(event);
    }
    if (known < names.size()) {
      return Fail(
          ErrorCode::kInvalidArgument,
          base::StrCat("--", kind.choose, ": unknown profiler among ", base::Join(names, ", ")));
    }
  }
  return events;
}

// The number of SUBSYSTEM:EVENT, which tracefs knows.
Result<uint64_t> TracepointId(const Machine& machine, std::string_view name) {
  const size_t colon = name.find(':');
  if (colon == std::string_view::npos || name.find(':', colon + 1) != std::string_view::npos ||
      name.find('/') != std::string_view::npos || name.find("..") != std::string_view::npos) {
    return Fail(
        ErrorCode::kInvalidArgument,
        base::StrCat("--collector.perf.tracepoint: want SUBSYSTEM:EVENT, not ", base::Quote(name)));
  }
  const std::string below =
      base::StrCat("/tracing/events/", name.substr(0, colon), "/", name.substr(colon + 1), "/id");
  for (const char* mount : {"/kernel", "/kernel/debug"}) {
    ProcFile file(base::StrCat(machine.roots.sysfs, mount, below));
    if (const auto id = file.ReadUint()) return *id;
  }
  return Fail(ErrorCode::kNotFound,
              base::StrCat("--collector.perf.tracepoint: no ", base::Quote(name), " in tracefs"));
}

}  // namespace

Result<std::unique_ptr<Collector>> MakePerf(const Machine& machine, const FlagValues& flags,
                                            FamilySet& out) {
  auto perf = std::make_unique<Perf>();
  const auto cpus = TRY(ChosenCpus(machine, flags, *perf));
  const auto add = [&](std::string_view metric, std::string_view help, uint32_t type,
                       uint64_t config) {
    Family& family =
        out.Get(base::StrCat("node_perf_", metric), help, MetricType::kCounter, {"cpu"});
    for (const unsigned cpu : cpus) perf->Add(family, type, config, cpu);
  };
  for (const EventSpec& event : TRY(ChosenEvents(flags)))
    add(event.metric, event.help, event.type, event.config);
  for (const std::string& name : flags.Strings("collector.perf.tracepoint")) {
    const uint64_t id = TRY(TracepointId(machine, name));
    std::string metric = name;
    std::replace(metric.begin(), metric.end(), ':', '_');
    add(metric, base::StrCat("Perf tracepoint ", name), PERF_TYPE_TRACEPOINT, id);
  }
  return perf;
}

}  // namespace slurmscope::agent
