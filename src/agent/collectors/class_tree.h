#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attr_file.h"
#include "agent/collector.h"
#include "agent/devices.h"
#include "agent/pattern.h"

namespace slurmscope::agent {

// A label of an info metric and the file that it is read from.
struct InfoLabel {
  std::string_view label;
  std::string_view file;  // empty: the name of the device
  bool without_0x = false;
};

// A directory of sysfs whose entries are devices with a number a file and texts for an info metric.
struct ClassTreeSpec {
  std::string_view directory;  // below sysfs
  std::string_view device_label;
  std::span<const AttrSpec> numbers;
  std::string_view info_name;  // empty: no info metric
  std::string_view info_help;
  std::span<const InfoLabel> info;  // by label
  // Which entries are devices; nullptr: all.
  bool (*is_device)(std::string_view name) = nullptr;
};

class ClassTree final : public Collector {
 public:
  // `ignored`: devices to leave out. `spec` outlives this.
  ClassTree(const Machine& machine, const ClassTreeSpec& spec, std::unique_ptr<Pattern> ignored,
            FamilySet& out);
  Result<void> Update() override;

 private:
  struct Device {
    AttrFiles numbers;
    std::vector<AttrFile> texts;
    std::vector<std::string> values;
  };
  void SetInfo(Device& device, std::string_view name);

  const ClassTreeSpec& spec_;
  std::unique_ptr<Pattern> ignored_;
  AttrFamilies numbers_;
  Family* info_ = nullptr;
  Devices<Device> devices_;
};

}  // namespace slurmscope::agent
