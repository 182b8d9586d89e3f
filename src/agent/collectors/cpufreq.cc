#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr double kKilo = 1000;

constexpr AttrSpec kTable[] = {
    {"cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.",
     MetricType::kGauge, kKilo},
    {"cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.",
     MetricType::kGauge, kKilo},
    {"cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.",
     MetricType::kGauge, kKilo},
    {"cpuinfo_avg_freq", "node_cpu_frequency_avg_hertz", "Average CPU thread frequency in hertz.",
     MetricType::kGauge, kKilo},
    {"scaling_cur_freq", "node_cpu_scaling_frequency_hertz",
     "Current scaled CPU thread frequency in hertz.", MetricType::kGauge, kKilo},
    {"scaling_min_freq", "node_cpu_scaling_frequency_min_hertz",
     "Minimum scaled CPU thread frequency in hertz.", MetricType::kGauge, kKilo},
    {"scaling_max_freq", "node_cpu_scaling_frequency_max_hertz",
     "Maximum scaled CPU thread frequency in hertz.", MetricType::kGauge, kKilo}};

struct Cpu {
  Cpu(const std::string& path, AttrFamilies& families)
      : frequencies(path + "/cpufreq", families),
        governor(path + "/cpufreq/scaling_governor"),
        governors(path + "/cpufreq/scaling_available_governors") {}
  AttrFiles frequencies;
  AttrFile governor;
  AttrFile governors;
};

class Cpufreq final : public Collector {
 public:
  Cpufreq(const Machine& machine, FamilySet& out)
      : families_(out, kTable, {"cpu"}),
        governor_(out.Get("node_cpu_scaling_governor", "Current enabled CPU frequency governor.",
                          MetricType::kGauge, {"cpu", "governor"})),
        cpus_(machine.roots.sysfs + "/devices/system/cpu") {}

  Result<void> Update() override {
    TRY(cpus_.Refresh([&](const std::string& path,
                          const std::string& name) -> std::unique_ptr<Cpu> {
      const bool is_cpu = name.starts_with("cpu") && ParseUint(std::string_view(name).substr(3));
      return is_cpu ? std::make_unique<Cpu>(path, families_) : nullptr;
    }));
    cpus_.ForEach([&](Cpu& cpu, std::string_view name) {
      name.remove_prefix(3);
      cpu.frequencies.Set({name});
      SetGovernor(cpu, name);
    });
    return {};
  }

 private:
  void SetGovernor(Cpu& cpu, std::string_view name) {
    const std::string& now = cpu.governor.Text();
    if (now.empty()) return;
    std::string_view all = cpu.governors.Read().value_or("");
    for (std::string_view governor; !(governor = NextField(all)).empty();) {
      governor_.Set({name, governor}, governor == now ? 1 : 0);
    }
  }

  AttrFamilies families_;
  Family& governor_;
  Devices<Cpu> cpus_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeCpufreq(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Cpufreq>(machine, out);
}

}  // namespace slurmscope::agent
