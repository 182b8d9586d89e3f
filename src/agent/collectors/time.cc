#include <ctime>
#include <vector>

#include "agent/collectors/collectors.h"
#include "agent/scan.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

struct ClockSource {
  std::string device;  // the N of clocksourceN
  ProcFile available;
  ProcFile current;
};

class Time final : public Collector {
 public:
  Time(const Machine& machine, FamilySet& out)
      : clock_(machine.clock),
        directory_(machine.roots.sysfs + "/devices/system/clocksource"),
        available_(out.Get("node_time_clocksource_available_info",
                           "Available clocksources read from '/sys/devices/system/clocksource'.",
                           MetricType::kGauge, {"clocksource", "device"})),
        current_(out.Get("node_time_clocksource_current_info",
                         "Current clocksource read from '/sys/devices/system/clocksource'.",
                         MetricType::kGauge, {"clocksource", "device"})),
        seconds_(out.Get("node_time_seconds", "System time in seconds since epoch (1970).",
                         MetricType::kGauge)),
        offset_(out.Get("node_time_zone_offset_seconds", "System time zone offset in seconds.",
                        MetricType::kGauge, {"time_zone"})) {}

  Result<void> Update() override {
    const int64_t now_ms = clock_.NowMs();
    seconds_.Set(static_cast<double>(now_ms) / 1e3);
    const time_t now = now_ms / 1000;
    tm local{};
    if (::localtime_r(&now, &local) != nullptr) {
      offset_.Set({local.tm_zone}, static_cast<double>(local.tm_gmtoff));
    }
    if (sources_.empty()) TRY(FindSources());
    for (ClockSource& source : sources_) TRY(SetSource(source));
    return {};
  }

 private:
  Result<void> FindSources() {
    for (const std::string& name : TRY(base::ListDirectory(directory_))) {
      constexpr std::string_view kPrefix = "clocksource";
      if (!name.starts_with(kPrefix)) continue;
      const std::string path = directory_ + "/" + name;
      sources_.push_back({name.substr(kPrefix.size()), ProcFile(path + "/available_clocksource"),
                          ProcFile(path + "/current_clocksource")});
    }
    return {};
  }

  Result<void> SetSource(ClockSource& source) {
    std::string_view names = TRY(source.available.ReadTrimmed());
    for (std::string_view name; !(name = NextField(names)).empty();) {
      available_.Set({name, source.device}, 1);
    }
    current_.Set({TRY(source.current.ReadTrimmed()), source.device}, 1);
    return {};
  }

  const base::Clock& clock_;
  std::string directory_;
  Family& available_;
  Family& current_;
  Family& seconds_;
  Family& offset_;
  std::vector<ClockSource> sources_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeTime(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Time>(machine, out);
}

}  // namespace slurmscope::agent
