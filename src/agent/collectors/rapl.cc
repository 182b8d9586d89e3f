#include <cctype>
#include <map>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"

namespace slurmscope::agent {
namespace {

struct Zone {
  explicit Zone(const std::string& directory)
      : path(directory),
        energy(directory + "/energy_uj"),
        range(directory + "/max_energy_range_uj") {}
  std::string path;
  std::string name;
  std::string index;
  Family* family = nullptr;
  AttrFile energy;  // microjoules; wraps at `range`
  AttrFile range;
};

// Energy counters of CPU packages, cores and memory, as the powercap framework gives them. Only
// root may read them since Linux 5.10.
class Rapl final : public Collector {
 public:
  Rapl(const Machine& machine, bool zone_label, FamilySet& out)
      : zone_label_(zone_label), out_(out), zones_(machine.roots.sysfs + "/class/powercap") {}

  Result<void> Update() override {
    TRY(zones_.Refresh([&](const std::string& path, const std::string&) { return Make(path); }));
    size_t count = 0;
    zones_.ForEach([&](Zone& zone, std::string_view) {
      const auto energy = zone.energy.Number();
      if (!energy) return;
      ++count;
      const double joules = *energy / 1e6;
      if (zone_label_) {
        zone.family->Set({zone.index, zone.path, zone.name}, joules);
      } else {
        zone.family->Set({zone.index, zone.path}, joules);
      }
    });
    if (count == 0) return Fail(ErrorCode::kNotFound, "no energy counter that may be read");
    return {};
  }

 private:
  // "package-1" is zone package, index 1; names without a number are counted.
  std::unique_ptr<Zone> Make(const std::string& path) {
    auto zone = std::make_unique<Zone>(path);
    zone->name = AttrFile(path + "/name").Text();
    if (zone->name.empty() || !zone->range.Number()) return nullptr;
    const size_t dash = zone->name.rfind('-');
    const auto number = dash == std::string::npos
                            ? std::nullopt
                            : base::ParseInt<unsigned>(zone->name.substr(dash + 1));
    if (number) {
      zone->name.resize(dash);
      zone->index = base::StrCat(*number);
    } else {
      zone->index = base::StrCat(counts_[zone->name]++);
    }
    if (zone_label_) {
      zone->family = &out_.Get("node_rapl_joules_total", "Current RAPL value in joules",
                               MetricType::kCounter, {"index", "path", "rapl_zone"});
      return zone;
    }
    std::string metric = zone->name;
    for (char& c : metric) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    zone->family = &out_.Get(base::StrCat("node_rapl_", metric, "_joules_total"),
                             base::StrCat("Current RAPL ", zone->name, " value in joules"),
                             MetricType::kCounter, {"index", "path"});
    return zone;
  }

  const bool zone_label_;
  FamilySet& out_;
  std::map<std::string, unsigned> counts_;
  Devices<Zone> zones_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeRapl(const Machine& machine, const FlagValues& flags,
                                            FamilySet& out) {
  return std::make_unique<Rapl>(machine, flags.Bool("collector.rapl.enable-zone-label"), out);
}

}  // namespace slurmscope::agent
