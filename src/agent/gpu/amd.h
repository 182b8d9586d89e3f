#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attr_file.h"
#include "agent/collector.h"

namespace slurmscope::agent::gpu {

// What the driver's binary table "gpu_metrics" says; NaN where the table or the GPU has no such
// value.
struct AmdMetrics {
  double edge_c = NAN, junction_c = NAN, memory_c = NAN;
  std::array<double, 4> hbm_c{NAN, NAN, NAN, NAN};
  double gfx_percent = NAN, umc_percent = NAN, mm_percent = NAN;
  double power_w = NAN;    // average
  double package_w = NAN;  // now
  double energy_uj = NAN;
  double gfx_mhz = NAN, memory_mhz = NAN, soc_mhz = NAN;
  double voltage_gfx_mv = NAN, voltage_memory_mv = NAN;
  double pcie_width = NAN, pcie_speed_gt = NAN;
  double pcie_replays = NAN, pcie_recoveries = NAN, pcie_rollovers = NAN;
  double pcie_naks_sent = NAN, pcie_naks_received = NAN;
};

// Decodes tables of format 1, content 0 to 8 (cards), format 2, content 0 to 4, and 3.0 (APUs);
// nullopt for others, and for one that is shorter than its version has to be. Layouts: the kernel's
// drivers/gpu/drm/amd/include/kgd_pp_interface.h.
std::optional<AmdMetrics> ParseAmdMetrics(std::string_view table);

// How many metrics have a family of one series a card.
inline constexpr size_t kAmdMetrics = 30;
using AmdValues = std::array<double, kAmdMetrics>;

// GPUs of AMD through sysfs, under the names of AMD's device-metrics-exporter.
class AmdCollector final : public Collector {
 public:
  AmdCollector(const std::string& sysfs, std::string hostname, FamilySet& out);
  ~AmdCollector() override;

  Result<void> Update() override;

 private:
  struct Card;
  void Refresh();
  void Set(Card& card);
  static void TakeFiles(Card& card, AmdValues& values);
  static void TakeLink(Card& card, AmdValues& values);
  void AddBlocks(Card& card, const std::string& device);

  const std::string drm_;
  const std::string hostname_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Card>> cards_;
  FamilySet& out_;
  Family& nodes_;
  std::vector<Family*> metrics_;
  Family& hbm_;
  Family& clock_;
};

}  // namespace slurmscope::agent::gpu
