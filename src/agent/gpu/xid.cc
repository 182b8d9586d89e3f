#include "agent/gpu/xid.h"

#include <algorithm>
#include <tuple>

#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

constexpr size_t kMaxKinds = 1024;
constexpr size_t kMaxTimes = 4096;
constexpr size_t kMaxParts = 32;
constexpr int64_t kSameEventMs = 10'000;
constexpr int64_t kTogetherMs = 1000;

enum class Class : uint8_t { kWarning, kApplication, kReset, kCritical };

struct XidKind {
  uint16_t xid;
  Class severity;
  std::string_view text;
};

// By number. What they mean: https://docs.nvidia.com/deploy/xid-errors/
constexpr XidKind kKinds[] = {
    {0, Class::kWarning, "No Error"},
    {1, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {2, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {3, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {4, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {5, Class::kWarning, "Unused"},
    {6, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {7, Class::kWarning, "Invalid or corrupted push buffer address"},
    {8, Class::kWarning, "GPU stopped processing"},
    {9, Class::kWarning, "Driver error programming GPU"},
    {11, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {12, Class::kWarning, "Driver error handling GPU exception"},
    {13, Class::kApplication, "Graphics Engine Exception"},
    {16, Class::kWarning, "Display engine hung"},
    {18, Class::kWarning, "Bus mastering disabled in PCI Config Space"},
    {19, Class::kWarning, "Display Engine error"},
    {24, Class::kWarning, "GPU semaphore timeout"},
    {25, Class::kWarning, "Invalid or illegal push buffer stream"},
    {26, Class::kWarning, "Framebuffer timeout"},
    {31, Class::kApplication, "GPU memory page fault"},
    {32, Class::kWarning, "Invalid or corrupted push buffer stream"},
    {38, Class::kWarning, "Driver firmware error"},
    {43, Class::kApplication, "GPU stopped processing"},
    {44, Class::kWarning, "Graphics Engine fault during context switch"},
    {45, Class::kApplication, "Preemptive cleanup, due to previous errors"},
    {46, Class::kReset, "GPU stopped processing"},
    {48, Class::kReset, "Double Bit ECC Error"},
    {54, Class::kCritical, "Auxiliary power is not connected to the GPU board"},
    {56, Class::kWarning, "Display Engine error"},
    {57, Class::kWarning, "Error programming video memory interface"},
    {58, Class::kWarning, "Unstable video memory interface detected"},
    {59, Class::kWarning, "Internal micro-controller error"},
    {60, Class::kWarning, "Video processor exception"},
    {61, Class::kWarning, "Internal micro-controller breakpoint/warning"},
    {62, Class::kReset, "Internal micro-controller halt"},
    {63, Class::kWarning, "ECC page retirement or row remapping recording event"},
    {64, Class::kReset, "ECC page retirement or row remapper recording failure"},
    {65, Class::kWarning, "Video processor exception"},
    {66, Class::kApplication, "Illegal access by driver"},
    {67, Class::kApplication, "Illegal access by driver"},
    {68, Class::kApplication, "NVDEC0 Exception"},
    {69, Class::kApplication, "Graphics Engine class error"},
    {70, Class::kWarning, "Unknown Error"},
    {71, Class::kWarning, "Unknown Error"},
    {72, Class::kWarning, "Unknown Error"},
    {73, Class::kWarning, "NVENC2 Error"},
    {74, Class::kWarning, "NVLINK Error"},
    {75, Class::kWarning, "CE6: Unknown Error"},
    {78, Class::kWarning, "vGPU Start Error"},
    {79, Class::kReset, "GPU has fallen off the bus"},
    {80, Class::kWarning, "Corrupted data sent to GPU"},
    {81, Class::kWarning, "VGA Subsystem Error"},
    {82, Class::kWarning, "NVJPG0 Error"},
    {83, Class::kWarning, "NVDEC1 Error"},
    {84, Class::kWarning, "NVDEC2 Error"},
    {86, Class::kWarning, "OFA Exception"},
    {88, Class::kWarning, "NVDEC3 Error"},
    {89, Class::kWarning, "NVDEC4 Error"},
    {92, Class::kWarning, "High single-bit ECC error rate"},
    {93, Class::kWarning, "Non-fatal violation of provisioned InfoROM wear limit"},
    {94, Class::kApplication, "Contained ECC error"},
    {95, Class::kReset, "Uncontained ECC error"},
    {96, Class::kWarning, "NVDEC5 Error"},
    {97, Class::kWarning, "NVDEC6 Error"},
    {98, Class::kWarning, "NVDEC7 Error"},
    {99, Class::kWarning, "NVJPG1 Error"},
    {100, Class::kWarning, "NVJPG2 Error"},
    {101, Class::kWarning, "NVJPG3 Error"},
    {102, Class::kWarning, "NVJPG4 Error"},
    {103, Class::kWarning, "NVJPG5 Error"},
    {104, Class::kWarning, "NVJPG6 Error"},
    {105, Class::kWarning, "NVJPG7 Error"},
    {106, Class::kWarning, "SMBPBI Test Message"},
    {107, Class::kWarning, "SMBPBI Test Message Silent"},
    {109, Class::kReset, "Context Switch Timeout Error"},
    {110, Class::kReset, "Security Fault Error"},
    {111, Class::kWarning, "Display Bundle Error Event"},
    {112, Class::kWarning, "Display Supervisor Error"},
    {113, Class::kWarning, "DP Link Training Error"},
    {114, Class::kWarning, "Display Pipeline Underflow Error"},
    {115, Class::kWarning, "Display Core Channel Error"},
    {116, Class::kWarning, "Display Window Channel Error"},
    {117, Class::kWarning, "Display Cursor Channel Error"},
    {118, Class::kWarning, "Display Pixel Pipeline Error"},
    {119, Class::kReset, "GSP RPC Timeout"},
    {120, Class::kReset, "GSP Error"},
    {121, Class::kWarning, "C2C Link Error"},
    {122, Class::kWarning, "SPI PMU RPC Read Failure"},
    {123, Class::kWarning, "SPI PMU RPC Write Failure"},
    {124, Class::kWarning, "SPI PMU RPC Erase Failure"},
    {125, Class::kWarning, "Inforom FS Failure"},
    {136, Class::kReset, "Link training failed"},
    {137, Class::kApplication, "NVLink FLA privilege error"},
    {140, Class::kReset, "Unrecovered ECC error"},
    {143, Class::kReset, "GPU initialization error"},
    {144, Class::kWarning, "NVLink SAW error"},
    {145, Class::kWarning, "NVLink RLW error"},
    {146, Class::kWarning, "NVLink TLW error"},
    {147, Class::kWarning, "NVLink TREX error"},
    {148, Class::kWarning, "NVLink NVLPW_CTRL error"},
    {149, Class::kWarning, "NVLink NETIR error"},
    {150, Class::kWarning, "NVLink MSE error"},
    {151, Class::kReset, "Key rotation error"},
    {154, Class::kWarning, "GPU recovery action changed"},
    {155, Class::kReset, "NVLink software-defined error"},
    {156, Class::kReset, "Resource retirement event"},
    {157, Class::kWarning, "Resource retirement failure"},
    {158, Class::kReset, "GPU fatal timeout"},
    {159, Class::kReset, "CHI non-data error"},
    {160, Class::kWarning, "Channel retirement event"},
    {161, Class::kWarning, "Channel retirement failure"},
    {162, Class::kCritical, "Power smoothing hardware circuitry capability reestablished"},
    {163, Class::kCritical, "Power smoothing hardware circuitry capability disengaged"},
    {164, Class::kCritical, "Power smoothing hardware circuitry lifetime low"},
    {165, Class::kCritical, "Power smoothing hardware circuitry lifetime exhausted"},
    {166, Class::kCritical, "Confidential computing traffic error"},
    {167, Class::kCritical, "PCIe fatal timeout"},
    {168, Class::kCritical, "Write-protected region error"},
    {169, Class::kCritical, "Internal micro-controller halt"},
    {170, Class::kCritical, "Interrupt storm"},
    {171, Class::kCritical, "Uncorrectable DRAM error"},
    {172, Class::kCritical, "Uncorrectable SRAM error"},
};

const XidKind* FindKind(uint64_t xid) {
  const auto at =
      std::lower_bound(std::begin(kKinds), std::end(kKinds), xid,
                       [](const XidKind& kind, uint64_t number) { return kind.xid < number; });
  return at != std::end(kKinds) && at->xid == xid ? at : nullptr;
}

std::optional<uint64_t> TakeHex(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && length < 9 &&
         std::isxdigit(static_cast<unsigned char>(text[length])))
    ++length;
  const auto value = base::ParseInt<uint64_t>(text.substr(0, length), 16);
  text.remove_prefix(length);
  return value;
}

// "0000:1a:00" with or without ".0"; takes it off `text`.
PciKey TakePciAddress(std::string_view& text) {
  uint64_t parts[3];
  for (size_t i = 0; i < 3; ++i) {
    if (i > 0) {
      if (!text.starts_with(':')) return kNoPci;
      text.remove_prefix(1);
    }
    const auto part = TakeHex(text);
    if (!part || (i > 0 && *part > 0xFF)) return kNoPci;
    parts[i] = *part;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!TakeHex(text)) return kNoPci;
  }
  return parts[0] << 16 | parts[1] << 8 | parts[2];
}

}  // namespace

PciKey ParsePciAddress(std::string_view text) {
  const PciKey key = TakePciAddress(text);
  return text.empty() ? key : kNoPci;
}

std::string_view XidSeverity(uint64_t xid) {
  const XidKind* kind = FindKind(xid);
  switch (kind == nullptr ? Class::kWarning : kind->severity) {
    case Class::kCritical:
      return "critical";
    case Class::kReset:
      return "reset";
    case Class::kApplication:
      return "application";
    case Class::kWarning:
      break;
  }
  return "warning";
}

std::string_view XidText(uint64_t xid) {
  const XidKind* kind = FindKind(xid);
  return kind == nullptr ? "Unknown Error" : kind->text;
}

std::optional<KernelXid> ParseKernelXid(std::string_view line) {
  constexpr std::string_view kMark = "NVRM: Xid (";
  const size_t at = line.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kMark.size());
  if (line.starts_with("PCI:")) line.remove_prefix(4);
  KernelXid out;
  out.pci = TakePciAddress(line);
  constexpr std::string_view kAfter = "): ";
  if (out.pci == kNoPci || !line.starts_with(kAfter)) return std::nullopt;
  line.remove_prefix(kAfter.size());
  const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  const auto xid = base::ParseInt<uint16_t>(line.substr(0, digits));
  if (!xid) return std::nullopt;
  out.xid = *xid;
  return out;
}

XidLog::Part* XidLog::FindPart(Record& record, uint32_t instance) {
  const auto at = std::find_if(record.parts.begin(), record.parts.end(),
                               [&](const Part& part) { return part.instance == instance; });
  return at == record.parts.end() ? nullptr : &*at;
}

XidLog::Part& XidLog::PartOf(Record& record, uint32_t instance) {
  if (record.parts.size() >= kMaxParts && FindPart(record, instance) == nullptr)
    instance = kNvmlNoInstance;
  if (Part* part = FindPart(record, instance)) return *part;
  Part part{};
  part.instance = instance;
  return record.parts.emplace_back(std::move(part));
}

void XidLog::Push(std::deque<Some>& times, int64_t ms) {
  if (!times.empty() && ms >= times.back().last_ms &&
      ms / kTogetherMs == times.back().last_ms / kTogetherMs) {
    times.back().last_ms = ms;
    ++times.back().count;
    return;
  }
  times.push_back({ms, 1});
  if (times.size() > kMaxTimes) times.pop_front();
}

// Takes the oldest event that is not older than that off the list.
bool XidLog::TakeRecent(std::deque<Some>& times, int64_t since_ms) {
  while (!times.empty() && times.front().last_ms < since_ms) times.pop_front();
  if (times.empty()) return false;
  if (--times.front().count == 0) times.pop_front();
  return true;
}

// The kernel told first; now the driver says of which instance it was.
void XidLog::MoveOne(Record& record, uint32_t instance) {
  Part& to = PartOf(record, instance);
  Part* from = FindPart(record, kNvmlNoInstance);
  if (from == nullptr || from == &to || from->count == 0) return;
  Push(to.times, from->last_ms);
  ++to.count;
  to.last_ms = from->last_ms;
  to.last_order = from->last_order;
  if (!from->times.empty() && --from->times.back().count == 0) from->times.pop_back();
  if (--from->count > 0) return;
  std::erase_if(record.parts, [](const Part& part) { return part.instance == kNvmlNoInstance; });
}

void XidLog::Add(const Event& event) {
  const std::lock_guard lock(mutex_);
  const Key key{event.pci, event.xid};
  if (records_.size() >= kMaxKinds && !records_.contains(key)) return;
  Record& record = records_[key];
  const bool by_driver = event.from == XidFrom::kDriver;
  if (event.counted) {
    auto& others = by_driver ? record.kernel_only : record.driver_only;
    if (TakeRecent(others, event.arrived_ms - kSameEventMs)) {
      if (event.instance != kNvmlNoInstance) MoveOne(record, event.instance);
      return;
    }
    Push(by_driver ? record.driver_only : record.kernel_only, event.arrived_ms);
  }
  Part& part = PartOf(record, event.instance);
  if (event.time_ms >= part.last_ms) {
    part.last_ms = event.time_ms;
    part.last_order = ++order_;
  }
  if (!event.counted) return;
  ++part.count;
  Push(part.times, event.time_ms);
}

bool XidLog::Concerns(const Part& part, uint32_t instance) {
  return instance == kNvmlNoInstance || part.instance == instance ||
         part.instance == kNvmlNoInstance;
}

void XidLog::Collect(PciKey pci, uint32_t instance, int64_t now_ms, int64_t window_ms,
                     std::vector<Entry>& out) const {
  out.clear();
  const std::lock_guard lock(mutex_);
  for (auto at = records_.lower_bound({pci, 0}); at != records_.end(); ++at) {
    if (at->first.first != pci) break;
    Entry entry{at->first.second, 0, 0, 0};
    bool any = false;
    for (const Part& part : at->second.parts) {
      if (!Concerns(part, instance)) continue;
      any = true;
      entry.count += static_cast<double>(part.count);
      entry.last_ms = std::max(entry.last_ms, part.last_ms);
      for (auto some = part.times.rbegin(); some != part.times.rend(); ++some) {
        if (some->last_ms < now_ms - window_ms) break;
        entry.in_window += some->count;
      }
    }
    if (any) out.push_back(entry);
  }
}

std::optional<XidLog::Entry> XidLog::Last(PciKey pci, uint32_t instance) const {
  std::optional<Entry> last;
  uint64_t order = 0;
  const std::lock_guard lock(mutex_);
  for (auto at = records_.lower_bound({pci, 0}); at != records_.end(); ++at) {
    if (at->first.first != pci) break;
    for (const Part& part : at->second.parts) {
      const auto when = std::tie(part.last_ms, part.last_order);
      if (!Concerns(part, instance) || (last && when < std::tie(last->last_ms, order))) continue;
      order = part.last_order;
      last = Entry{at->first.second, 0, part.last_ms, 0};
    }
  }
  return last;
}

}  // namespace slurmscope::agent::gpu
