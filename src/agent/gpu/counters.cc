#include "agent/gpu/counters.h"

#include <algorithm>
#include <optional>

#include "agent/gpu/fields.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;
using model::MetricType;

constexpr uint64_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxProblems = 100;

struct Record {
  size_t line = 0;
  std::vector<std::string> columns;
  bool whole = true;  // quotes were closed
};

// Reads RFC 4180 records; quoted columns may hold commas, quotes and newlines.
class RecordReader {
 public:
  explicit RecordReader(std::string_view text) : text_(text) {}

  std::optional<Record> Next() {
    if (at_ >= text_.size()) return std::nullopt;
    Record record;
    record.line = line_;
    if (text_[at_] == '#') {
      SkipLine();
      return record;
    }
    record.whole = ReadColumns(record.columns);
    return record;
  }

 private:
  void SkipLine() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    EndLine();
  }
  void EndLine() {
    ++at_;
    ++line_;
  }

  bool ReadColumns(std::vector<std::string>& columns) {
    for (;;) {
      bool whole = true;
      columns.push_back(ReadColumn(whole));
      if (!whole) return false;
      if (at_ >= text_.size()) return true;
      const bool more = text_[at_] == ',';
      if (!more) {
        EndLine();
        return true;
      }
      ++at_;
    }
  }

  std::string ReadColumn(bool& whole) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    if (at_ < text_.size() && text_[at_] == '"') return ReadQuoted(whole);
    const size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
    const std::string_view column = text_.substr(at_, end - at_);
    at_ = end;
    return std::string(base::TrimSpace(column));
  }

  std::string ReadQuoted(bool& whole) {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        out += text_[at_];
        continue;
      }
      ++at_;
      if (at_ >= text_.size() || text_[at_] != '"') {
        const size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
        whole = base::TrimSpace(text_.substr(at_, end - at_)).empty();
        at_ = end;
        return std::string(base::TrimSpace(out));
      }
      out += '"';
    }
    whole = false;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
};

std::optional<MetricType> ParseType(std::string_view text) {
  if (text == "gauge" || text == "label") return MetricType::kGauge;
  if (text == "counter") return MetricType::kCounter;
  if (text == "histogram") return MetricType::kHistogram;
  if (text == "summary") return MetricType::kSummary;
  return std::nullopt;
}

Result<Counter> ParseRecord(const Record& record) {
  const auto bad = [](std::string why) {
    return base::Fail(base::ErrorCode::kInvalidArgument, std::move(why));
  };
  if (!record.whole) return bad("a quote is not closed");
  if (record.columns.size() != 3) {
    return bad(StrCat(record.columns.size(), " columns instead of 3 (field, type, help)"));
  }
  const std::string& name = record.columns[0];
  Counter counter{name, FindField(name), record.columns[1] == "label", MetricType::kGauge,
                  record.columns[2]};
  const auto type = ParseType(record.columns[1]);
  if (!type) return bad(StrCat("unknown type ", base::Quote(record.columns[1])));
  if (counter.field < 0) return bad(StrCat("unknown field ", base::Quote(name)));
  if (counter.label != (AllFields()[static_cast<size_t>(counter.field)].source == Source::kLabel)) {
    return bad(StrCat(name, counter.label ? " cannot be a label" : " can only be a label"));
  }
  // Nothing here is a distribution; the type would make the page invalid.
  counter.type = *type == MetricType::kCounter ? MetricType::kCounter : MetricType::kGauge;
  return counter;
}

