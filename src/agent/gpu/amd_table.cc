#include <cstring>

#include "agent/gpu/amd.h"

// The driver's binary table of an AMD GPU.
namespace slurmscope::agent::gpu {
namespace {

// Reads little-endian numbers of a table; all ones mean that there is no such value.
class Table {
 public:
  explicit Table(std::string_view bytes) : bytes_(bytes) {}

  double U8(size_t at) const { return Get<uint8_t>(at); }
  double U16(size_t at) const { return Get<uint16_t>(at); }
  double U32(size_t at) const { return Get<uint32_t>(at); }
  double U64(size_t at) const { return Get<uint64_t>(at); }

 private:
  template <typename T>
  double Get(size_t at) const {
    if (at + sizeof(T) > bytes_.size()) return NAN;
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value == static_cast<T>(~T{0}) ? static_cast<double>(NAN) : static_cast<double>(value);
  }
  std::string_view bytes_;
};

constexpr double kEnergyUnitUj = 15.259;  // 2^-16 J

// Version 1.0 has its time first and shorter numbers at the end.
AmdMetrics OfFirstCard(const Table& t) {
  AmdMetrics out;
  out.edge_c = t.U16(16);
  out.junction_c = t.U16(18);
  out.memory_c = t.U16(20);
  out.gfx_percent = t.U16(28);
  out.umc_percent = t.U16(30);
  out.mm_percent = t.U16(32);
  out.power_w = t.U16(34);
  out.energy_uj = t.U32(36) * kEnergyUnitUj;
  out.gfx_mhz = t.U16(54);
  out.soc_mhz = t.U16(56);
  out.memory_mhz = t.U16(58);
  out.pcie_width = t.U8(74);
  out.pcie_speed_gt = t.U8(75) / 10;
  return out;
}

// Versions 1.1 to 1.3 begin alike; each adds to the end.
AmdMetrics OfCard(const Table& t, unsigned content) {
  AmdMetrics out;
  out.edge_c = t.U16(4);
  out.junction_c = t.U16(6);
  out.memory_c = t.U16(8);
  out.gfx_percent = t.U16(16);
  out.umc_percent = t.U16(18);
  out.mm_percent = t.U16(20);
  out.power_w = t.U16(22);
  out.energy_uj = t.U64(24) * kEnergyUnitUj;
  out.gfx_mhz = t.U16(54);
  out.soc_mhz = t.U16(56);
  out.memory_mhz = t.U16(58);
  out.pcie_width = t.U16(74);
  out.pcie_speed_gt = t.U16(76) / 10;
  for (size_t i = 0; i < out.hbm_c.size(); ++i) out.hbm_c[i] = t.U16(88 + 2 * i);
  if (content >= 3) {
    out.voltage_gfx_mv = t.U16(106);
    out.voltage_memory_mv = t.U16(108);
  }
  return out;
}

// Where versions 1.4 to 1.8 differ.
struct AcceleratorLayout {
  size_t size, energy, width, recoveries, naks, gfx_clock, soc_clock, memory_clock;
};
constexpr AcceleratorLayout kAccelerators[] = {
    {288, 24, 48, 80, 0, 240, 256, 280},      // 1.4
    {360, 88, 112, 144, 168, 312, 328, 352},  // 1.5
    {1664, 16, 60, 96, 120, 264, 280, 304},   // 1.6
    {2208, 24, 68, 104, 128, 296, 312, 336},  // 1.7
    {3360, 24, 68, 104, 128, 296, 312, 336},  // 1.8
};

AmdMetrics OfAccelerator(const Table& t, const AcceleratorLayout& layout) {
  AmdMetrics out;
  out.junction_c = t.U16(4);
  out.memory_c = t.U16(6);
  out.package_w = t.U16(10);
  out.gfx_percent = t.U16(12);
  out.umc_percent = t.U16(14);
  out.energy_uj = t.U64(layout.energy) * kEnergyUnitUj;
  out.pcie_width = t.U16(layout.width);
  out.pcie_speed_gt = t.U16(layout.width + 2) / 10;
  out.pcie_recoveries = t.U64(layout.recoveries);
  out.pcie_replays = t.U64(layout.recoveries + 8);
  out.pcie_rollovers = t.U64(layout.recoveries + 16);
  if (layout.naks != 0) {
    out.pcie_naks_sent = t.U32(layout.naks);
    out.pcie_naks_received = t.U32(layout.naks + 4);
  }
  out.gfx_mhz = t.U16(layout.gfx_clock);
  out.soc_mhz = t.U16(layout.soc_clock);
  out.memory_mhz = t.U16(layout.memory_clock);
  return out;
}

// Units of temperatures and power are stated for 2.4 only: centidegrees, hundredths of a percent
// and milliwatts. Before, drivers differ, and those values are left to hwmon.
AmdMetrics OfApu(const Table& t, unsigned content) {
  AmdMetrics out;
  if (content >= 4) {
    out.edge_c = t.U16(4) / 100;
    out.gfx_percent = t.U16(28) / 100;
    out.mm_percent = t.U16(30) / 100;
    out.power_w = t.U16(40) / 1000;
  }
  // Version 2.0 has its time first.
  const size_t clocks = content == 0 ? 80 : 76;
  out.gfx_mhz = t.U16(clocks);
  out.soc_mhz = t.U16(clocks + 2);
  out.memory_mhz = t.U16(clocks + 4);
  return out;
}

// Likewise: what version 3.0 states a unit for. Its clocks are averages of a moment.
AmdMetrics OfNewApu(const Table& t) {
  AmdMetrics out;
  out.power_w = t.U32(112) / 1000;
  out.gfx_mhz = t.U16(174);
  out.soc_mhz = t.U16(176);
  out.memory_mhz = t.U16(186);
  return out;
}

}  // namespace

std::optional<AmdMetrics> ParseAmdMetrics(std::string_view table) {
  if (table.size() < 4) return std::nullopt;
  uint16_t size = 0;
  std::memcpy(&size, table.data(), sizeof size);
  const auto format = static_cast<unsigned char>(table[2]);
  const auto content = static_cast<unsigned char>(table[3]);
  if (size > table.size()) return std::nullopt;
  const Table t(table.substr(0, size));
  if (format == 1 && content == 0) {
    return size < 76 ? std::nullopt : std::optional(OfFirstCard(t));
  }
  if (format == 3 && content == 0) {
    return size < 260 ? std::nullopt : std::optional(OfNewApu(t));
  }
  if (format == 1 && content >= 1 && content <= 3) {
    constexpr size_t kSmallest[] = {96, 104, 120};
    if (size < kSmallest[content - 1]) return std::nullopt;
    return OfCard(t, content);
  }
  if (format == 1 && content >= 4 && content <= 8) {
    const AcceleratorLayout& layout = kAccelerators[content - 4];
    return size < layout.size ? std::nullopt : std::optional(OfAccelerator(t, layout));
  }
  if (format == 2 && content <= 4) {
    return size < 120 ? std::nullopt : std::optional(OfApu(t, content));
  }
  return std::nullopt;
}

}  // namespace slurmscope::agent::gpu
