#include "agent/gpu/amd.h"

#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;

constexpr double kMebibyte = 1048576;
constexpr size_t kMaxBlocks = 64;

enum Metric : size_t {
  kPower,
  kPackagePower,
  kAveragePower,
  kEdge,
  kJunction,
  kMemoryTemp,
  kGfx,
  kUmc,
  kMm,
  kVoltageGfx,
  kVoltageMemory,
  kEnergy,
  kPcieSpeed,
  kPcieMaxSpeed,
  kReplays,
  kRecoveries,
  kRollovers,
  kNaksSent,
  kNaksReceived,
  kVramTotal,
  kVramUsed,
  kVramFree,
  kVisibleTotal,
  kVisibleUsed,
  kVisibleFree,
  kGttTotal,
  kGttUsed,
  kGttFree,
  kEccCorrect,
  kEccUncorrect,
  kMetrics,
};

struct MetricName {
  std::string_view name, help;
};

// In the order of Metric.
constexpr MetricName kNames[] = {
    {"gpu_power_usage", "Power of the GPU now, in W."},
    {"gpu_package_power", "Power of the package now, in W."},
    {"gpu_average_package_power", "Average power of the package, in W."},
    {"gpu_edge_temperature", "Temperature at the edge, in C."},
    {"gpu_junction_temperature", "Temperature of the hottest spot, in C."},
    {"gpu_memory_temperature", "Temperature of the memory, in C."},
    {"gpu_gfx_activity", "Use of the graphics and compute engine, in percent."},
    {"gpu_umc_activity", "Use of the memory controller, in percent."},
    {"gpu_mma_activity", "Use of the multimedia engine, in percent."},
    {"gpu_gfx_voltage", "Voltage of the graphics engine, in mV."},
    {"gpu_memory_voltage", "Voltage of the memory, in mV."},
    {"gpu_energy_consumed", "Energy since the driver was loaded, in microjoules."},
    {"pcie_speed", "Speed of the PCIe link now, in GT/s."},
    {"pcie_max_speed", "Speed that the PCIe link can have, in GT/s."},
    {"pcie_replay_count", "PCIe replays."},
    {"pcie_recovery_count", "PCIe recoveries."},
    {"pcie_replay_rollover_count", "Rollovers of PCIe replays."},
    {"pcie_nack_sent_count", "PCIe NAKs sent."},
    {"pcie_nack_received_count", "PCIe NAKs received."},
    {"gpu_total_vram", "Memory of the GPU, in MB."},
    {"gpu_used_vram", "Memory of the GPU in use, in MB."},
    {"gpu_free_vram", "Memory of the GPU that is free, in MB."},
    {"gpu_total_visible_vram", "Memory of the GPU that the host can see, in MB."},
    {"gpu_used_visible_vram", "Visible memory of the GPU in use, in MB."},
    {"gpu_free_visible_vram", "Visible memory of the GPU that is free, in MB."},
    {"gpu_total_gtt", "Host memory for the GPU, in MB."},
    {"gpu_used_gtt", "Host memory for the GPU in use, in MB."},
    {"gpu_free_gtt", "Host memory for the GPU that is free, in MB."},
    {"gpu_ecc_correct_total", "Correctable memory errors of all blocks."},
    {"gpu_ecc_uncorrect_total", "Uncorrectable memory errors of all blocks."},
};
static_assert(std::size(kNames) == kMetrics);

static_assert(kMetrics == kAmdMetrics);

std::vector<std::string> CardLabels(std::initializer_list<std::string_view> before = {}) {
  std::vector<std::string> labels(before.begin(), before.end());
  for (const char* name :
       {"card_model", "card_vendor", "driver_version", "gpu_compute_partition_type", "gpu_id",
        "hostname", "pci_bus_id", "serial_number", "vbios_version"}) {
    labels.emplace_back(name);
  }
  return labels;
}

bool IsCard(std::string_view name) {
  return name.starts_with("card") && base::ParseInt<unsigned>(name.substr(4)).has_value();
}

// "ue: 0\nce: 3\n" of ras/*_err_count.
void AddErrors(std::string_view text, double& correct, double& uncorrect) {
  const auto number = [&](std::string_view mark) {
    const size_t at = text.find(mark);
    if (at == std::string_view::npos) return 0.0;
    std::string_view rest = text.substr(at + mark.size());
    rest = base::TrimSpace(rest.substr(0, rest.find('\n')));
    return static_cast<double>(base::ParseInt<uint64_t>(rest).value_or(0));
  };
  uncorrect += number("ue:");
  correct += number("ce:");
}

// What the driver's table says.
void TakeTable(const AmdMetrics& table, AmdValues& values) {
  values[kEdge] = table.edge_c;
  values[kJunction] = table.junction_c;
  values[kMemoryTemp] = table.memory_c;
  values[kGfx] = table.gfx_percent;
  values[kUmc] = table.umc_percent;
  values[kMm] = table.mm_percent;
  values[kVoltageGfx] = table.voltage_gfx_mv;
  values[kVoltageMemory] = table.voltage_memory_mv;
  values[kEnergy] = table.energy_uj;
  values[kPcieSpeed] = table.pcie_speed_gt;
  values[kReplays] = table.pcie_replays;
  values[kRecoveries] = table.pcie_recoveries;
  values[kRollovers] = table.pcie_rollovers;
  values[kNaksSent] = table.pcie_naks_sent;
  values[kNaksReceived] = table.pcie_naks_received;
  values[kPackagePower] = table.package_w;
  values[kAveragePower] = table.power_w;
}

