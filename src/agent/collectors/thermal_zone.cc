#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kZone = "thermal_zone";
constexpr std::string_view kCooling = "cooling_device";

constexpr AttrSpec kZoneTable[] = {
    {"temp", "node_thermal_zone_temp", "Zone temperature in Celsius", MetricType::kGauge, 1, 1000}};
constexpr AttrSpec kCoolingTable[] = {
    {"cur_state", "node_cooling_device_cur_state", "Current throttle state of the cooling device"},
    {"max_state", "node_cooling_device_max_state", "Maximum throttle state of the cooling device"}};

struct Device {
  bool is_zone;
  std::string type;
  AttrFiles numbers;
};

class ThermalZone final : public Collector {
 public:
  ThermalZone(const Machine& machine, FamilySet& out)
      : zones_(out, kZoneTable, {"type", "zone"}),
        cooling_(out, kCoolingTable, {"name", "type"}),
        devices_(machine.roots.sysfs + "/class/thermal") {}

  Result<void> Update() override {
    TRY(devices_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<Device> {
          const bool is_zone = name.starts_with(kZone);
          if (!is_zone && !name.starts_with(kCooling)) return nullptr;
          return std::make_unique<Device>(Device{is_zone, AttrFile(path + "/type").Text(),
                                                 AttrFiles(path, is_zone ? zones_ : cooling_)});
        }));
    devices_.ForEach([&](Device& device, std::string_view name) {
      if (device.is_zone) {
        device.numbers.Set({device.type, name.substr(kZone.size())});
      } else {
        device.numbers.Set({name.substr(kCooling.size()), device.type});
      }
    });
    return {};
  }

 private:
  AttrFamilies zones_;
  AttrFamilies cooling_;
  Devices<Device> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeThermalZone(const Machine& machine, const FlagValues&,
                                                   FamilySet& out) {
  return std::make_unique<ThermalZone>(machine, out);
}

}  // namespace slurmscope::agent
