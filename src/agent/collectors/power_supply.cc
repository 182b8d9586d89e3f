#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/pattern.h"

namespace slurmscope::agent {
namespace {

constexpr double kMicro = 1e6;
constexpr double kDeci = 10;

// Files of a supply, the metric's name and the unit's divisor;
// https://docs.kernel.org/power/power_supply_class.html
#define SUPPLY(file, name, divisor)                                                            \
  {                                                                                            \
    file, "node_power_supply_" name, name " value of /sys/class/power_supply/<power_supply>.", \
        MetricType::kGauge, 1, divisor                                                         \
  }
constexpr AttrSpec kNumbers[] = {
    SUPPLY("authentic", "authentic", 1),
    SUPPLY("calibrate", "calibrate", 1),
    SUPPLY("capacity", "capacity", 1),
    SUPPLY("capacity_alert_max", "capacity_alert_max", 1),
    SUPPLY("capacity_alert_min", "capacity_alert_min", 1),
    SUPPLY("cycle_count", "cyclecount", 1),
    SUPPLY("online", "online", 1),
    SUPPLY("present", "present", 1),
    SUPPLY("time_to_empty_now", "time_to_empty_seconds", 1),
    SUPPLY("time_to_full_now", "time_to_full_seconds", 1),
    SUPPLY("current_boot", "current_boot", kMicro),
    SUPPLY("current_max", "current_max", kMicro),
    SUPPLY("current_now", "current_ampere", kMicro),
    SUPPLY("energy_empty", "energy_empty", kMicro),
    SUPPLY("energy_empty_design", "energy_empty_design", kMicro),
    SUPPLY("energy_full", "energy_full", kMicro),
    SUPPLY("energy_full_design", "energy_full_design", kMicro),
    SUPPLY("energy_now", "energy_watthour", kMicro),
    SUPPLY("voltage_boot", "voltage_boot", kMicro),
    SUPPLY("voltage_max", "voltage_max", kMicro),
    SUPPLY("voltage_max_design", "voltage_max_design", kMicro),
    SUPPLY("voltage_min", "voltage_min", kMicro),
    SUPPLY("voltage_min_design", "voltage_min_design", kMicro),
    SUPPLY("voltage_now", "voltage_volt", kMicro),
    SUPPLY("voltage_ocv", "voltage_ocv", kMicro),
    SUPPLY("charge_control_limit", "charge_control_limit", kMicro),
    SUPPLY("charge_control_limit_max", "charge_control_limit_max", kMicro),
    SUPPLY("charge_counter", "charge_counter", kMicro),
    SUPPLY("charge_empty", "charge_empty", kMicro),
    SUPPLY("charge_empty_design", "charge_empty_design", kMicro),
    SUPPLY("charge_full", "charge_full", kMicro),
    SUPPLY("charge_full_design", "charge_full_design", kMicro),
    SUPPLY("charge_now", "charge_ampere", kMicro),
    SUPPLY("charge_term_current", "charge_term_current", kMicro),
    SUPPLY("constant_charge_current", "constant_charge_current", kMicro),
    SUPPLY("constant_charge_current_max", "constant_charge_current_max", kMicro),
    SUPPLY("constant_charge_voltage", "constant_charge_voltage", kMicro),
    SUPPLY("constant_charge_voltage_max", "constant_charge_voltage_max", kMicro),
    SUPPLY("precharge_current", "precharge_current", kMicro),
    SUPPLY("input_current_limit", "input_current_limit", kMicro),
    SUPPLY("power_now", "power_watt", kMicro),
    SUPPLY("temp", "temp_celsius", kDeci),
    SUPPLY("temp_alert_max", "temp_alert_max_celsius", kDeci),
    SUPPLY("temp_alert_min", "temp_alert_min_celsius", kDeci),
    SUPPLY("temp_ambient", "temp_ambient_celsius", kDeci),
    SUPPLY("temp_ambient_max", "temp_ambient_max_celsius", kDeci),
    SUPPLY("temp_ambient_min", "temp_ambient_min_celsius", kDeci),
    SUPPLY("temp_max", "temp_max_celsius", kDeci),
    SUPPLY("temp_min", "temp_min_celsius", kDeci)};
#undef SUPPLY

constexpr size_t kInfoLabels = 12;
constexpr std::string_view kInfo[kInfoLabels] = {
    "capacity_level", "charge_type",   "health", "manufacturer", "model_name", "power_supply",
    "scope",          "serial_number", "status", "technology",   "type",       "usb_type"};

struct Supply {
  Supply(const std::string& path, AttrFamilies& families) : numbers(path, families) {
    for (const std::string_view label : kInfo) texts.emplace_back(base::StrCat(path, "/", label));
  }
  AttrFiles numbers;
  std::vector<AttrFile> texts;
};

class PowerSupply final : public Collector {
 public:
  PowerSupply(const Machine& machine, Pattern ignored, FamilySet& out)
      : ignored_(std::move(ignored)),
        numbers_(out, kNumbers, {"power_supply"}),
        info_(out.Get("node_power_supply_info", "info of /sys/class/power_supply/<power_supply>.",
                      MetricType::kGauge, kInfo)),
        supplies_(machine.roots.sysfs + "/class/power_supply") {}

  Result<void> Update() override {
    TRY(supplies_.Refresh([&](const std::string& path, const std::string& name) {
      return ignored_.FoundIn(name) ? nullptr : std::make_unique<Supply>(path, numbers_);
    }));
    supplies_.ForEach([&](Supply& supply, std::string_view name) {
      supply.numbers.Set({name});
      SetInfo(supply, name);
    });
    return {};
  }

 private:
  void SetInfo(Supply& supply, std::string_view name) {
    std::string_view values[kInfoLabels];
    for (size_t i = 0; i < kInfoLabels; ++i) {
      values[i] = kInfo[i] == "power_supply" ? name : std::string_view(supply.texts[i].Text());
      if (values[i].empty()) values[i] = kNoLabel;
    }
    info_.Set(values, kInfoLabels, 1);
  }

  Pattern ignored_;
  AttrFamilies numbers_;
  Family& info_;
  Devices<Supply> supplies_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakePowerSupply(const Machine& machine, const FlagValues& flags,
                                                   FamilySet& out) {
  constexpr std::string_view kFlag = "collector.powersupply.ignored-supplies";
  return std::make_unique<PowerSupply>(machine, TRY(Pattern::Compile(kFlag, flags.String(kFlag))),
                                       out);
}

}  // namespace slurmscope::agent