std::string FirstIn(const std::string& directory) {
  const auto names = base::ListDirectory(directory);
  return names && !names->empty() ? StrCat(directory, "/", names->front()) : directory;
}

}  // namespace

struct AmdCollector::Card {
  Card(const std::string& device, const std::string& sysfs_module, std::string id_text)
      : id(std::move(id_text)),
        table(device + "/gpu_metrics"),
        busy(device + "/gpu_busy_percent"),
        memory_busy(device + "/mem_busy_percent"),
        vram_total(device + "/mem_info_vram_total"),
        vram_used(device + "/mem_info_vram_used"),
        visible_total(device + "/mem_info_vis_vram_total"),
        visible_used(device + "/mem_info_vis_vram_used"),
        gtt_total(device + "/mem_info_gtt_total"),
        gtt_used(device + "/mem_info_gtt_used"),
        replays(device + "/pcie_replay_count"),
        max_speed(device + "/max_link_speed") {
    model = AttrFile(device + "/product_name").Text();
    if (model.empty()) model = AttrFile(device + "/device").Text();
    serial = AttrFile(device + "/serial_number").Text();
    if (serial.empty()) serial = AttrFile(device + "/unique_id").Text();
    vbios = AttrFile(device + "/vbios_version").Text();
    driver = AttrFile(sysfs_module + "/version").Text();
    char path[4096];
    const ssize_t n = ::readlink(device.c_str(), path, sizeof path);
    if (n > 0) {
      const std::string_view target(path, static_cast<size_t>(n));
      bus = target.substr(target.rfind('/') + 1);
    }
    const std::string hwmon = FirstIn(device + "/hwmon");
    power_average = std::make_unique<AttrFile>(hwmon + "/power1_average");
    power_now = std::make_unique<AttrFile>(hwmon + "/power1_input");
    for (int i = 1; i <= 3; ++i) {
      temperatures.emplace_back(StrCat(hwmon, "/temp", i, "_input"));
      temperature_labels.push_back(AttrFile(StrCat(hwmon, "/temp", i, "_label")).Text());
    }
    partitions = AttrFile(device + "/current_compute_partition").Text();
    for (char& c : partitions) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }

  // A part of the card that counts its memory errors.
  struct Block {
    AttrFile errors;
    Family* correct;
    Family* uncorrect;
  };

  std::string id, model, serial, vbios, driver, bus, partitions;
  AttrFile table, busy, memory_busy, vram_total, vram_used, visible_total, visible_used, gtt_total,
      gtt_used, replays, max_speed;
  std::unique_ptr<AttrFile> power_average, power_now;
  std::vector<AttrFile> temperatures;
  std::vector<std::string> temperature_labels;
  std::vector<Block> blocks;
};

AmdCollector::AmdCollector(const std::string& sysfs, std::string hostname, FamilySet& out)
    : drm_(sysfs + "/class/drm"),
      hostname_(std::move(hostname)),
      out_(out),
      nodes_(out.Get("gpu_nodes_total", "Number of AMD GPUs.", MetricType::kGauge)),
      hbm_(out.Get("gpu_hbm_temperature", "Temperature of the HBM stacks, in C.",
                   MetricType::kGauge, CardLabels({"hbm_index"}))),
      clock_(out.Get("gpu_clock", "Clocks now, in MHz.", MetricType::kGauge,
                     CardLabels({"clock_index", "clock_type"}))) {
  for (const MetricName& metric : kNames) {
    metrics_.push_back(&out.Get(metric.name, metric.help, MetricType::kGauge, CardLabels()));
  }
}

AmdCollector::~AmdCollector() = default;

void AmdCollector::Refresh() {
  auto names = base::ListDirectory(drm_).value_or(std::vector<std::string>());
  if (names == names_) return;
  names_ = std::move(names);
  cards_.clear();
  const std::string module = drm_ + "/../../module/amdgpu";
  for (const std::string& name : names_) {
    const std::string device = StrCat(drm_, "/", name, "/device");
    if (!IsCard(name) || AttrFile(device + "/vendor").Text() != "0x1002") continue;
    cards_.push_back(std::make_unique<Card>(device, module, StrCat(cards_.size())));
    AddBlocks(*cards_.back(), device);
  }
}

