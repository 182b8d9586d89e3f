#include <limits.h>
#include <stdlib.h>

#include <array>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/pci_ids.h"
#include "agent/devices.h"
#include "agent/progress.h"
#include "base/file.h"
#include "base/float_text.h"
#include "base/log.h"

namespace slurmscope::agent {
namespace {

// Files with one number each, and what node_exporter says of a device that lacks them.
struct NumberSpec {
  const char* file;
  std::string_view metric;
  std::string_view help;
  double of_absent = 0;
};
constexpr NumberSpec kNumbers[] = {
    {"/current_link_width", "node_pcidevice_current_link_width",
     "Value of current link's width (number of lanes)", -1},
    {"/d3cold_allowed", "node_pcidevice_d3cold_allowed",
     "Whether the PCIe device supports D3cold power state (0/1)."},
    {"/max_link_width", "node_pcidevice_max_link_width",
     "Value of maximum link's width (number of lanes)", -1},
    {"/sriov_drivers_autoprobe", "node_pcidevice_sriov_drivers_autoprobe",
     "Whether SR-IOV drivers autoprobe is enabled for the device (0/1)."},
    {"/sriov_numvfs", "node_pcidevice_sriov_numvfs",
     "Number of Virtual Functions (VFs) currently enabled for SR-IOV."},
    {"/sriov_totalvfs", "node_pcidevice_sriov_totalvfs",
     "Total number of Virtual Functions (VFs) supported by the device."},
    {"/sriov_vf_total_msix", "node_pcidevice_sriov_vf_total_msix",
     "Total number of MSI-X vectors for Virtual Functions."},
};

constexpr std::string_view kPowerStates[] = {"D0",     "D1",    "D2",     "D3hot",
                                             "D3cold", "error", "unknown"};

// "0000:45:00.0", in the parts of the labels; "*" where there is no such device.
struct Location {
  std::string segment = "*";
  std::string bus = "*";
  std::string device = "*";
  std::string function = "*";
};

std::optional<Location> ParseLocation(std::string_view name) {
  const auto parts = base::Split(name, ':');
  if (parts.size() != 3 || parts[2].size() != 4 || parts[2][2] != '.') return std::nullopt;
  return Location{std::string(parts[0]), std::string(parts[1]), std::string(parts[2].substr(0, 2)),
                  std::string(parts[2].substr(3))};
}

struct PciDevice {
  PciDevice(const std::string& path, Location where)
      : location(std::move(where)),
        current_speed(path + "/current_link_speed"),
        max_speed(path + "/max_link_speed"),
        numa_node(path + "/numa_node"),
        power_state(path + "/power_state") {
    for (const NumberSpec& spec : kNumbers) numbers.emplace_back(path + spec.file);
    const auto text = [&](const char* file) { return AttrFile(path + file).Text(); };
    ids = {text("/class"),
           text("/device"),
           text("/revision"),
           text("/subsystem_device"),
           text("/subsystem_vendor"),
           text("/vendor")};
    char resolved[PATH_MAX];
    if (::realpath(path.c_str(), resolved) == nullptr) return;
    std::string_view bridge = resolved;
    bridge = bridge.substr(0, bridge.rfind('/'));
    if (auto found = ParseLocation(bridge.substr(bridge.rfind('/') + 1))) parent = *found;
  }

  void Name(const PciIds& known) {
    const auto digits = [&](size_t i) {
      return std::string_view(ids[i]).substr(ids[i].starts_with("0x") ? 2 : 0);
    };
    const auto or_else = [](std::string_view name, std::string_view other) {
      return std::string(name.empty() ? other : name);
    };
    const std::string_view kind = digits(0);
    const std::string_view device = digits(1);
    const std::string_view subsystem_device = digits(3);
    const std::string_view subsystem_vendor = digits(4);
    const std::string_view vendor = digits(5);
    names = {or_else(known.Class(kind), base::StrCat("Unknown class (", kind, ")")),
             or_else(known.Device(vendor, device), device),
             or_else(known.Subsystem(vendor, device, subsystem_vendor, subsystem_device),
                     subsystem_device),
             or_else(known.Vendor(subsystem_vendor), subsystem_vendor),
             or_else(known.Vendor(vendor), vendor)};
  }

  Location location;
  Location parent;
  std::array<std::string, 6> ids;    // class, device, revision, subsystem device and vendor, vendor
  std::array<std::string, 5> names;  // of the same but the revision
  std::vector<AttrFile> numbers;
  AttrFile current_speed;  // "8.0 GT/s PCIe"
  AttrFile max_speed;
  AttrFile numa_node;
  AttrFile power_state;
};

class Pci final : public Collector {
 public:
  // `ids_files`: where the names may be, the first that can be read counts; empty: no names.
  Pci(const Machine& machine, std::vector<std::string> ids_files, FamilySet& out)
      : ids_files_(std::move(ids_files)),
        info_(out.Get("node_pcidevice_info",
                      "Non-numeric data from /sys/bus/pci/devices/<location>, value is always 1.",
                      MetricType::kGauge, InfoLabels(!ids_files_.empty()))),
        current_speed_(Get(out, "node_pcidevice_current_link_transfers_per_second",
                           "Value of current link's transfers per second (T/s)")),
        max_speed_(Get(out, "node_pcidevice_max_link_transfers_per_second",
                       "Value of maximum link's transfers per second (T/s)")),
        numa_node_(Get(out, "node_pcidevice_numa_node",
                       "NUMA node number for the PCI device. -1 indicates unknown or not "
                       "available.")),
        power_state_(out.Get("node_pcidevice_power_state",
                             "PCIe device power state, one of: D0, D1, D2, D3hot, D3cold, unknown "
                             "or error.",
                             MetricType::kGauge,
                             {"bus", "device", "function", "segment", "state"})),
        devices_(machine.roots.sysfs + "/bus/pci/devices") {
    for (const NumberSpec& spec : kNumbers) numbers_.push_back(&Get(out, spec.metric, spec.help));
  }

