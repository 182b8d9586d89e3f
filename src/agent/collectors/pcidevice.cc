#include <limits.h>
#include <stdlib.h>

#include <array>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

constexpr AttrSpec kNumbers[] = {
    {"current_link_width", "node_pcidevice_current_link_width",
     "Value of current link's width (number of lanes)"},
    {"d3cold_allowed", "node_pcidevice_d3cold_allowed",
     "Whether the PCIe device supports D3cold power state (0/1)."},
    {"max_link_width", "node_pcidevice_max_link_width",
     "Value of maximum link's width (number of lanes)"},
    {"sriov_drivers_autoprobe", "node_pcidevice_sriov_drivers_autoprobe",
     "Whether SR-IOV drivers autoprobe is enabled for the device (0/1)."},
    {"sriov_numvfs", "node_pcidevice_sriov_numvfs",
     "Number of Virtual Functions (VFs) currently enabled for SR-IOV."},
    {"sriov_totalvfs", "node_pcidevice_sriov_totalvfs",
     "Total number of Virtual Functions (VFs) supported by the device."},
    {"sriov_vf_total_msix", "node_pcidevice_sriov_vf_total_msix",
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
  PciDevice(const std::string& path, Location where, AttrFamilies& families)
      : location(std::move(where)),
        numbers(path, families),
        current_speed(path + "/current_link_speed"),
        max_speed(path + "/max_link_speed"),
        numa_node(path + "/numa_node"),
        power_state(path + "/power_state") {
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
  Location location;
  Location parent;
  std::array<std::string, 6> ids;
  AttrFiles numbers;
  AttrFile current_speed;  // "8.0 GT/s PCIe"
  AttrFile max_speed;
  AttrFile numa_node;
  AttrFile power_state;
};

class Pci final : public Collector {
 public:
  Pci(const Machine& machine, FamilySet& out)
      : numbers_(out, kNumbers, {"bus", "device", "function", "segment"}),
        info_(out.Get("node_pcidevice_info",
                      "Non-numeric data from /sys/bus/pci/devices/<location>, value is always 1.",
                      MetricType::kGauge,
                      {"bus", "class_id", "device", "device_id", "function", "parent_bus",
                       "parent_device", "parent_function", "parent_segment", "revision", "segment",
                       "subsystem_device_id", "subsystem_vendor_id", "vendor_id"})),
        current_speed_(out.Get("node_pcidevice_current_link_transfers_per_second",
                               "Value of current link's transfers per second (T/s)",
                               MetricType::kGauge, {"bus", "device", "function", "segment"})),
        max_speed_(out.Get("node_pcidevice_max_link_transfers_per_second",
                           "Value of maximum link's transfers per second (T/s)", MetricType::kGauge,
                           {"bus", "device", "function", "segment"})),
        numa_node_(out.Get("node_pcidevice_numa_node",
                           "NUMA node number for the PCI device. -1 indicates unknown or not "
                           "available.",
                           MetricType::kGauge, {"bus", "device", "function", "segment"})),
        power_state_(out.Get("node_pcidevice_power_state",
                             "PCIe device power state, one of: D0, D1, D2, D3hot, D3cold, unknown "
                             "or error.",
                             MetricType::kGauge,
                             {"bus", "device", "function", "segment", "state"})),
        devices_(machine.roots.sysfs + "/bus/pci/devices") {}

  Result<void> Update() override {
    TRY(devices_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<PciDevice> {
          auto location = ParseLocation(name);
          if (!location) return nullptr;
          return std::make_unique<PciDevice>(path, *std::move(location), numbers_);
        }));
    devices_.ForEach([&](PciDevice& device, std::string_view) { Set(device); });
    return {};
  }

 private:
  void Set(PciDevice& device) {
    const auto& [segment, bus, slot, function] = device.location;
    const auto& ids = device.ids;
    const Location& parent = device.parent;
    info_.Set({bus, ids[0], slot, ids[1], function, parent.bus, parent.device, parent.function,
               parent.segment, ids[2], segment, ids[3], ids[4], ids[5]},
              1);
    device.numbers.Set({bus, slot, function, segment});
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

  static void SetSpeed(const PciDevice& device, AttrFile& file, Family& family) {
    const auto text = file.Read();
    if (!text) return;
    const auto giga = base::ParseFloat(text->substr(0, text->find(' ')));
    const Location& at = device.location;
    if (giga) family.Set({at.bus, at.device, at.function, at.segment}, *giga * 1e9);
  }

  AttrFamilies numbers_;
  Family& info_;
  Family& current_speed_;
  Family& max_speed_;
  Family& numa_node_;
  Family& power_state_;
  Devices<PciDevice> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakePci(const Machine& machine, const FlagValues&,
                                           FamilySet& out) {
  return std::make_unique<Pci>(machine, out);
}

}  // namespace slurmscope::agent