void AmdCollector::AddBlocks(Card& card, const std::string& device) {
  constexpr std::string_view kEnd = "_err_count", kBus = "pcie_";
  for (const std::string& name :
       base::ListDirectory(device + "/ras").value_or(std::vector<std::string>())) {
    if (!name.ends_with(kEnd) || card.blocks.size() >= kMaxBlocks) continue;
    std::string block = name.substr(0, name.size() - kEnd.size());
    const bool plain = std::all_of(block.begin(), block.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!plain) continue;
    if (block.starts_with(kBus)) block.erase(0, kBus.size());
    const auto family = [&](std::string_view kind) {
      return &out_.Get(StrCat("gpu_ecc_", kind, "_", block),
                       StrCat("Memory errors of ", block, " by kind."), MetricType::kGauge,
                       CardLabels());
    };
    card.blocks.push_back(
        {AttrFile(StrCat(device, "/ras/", name)), family("correct"), family("uncorrect")});
  }
}

Result<void> AmdCollector::Update() {
  Refresh();
  if (cards_.empty()) return Fail(ErrorCode::kNotFound, "no GPU of AMD");
  nodes_.Set(static_cast<double>(cards_.size()));
  for (const auto& card : cards_) Set(*card);
  return {};
}

// What has files of its own, where the table says nothing.
void AmdCollector::TakeFiles(Card& card, AmdValues& values) {
  const auto fill = [&](Metric metric, AttrFile& file, double divisor) {
    if (!std::isnan(values[metric])) return;
    if (const auto number = file.Number()) values[metric] = *number / divisor;
  };
  fill(kGfx, card.busy, 1);
  fill(kUmc, card.memory_busy, 1);
  fill(kReplays, card.replays, 1);
  fill(kVramTotal, card.vram_total, kMebibyte);
  fill(kVramUsed, card.vram_used, kMebibyte);
  fill(kVisibleTotal, card.visible_total, kMebibyte);
  fill(kVisibleUsed, card.visible_used, kMebibyte);
  fill(kGttTotal, card.gtt_total, kMebibyte);
  fill(kGttUsed, card.gtt_used, kMebibyte);
  fill(kPower, *card.power_now, 1e6);
  fill(kPower, *card.power_average, 1e6);
  fill(kAveragePower, *card.power_average, 1e6);
  for (size_t i = 0; i < card.temperatures.size(); ++i) {
    const std::string& label = card.temperature_labels[i];
    if (label == "edge") fill(kEdge, card.temperatures[i], 1000);
    if (label == "junction") fill(kJunction, card.temperatures[i], 1000);
    if (label == "mem") fill(kMemoryTemp, card.temperatures[i], 1000);
  }
  values[kVramFree] = values[kVramTotal] - values[kVramUsed];
  values[kVisibleFree] = values[kVisibleTotal] - values[kVisibleUsed];
  values[kGttFree] = values[kGttTotal] - values[kGttUsed];
  TakeLink(card, values);
}

void AmdCollector::TakeLink(Card& card, AmdValues& values) {
  // "32.0 GT/s PCIe"
  if (const auto speed = card.max_speed.Read()) {
    const std::string_view number = speed->substr(0, speed->find(' '));
    const std::string_view whole = number.substr(0, number.find('.'));
    if (const auto gt = base::ParseInt<uint32_t>(whole)) {
      values[kPcieMaxSpeed] = *gt + (number.ends_with(".5") ? 0.5 : 0.0);
    }
  }
}

void AmdCollector::Set(Card& card) {
  AmdMetrics table;
  if (const auto bytes = card.table.Raw()) table = ParseAmdMetrics(*bytes).value_or(AmdMetrics{});
  AmdValues values;
  values.fill(NAN);
  TakeTable(table, values);
  TakeFiles(card, values);
  const std::string_view labels[] = {
      card.model, "AMD",     card.driver, card.partitions.empty() ? kNoLabel : card.partitions,
      card.id,    hostname_, card.bus,    card.serial,
      card.vbios};
  const auto emit = [&](Family& family, double value,
                        std::initializer_list<std::string_view> before = {}) {
    if (std::isnan(value)) return;
    std::array<std::string_view, std::size(labels) + 2> all;
    const auto end = std::copy(before.begin(), before.end(), all.begin());
    std::copy(std::begin(labels), std::end(labels), end);
    family.Set(all.data(), before.size() + std::size(labels), value);
  };
  if (!card.blocks.empty()) values[kEccCorrect] = values[kEccUncorrect] = 0;
  for (Card::Block& block : card.blocks) {
    const auto text = block.errors.Read();
    if (!text) continue;
    double correct = 0, uncorrect = 0;
    AddErrors(*text, correct, uncorrect);
    emit(*block.correct, correct);
    emit(*block.uncorrect, uncorrect);
    values[kEccCorrect] += correct;
    values[kEccUncorrect] += uncorrect;
  }
  for (size_t i = 0; i < kMetrics; ++i) emit(*metrics_[i], values[i]);
  constexpr std::string_view kIndices[] = {"0", "1", "2", "3"};
  for (size_t i = 0; i < table.hbm_c.size(); ++i) emit(hbm_, table.hbm_c[i], {kIndices[i]});
  emit(clock_, table.gfx_mhz, {"0", "GPU_CLOCK_TYPE_SYSTEM"});
  emit(clock_, table.memory_mhz, {"0", "GPU_CLOCK_TYPE_MEMORY"});
  emit(clock_, table.soc_mhz, {"0", "GPU_CLOCK_TYPE_SOC"});
}

}  // namespace slurmscope::agent::gpu