  Result<void> Update() override {
    std::optional<PciIds> known;  // a large file, read when there are new devices only
    TRY(devices_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<PciDevice> {
          auto location = ParseLocation(name);
          if (!location) return nullptr;
          auto device = std::make_unique<PciDevice>(path, *std::move(location));
          if (ids_files_.empty()) return device;
          if (!known) known.emplace(ReadIds());
          device->Name(*known);
          return device;
        }));
    devices_.ForEach([&](PciDevice& device, std::string_view) { Set(device); });
    return {};
  }

 private:
  static Family& Get(FamilySet& out, std::string_view name, std::string_view help) {
    return out.Get(name, help, MetricType::kGauge, {"bus", "device", "function", "segment"});
  }

  static std::vector<std::string_view> InfoLabels(bool named) {
    constexpr std::string_view kAll[] = {"bus",
                                         "class_id",
                                         "class_name",
                                         "device",
                                         "device_id",
                                         "device_name",
                                         "function",
                                         "parent_bus",
                                         "parent_device",
                                         "parent_function",
                                         "parent_segment",
                                         "revision",
                                         "segment",
                                         "subsystem_device_id",
                                         "subsystem_device_name",
                                         "subsystem_vendor_id",
                                         "subsystem_vendor_name",
                                         "vendor_id",
                                         "vendor_name"};
    std::vector<std::string_view> labels(std::begin(kAll), std::end(kAll));
    if (!named)
      std::erase_if(labels, [](std::string_view label) { return label.ends_with("_name"); });
    return labels;
  }

  std::string ReadIds() const {
    constexpr uint64_t kLargest = 16 << 20;
    for (const std::string& path : ids_files_) {
      NotePath(path);
      if (auto text = base::ReadFile(path, kLargest)) return *std::move(text);
    }
    base::LogWarn("no names of PCI devices", {{"file", ids_files_.front()}});
    return {};
  }

  void Set(PciDevice& device) {
    const auto& [segment, bus, slot, function] = device.location;
    SetInfo(device);
    for (size_t i = 0; i < numbers_.size(); ++i) {
      const double value = device.numbers[i].Number().value_or(kNumbers[i].of_absent);
      numbers_[i]->Set({bus, slot, function, segment}, value);
    }
    SetSpeed(device, device.current_speed, current_speed_);
    SetSpeed(device, device.max_speed, max_speed_);
    if (const auto node = device.numa_node.Number(); node && *node >= 0) {
      numa_node_.Set({bus, slot, function, segment}, *node);
    }
    const std::string& now = device.power_state.Text();
    if (now.empty()) return;
    for (const std::string_view state : kPowerStates) {
      power_state_.Set({bus, slot, function, segment, state}, state == now ? 1 : 0);
    }
  }

  void SetInfo(const PciDevice& device) {
    const auto& [segment, bus, slot, function] = device.location;
    const auto& ids = device.ids;
    const auto& names = device.names;
    const Location& parent = device.parent;
    if (ids_files_.empty()) {
      info_.Set({bus, ids[0], slot, ids[1], function, parent.bus, parent.device, parent.function,
                 parent.segment, ids[2], segment, ids[3], ids[4], ids[5]},
                1);
      return;
    }
    info_.Set({bus, ids[0], names[0], slot, ids[1], names[1], function, parent.bus, parent.device,
               parent.function, parent.segment, ids[2], segment, ids[3], names[2], ids[4], names[3],
               ids[5], names[4]},
              1);
  }

  static void SetSpeed(const PciDevice& device, AttrFile& file, Family& family) {
    const auto text = file.Read();
    const auto giga =
        text ? base::ParseFloat(text->substr(0, text->find(' '))) : std::optional<double>();
    const Location& at = device.location;
    family.Set({at.bus, at.device, at.function, at.segment}, giga ? *giga * 1e9 : -1);
  }

  const std::vector<std::string> ids_files_;
  std::vector<Family*> numbers_;
  Family& info_;
  Family& current_speed_;
  Family& max_speed_;
  Family& numa_node_;
  Family& power_state_;
  Devices<PciDevice> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakePci(const Machine& machine, const FlagValues& flags,
                                           FamilySet& out) {
  std::vector<std::string> ids_files;
  if (flags.Bool("collector.pcidevice.names")) {
    const std::string given = flags.String("collector.pcidevice.idsfile");
    const std::string root = machine.roots.rootfs == "/" ? "" : machine.roots.rootfs;
    if (!given.empty()) ids_files = {given};
    if (given.empty())
      ids_files = {root + "/usr/share/misc/pci.ids", root + "/usr/share/hwdata/pci.ids"};
  }
  return std::make_unique<Pci>(machine, std::move(ids_files), out);
}

}  // namespace slurmscope::agent
