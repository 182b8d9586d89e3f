#include <limits.h>
#include <stdlib.h>

#include <algorithm>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/hwmon_names.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// https://docs.kernel.org/gpu/amdgpu/driver-misc.html
constexpr AttrSpec kNumbers[] = {
    {"gpu_busy_percent", "node_drm_gpu_busy_percent", "How busy the GPU is as a percentage."},
    {"mem_info_gtt_total", "node_drm_memory_gtt_size_bytes",
     "The size of the graphics translation table (GTT) block in bytes."},
    {"mem_info_gtt_used", "node_drm_memory_gtt_used_bytes",
     "The used amount of the graphics translation table (GTT) block in bytes."},
    {"mem_info_vis_vram_total", "node_drm_memory_vis_vram_size_bytes",
     "The size of visible VRAM in bytes."},
    {"mem_info_vis_vram_used", "node_drm_memory_vis_vram_used_bytes",
     "The used amount of visible VRAM in bytes."},
    {"mem_info_vram_total", "node_drm_memory_vram_size_bytes", "The size of VRAM in bytes."},
    {"mem_info_vram_used", "node_drm_memory_vram_used_bytes", "The used amount of VRAM in bytes."},
};

// card0, not card0-DP-1 (a connector) and not renderD128.
bool IsCard(std::string_view name) {
  return name.starts_with("card") && ParseUint(name.substr(4)).has_value();
}

// As hwmon names its chips: the bus address of the device behind that of the bridge above it.
std::string ChipName(const std::string& device) {
  char real[PATH_MAX];
  if (::realpath(device.c_str(), real) == nullptr) return {};
  const std::string_view path = real;
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  const std::string name = CleanName(path.substr(slash + 1));
  const std::string_view above = path.substr(0, slash);
  const std::string bridge = CleanName(above.substr(above.rfind('/') + 1));
  return bridge.empty() || name.empty() ? name : base::StrCat(bridge, "_", name);
}

struct Card {
  Card(const std::string& device, AttrFamilies& families)
      : numbers(device, families),
        vendor(device + "/mem_info_vram_vendor"),
        level(device + "/power_dpm_force_performance_level"),
        id(device + "/unique_id"),
        chip(ChipName(device)) {}
  AttrFiles numbers;
  AttrFile vendor;
  AttrFile level;
  AttrFile id;
  std::string chip;
};

class Drm final : public Collector {
 public:
  Drm(const Machine& machine, FamilySet& out)
      : numbers_(out, kNumbers, {"card"}),
        info_(out.Get(
            "node_drm_card_info", "Card information", MetricType::kGauge,
            {"card", "chip", "memory_vendor", "power_performance_level", "unique_id", "vendor"})),
        cards_(machine.roots.sysfs + "/class/drm") {}

  Result<void> Update() override {
    TRY(cards_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<Card> {
          const std::string device = path + "/device";
          ProcFile uevent(device + "/uevent");
          const auto text = IsCard(name) ? uevent.Read() : Result<std::string_view>("");
          const bool amd = text && text->find("DRIVER=amdgpu\n") != std::string_view::npos;
          return amd ? std::make_unique<Card>(device, numbers_) : nullptr;
        }));
    cards_.ForEach([&](Card& card, std::string_view name) {
      card.numbers.Set({name});
      info_.Set({name, card.chip.empty() ? kNoLabel : std::string_view(card.chip),
                 card.vendor.Text(), card.level.Text(), card.id.Text(), "amd"},
                1);
    });
    return {};
  }

 private:
  AttrFamilies numbers_;
  Family& info_;
  Devices<Card> cards_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeDrm(const Machine& machine, const FlagValues&,
                                           FamilySet& out) {
  return std::make_unique<Drm>(machine, out);
}

}  // namespace slurmscope::agent
