#include <array>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// One line of a file of /proc/pressure; https://docs.kernel.org/accounting/psi.html
struct Source {
  std::string_view file;
  std::string_view kind;  // the line's first word
  std::string_view name;
  std::string_view help;
};

constexpr std::array<Source, 6> kSources = {{
    {"cpu", "some", "node_pressure_cpu_waiting_seconds_total",
     "Total time in seconds that processes have waited for CPU time"},
    {"io", "some", "node_pressure_io_waiting_seconds_total",
     "Total time in seconds that processes have waited due to IO congestion"},
    {"io", "full", "node_pressure_io_stalled_seconds_total",
     "Total time in seconds no process could make progress due to IO congestion"},
    {"memory", "some", "node_pressure_memory_waiting_seconds_total",
     "Total time in seconds that processes have waited for memory"},
    {"memory", "full", "node_pressure_memory_stalled_seconds_total",
     "Total time in seconds no process could make progress due to memory congestion"},
    {"irq", "full", "node_pressure_irq_stalled_seconds_total",
     "Total time in seconds no process could make progress due to IRQ congestion"},
}};

class Pressure final : public Collector {
 public:
  Pressure(const Machine& machine, FamilySet& out) {
    for (size_t i = 0; i < kSources.size(); ++i) {
      const Source& source = kSources[i];
      families_[i] = &out.Get(source.name, source.help, MetricType::kCounter);
      if (i == 0 || kSources[i - 1].file != source.file) {
        files_.emplace_back(base::StrCat(machine.roots.procfs, "/pressure/", source.file));
      }
    }
  }

  Result<void> Update() override {
    bool any = false;
    size_t i = 0;
    for (AttrFile& file : files_) {
      const std::string_view name = kSources[i].file;
      const auto text = file.Raw();
      // Old kernels have no irq file, and a kernel started with psi=0 refuses to read.
      for (; i < kSources.size() && kSources[i].file == name; ++i) {
        if (text) any |= SetLine(*text, i);
      }
    }
    if (!any) return Fail(ErrorCode::kNotFound, "no pressure information in this kernel");
    return {};
  }

 private:
  bool SetLine(std::string_view text, size_t i) {
    for (std::string_view line; NextLine(text, line);) {
      if (NextField(line) != kSources[i].kind) continue;
      const size_t total = line.find("total=");
      const auto value =
          total == std::string_view::npos ? std::nullopt : ParseUint(line.substr(total + 6));
      if (!value) return false;
      families_[i]->Set(static_cast<double>(*value) / 1000 / 1000);
      return true;
    }
    return false;
  }

  std::vector<AttrFile> files_;
  std::array<Family*, kSources.size()> families_{};
};

}  // namespace

Result<std::unique_ptr<Collector>> MakePressure(const Machine& machine, const FlagValues&,
                                                FamilySet& out) {
  return std::make_unique<Pressure>(machine, out);
}

}  // namespace slurmscope::agent
