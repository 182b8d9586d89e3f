#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/hwmon_names.h"
#include "agent/directory.h"
#include "agent/pattern.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

struct Reading {
  AttrFile file;
  Family* family;
  double divisor;
  std::string sensor;
};

struct Chip {
  std::string name;        // of the label
  std::string human_name;  // what the driver calls it
  std::vector<Reading> readings;
  std::vector<std::pair<std::string, std::string>> labels;  // sensor, label
};

std::string Resolve(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) == nullptr ? std::string() : resolved;
}

std::string Base(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

// Sensors of https://docs.kernel.org/hwmon/sysfs-interface.html. The chips are looked for when the
// list of them changes; then only values are read.
class Hwmon final : public Collector {
 public:
  Hwmon(const Machine& machine, DeviceFilter chips, DeviceFilter sensors, FamilySet& out)
      : directory_(machine.roots.sysfs + "/class/hwmon"),
        chip_filter_(std::move(chips)),
        sensor_filter_(std::move(sensors)),
        out_(out),
        names_family_(out.Get("node_hwmon_chip_names",
                              "Annotation metric for human-readable chip names", MetricType::kGauge,
                              {"chip", "chip_name"})),
        labels_family_(out.Get("node_hwmon_sensor_label", "Label for given chip and sensor",
                               MetricType::kGauge, {"chip", "label", "sensor"})) {}

  Result<void> Update() override {
    const auto names = TRY(listed_.List());
    if (!std::equal(names.begin(), names.end(), names_.begin(), names_.end()))
      Discover({names.begin(), names.end()});
    for (Chip& chip : chips_) {
      if (!chip.human_name.empty()) names_family_.Set({chip.name, chip.human_name}, 1);
      for (const auto& [sensor, label] : chip.labels) {
        labels_family_.Set({chip.name, label, sensor}, 1);
      }
      for (Reading& reading : chip.readings) {
        const auto value = reading.file.Number();
        if (value) reading.family->Set({chip.name, reading.sensor}, *value / reading.divisor);
      }
    }
    return {};
  }

 private:
  void Discover(std::vector<std::string> names) {
    names_ = std::move(names);
    chips_.clear();
    for (const std::string& name : names_) {
      const std::string path = base::StrCat(directory_, "/", name);
      Chip chip;
      chip.human_name = CleanName(AttrFile(path + "/name").Text());
      chip.name = ChipName(path, name, chip.human_name);
      if (chip.name.empty() || chip_filter_.Ignored(chip.name)) continue;
      AddSensors(path, chip);
      AddSensors(path + "/device", chip);
      chips_.push_back(std::move(chip));
    }
  }

  // Bus and device, which stay the same over boots, else the driver's name, else hwmonN. Where one
  // device has several chips the driver's name is added.
  std::string ChipName(const std::string& path, const std::string& entry,
                       const std::string& human_name) const {
    const std::string device = Resolve(path + "/device");
    if (device.empty()) return human_name.empty() ? Base(Resolve(path)) : human_name;
    const std::string type = CleanName(Base(device.substr(0, device.rfind('/'))));
    const std::string name = CleanName(Base(device));
    std::string chip = type.empty() ? name : base::StrCat(type, "_", name);
    const bool shared = std::any_of(names_.begin(), names_.end(), [&](const std::string& other) {
      return other != entry && Resolve(base::StrCat(directory_, "/", other, "/device")) == device;
    });
    if (shared && !human_name.empty()) chip += "_" + human_name;
    return chip;
  }

  void AddSensors(const std::string& directory, Chip& chip) {
    const auto files = base::ListDirectory(directory);
    if (!files) return;
    for (const std::string& file : *files) {
      const auto attribute = ParseHwmonFile(file);
      if (!attribute) continue;
      if (sensor_filter_.Ignored(base::StrCat(chip.name, ";", attribute->sensor))) continue;
      AttrFile source(base::StrCat(directory, "/", file));
      if (attribute->element == "label") {
        chip.labels.emplace_back(attribute->sensor, source.Text());
        continue;
      }
      const bool has_plain =
          std::find(files->begin(), files->end(), attribute->sensor) != files->end();
      const HwmonMetric metric = HwmonMetricOf(*attribute, has_plain);
      std::string sensor = attribute->sensor;
      if (attribute->type == "freq" && attribute->element == "input") {
        AttrFile label(base::StrCat(directory, "/", sensor, "_label"));
        if (const auto text = label.Read(); text && !text->empty()) sensor = CleanName(*text);
      }
      Family& family = out_.Get(metric.name, metric.help, metric.type, {"chip", "sensor"});
      chip.readings.push_back({std::move(source), &family, metric.divisor, std::move(sensor)});
    }
  }

  const std::string directory_;
  Directory listed_{directory_};
  DeviceFilter chip_filter_;
  DeviceFilter sensor_filter_;
  FamilySet& out_;
  Family& names_family_;
  Family& labels_family_;
  std::vector<std::string> names_;
  std::vector<Chip> chips_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeHwmon(const Machine& machine, const FlagValues& flags,
                                             FamilySet& out) {
  return std::make_unique<Hwmon>(
      machine, TRY(DeviceFilter::FromFlags(flags, "collector.hwmon.chip")),
      TRY(DeviceFilter::FromFlags(flags, "collector.hwmon.sensor")), out);
}

}  // namespace slurmscope::agent