constexpr std::string_view kDefault = R"csv(# field, type, help
DCGM_FI_DEV_SM_CLOCK, gauge, SM clock frequency (in MHz).
DCGM_FI_DEV_MEM_CLOCK, gauge, Memory clock frequency (in MHz).
DCGM_FI_DEV_MEMORY_TEMP, gauge, Memory temperature (in C).
DCGM_FI_DEV_GPU_TEMP, gauge, GPU temperature (in C).
DCGM_FI_DEV_SLOWDOWN_TEMP, gauge, Temperature at which the GPU slows itself down (in C).
DCGM_FI_DEV_SHUTDOWN_TEMP, gauge, Temperature at which the GPU shuts itself down (in C).
DCGM_FI_DEV_POWER_USAGE, gauge, Power draw (in W).
DCGM_FI_DEV_ENFORCED_POWER_LIMIT, gauge, Power limit in force (in W).
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, counter, Total energy consumption since boot (in mJ).
DCGM_FI_DEV_PCIE_REPLAY_COUNTER, counter, Total number of PCIe retries.
DCGM_FI_DEV_PCIE_LINK_GEN, gauge, PCIe generation of the link as it is now.
DCGM_FI_DEV_PCIE_LINK_WIDTH, gauge, PCIe lanes of the link as it is now.
DCGM_FI_DEV_PCIE_MAX_LINK_GEN, gauge, PCIe generation that GPU and slot can do.
DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH, gauge, PCIe lanes that GPU and slot can do.
DCGM_FI_DEV_GPU_UTIL, gauge, GPU utilization (in %).
DCGM_FI_DEV_MEM_COPY_UTIL, gauge, Memory utilization (in %).
DCGM_FI_DEV_ENC_UTIL, gauge, Encoder utilization (in %).
DCGM_FI_DEV_DEC_UTIL, gauge, Decoder utilization (in %).
DCGM_FI_DEV_XID_ERRORS, gauge, Value of the last XID error encountered.
DCGM_EXP_XID_ERRORS_COUNT, gauge, Count of XID Errors within user-specified time window (see xid-count-window-size param).
DCGM_FI_DEV_CLOCK_THROTTLE_REASONS, gauge, Bit mask of why the clocks are below their maximum.
DCGM_FI_DEV_POWER_VIOLATION, counter, Throttling duration due to power constraints (in ns).
DCGM_FI_DEV_THERMAL_VIOLATION, counter, Throttling duration due to thermal constraints (in ns).
DCGM_FI_DEV_FB_TOTAL, gauge, Framebuffer memory total (in MiB).
DCGM_FI_DEV_FB_FREE, gauge, Framebuffer memory free (in MiB).
DCGM_FI_DEV_FB_USED, gauge, Framebuffer memory used (in MiB).
DCGM_FI_DEV_FB_RESERVED, gauge, Framebuffer memory reserved (in MiB).
DCGM_FI_DEV_ECC_SBE_VOL_TOTAL, counter, Total number of single-bit volatile ECC errors.
DCGM_FI_DEV_ECC_DBE_VOL_TOTAL, counter, Total number of double-bit volatile ECC errors.
DCGM_FI_DEV_ECC_SBE_AGG_TOTAL, counter, Total number of single-bit persistent ECC errors.
DCGM_FI_DEV_ECC_DBE_AGG_TOTAL, counter, Total number of double-bit persistent ECC errors.
DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL, counter, Total number of NVLink flow-control CRC errors.
DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL, counter, Total number of NVLink data CRC errors.
DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL, counter, Total number of NVLink retries.
DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL, counter, Total number of NVLink recovery errors.
DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL, counter, Total number of NVLink bandwidth counters for all lanes.
DCGM_FI_DEV_VGPU_LICENSE_STATUS, gauge, vGPU License status
DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS, counter, Number of remapped rows for uncorrectable errors
DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS, counter, Number of remapped rows for correctable errors
DCGM_FI_DEV_ROW_REMAP_PENDING, gauge, Whether remapping of rows waits for a reset
DCGM_FI_DEV_ROW_REMAP_FAILURE, gauge, Whether remapping of rows has failed
DCGM_FI_DRIVER_VERSION, label, Driver Version
DCGM_FI_PROF_GR_ENGINE_ACTIVE, gauge, Ratio of time the graphics engine is active.
DCGM_FI_PROF_SM_ACTIVE, gauge, The ratio of cycles an SM has at least 1 warp assigned.
DCGM_FI_PROF_SM_OCCUPANCY, gauge, The ratio of number of warps resident on an SM.
DCGM_FI_PROF_PIPE_TENSOR_ACTIVE, gauge, Ratio of cycles the tensor (HMMA) pipe is active.
DCGM_FI_PROF_DRAM_ACTIVE, gauge, Ratio of cycles the device memory interface is active sending or receiving data.
DCGM_FI_PROF_PIPE_FP64_ACTIVE, gauge, Ratio of cycles the fp64 pipes are active.
DCGM_FI_PROF_PIPE_FP32_ACTIVE, gauge, Ratio of cycles the fp32 pipes are active.
DCGM_FI_PROF_PIPE_FP16_ACTIVE, gauge, Ratio of cycles the fp16 pipes are active.
DCGM_FI_PROF_PCIE_TX_BYTES, gauge, The rate of data transmitted over the PCIe bus - including both protocol headers and data payloads - in bytes per second.
DCGM_FI_PROF_PCIE_RX_BYTES, gauge, The rate of data received over the PCIe bus - including both protocol headers and data payloads - in bytes per second.
)csv";

}  // namespace

Counters ParseCounters(std::string_view text) {
  Counters out;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  RecordReader reader(text);
  while (const auto record = reader.Next()) {
    const bool blank =
        record->columns.empty() || (record->columns.size() == 1 && record->columns[0].empty());
    // A comment may have blanks before it.
    if (record->whole && (blank || record->columns[0].starts_with('#'))) continue;
    auto counter = ParseRecord(*record);
    const bool twice =
        counter && std::any_of(out.rows.begin(), out.rows.end(),
                               [&](const auto& row) { return row.name == counter->name; });
    if (counter && !twice) {
      out.rows.push_back(*std::move(counter));
    } else if (out.problems.size() < kMaxProblems) {
      out.problems.push_back(
          StrCat("line ", record->line, ": ",
                 twice ? "field named a second time" : counter.error().message()));
    }
  }
  return out;
}

Result<Counters> LoadCounters(const std::string& path) {
  const std::string text = TRY(base::ReadFile(path, kMaxFileBytes));
  return ParseCounters(text);
}

const Counters& DefaultCounters() {
  static const Counters counters = ParseCounters(kDefault);
  return counters;
}

}  // namespace slurmscope::agent::gpu
