#include "agent/gpu/nvml_reader.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace slurmscope::agent::gpu {
namespace {

constexpr uint64_t kMebibyte = 1048576;
constexpr int64_t kSlowPeriodNs = 10'000'000'000;
constexpr uint32_t kFieldTransmit = 138;  // NVLink data in KiB, by link or all together
constexpr uint32_t kFieldReceive = 139;

double ToDouble(const NvmlFieldValue& value) {
  switch (value.type) {
    case 0:
      return value.value.d;
    case 1:
      return value.value.u32;
    case 2:
    case 3:
      return static_cast<double>(value.value.u64);
    case 4:
      return static_cast<double>(value.value.i64);
    case 5:
      return value.value.i32;
    case 6:
      return value.value.u16;
    default:
      return NAN;
  }
}

// The driver does not always tell the type of these.
constexpr uint32_t kLastEccField = 28;
constexpr uint32_t kUint64 = 3;

bool IsLinkSum(uint32_t field) { return field == 38 || field == 45 || field == 52 || field == 59; }

void NumberPlaces(std::vector<GpuEntity>& entities) {
  unsigned place = 0;
  for (GpuEntity& entity : entities) {
    if (!entity.partitioned) entity.place = place++;
    if (entity.partitioned && entity.lost) place += static_cast<unsigned>(entity.instances);
  }
}

}  // namespace

NvmlReader::NvmlReader(NvmlReaderOptions options, std::shared_ptr<XidLog> xids,
                       const base::Clock& clock)
    : options_(std::move(options)), clock_(clock), events_(std::move(xids)) {
  MakePlan();
}

NvmlReader::~NvmlReader() { Close(std::chrono::seconds(5)); }

void NvmlReader::SetWanted(std::vector<bool> wanted) {
  options_.wanted = std::move(wanted);
  MakePlan();
  RestartProfiling();
}

void NvmlReader::MakePlan() {
  const auto fields = AllFields();
  needed_.reset();
  call_fields_.clear();
  requests_.clear();
  link_rates_.clear();
  gpm_metrics_.clear();
  gpm_fields_.clear();
  peers_ = false;
  field_values_.assign(fields.size(), NAN);
  // Decoded into labels whether or not the mask itself is asked for.
  needed_.set(static_cast<size_t>(Call::kClockReasons));
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i >= options_.wanted.size() || !options_.wanted[i]) continue;
    const FieldSpec& field = fields[i];
    if (field.source == Source::kField) requests_.push_back({field.arg, i, field.factor});
    peers_ = peers_ || field.source == Source::kP2p;
    if (field.source == Source::kLinkRate) link_rates_.emplace_back(field.arg, i);
    if (field.source == Source::kGpm) {
      gpm_metrics_.push_back(field.arg);
      gpm_fields_.push_back(i);
    }
    if (field.source != Source::kCall) continue;
    needed_.set(field.arg);
    call_fields_.emplace_back(static_cast<Call>(field.arg), i);
  }
}

void NvmlReader::SetPause(bool paused, bool release) {
  if (released_ && !release) tried_ns_.reset();
  released_ = release;
  if (paused && !paused_) RestartProfiling();
  paused_ = paused;
}

void NvmlReader::RestartProfiling() {
  for (Device& device : devices_) {
    if (device.gpm) device.gpm->Restart();
    for (Instance& instance : device.instances) instance.gpm->Restart();
  }
}

void NvmlReader::Read(GpuSnapshot& out) {
  const int64_t start = clock_.SteadyNs();
  size_t n = 0;
  if (EnsureOpen(out)) {
    for (Device& device : devices_) {
      if (!device.lost && !driver_gone_) ReadDevice(device, start);
      Publish(device, out, n);
    }
  } else {
    for (const auto& identity : known_) {
      if (out.entities.size() <= n) out.entities.emplace_back();
      out.entities[n] = GpuEntity{};
      out.entities[n++].identity = identity;
    }
  }
  out.driver_up = out.driver_up && !driver_gone_;
  out.entities.resize(n);
  NumberPlaces(out.entities);
  out.driver_version = driver_version_;
  out.nvml_version = nvml_version_;
  out.cuda_version = cuda_version_;
  out.profiling_paused = paused_;
  out.taken_ns = clock_.SteadyNs();
  out.read_seconds = static_cast<double>(out.taken_ns - start) / 1e9;
}

// Remembers what a failed call says about the GPU or the driver. True when it succeeded.
bool NvmlReader::Note(Device& device, int result) {
  if (result == kNvmlOk) return true;
  if (result == kNvmlGpuLost || result == kNvmlResetRequired) {
    if (!device.lost) {
      base::LogError("a GPU is lost", {{"gpu", device.identity->gpu},
                                       {"uuid", device.identity->uuid},
                                       {"err", nvml_->ErrorText(result)}});
    }
    device.lost = true;
    device.lost_reason = nvml_->ErrorText(result);
  }
  if (result == kNvmlUninitialized || result == kNvmlDriverNotLoaded) driver_gone_ = true;
  return false;
}

void NvmlReader::ReadDevice(Device& device, int64_t now_ns) {
  std::fill(field_values_.begin(), field_values_.end(), NAN);
  if (!device.slow_ns || now_ns - *device.slow_ns >= kSlowPeriodNs) {
    device.slow_ns = now_ns;
    RefreshInstances(device);
    ReadSlow(device);
  }
  if (options_.processes) ReadProcesses(device);
  ReadFast(device);
  ReadFieldValues(device, now_ns);
  ReadProfiling(device, now_ns);
}

void NvmlReader::ReadFast(Device& device) {
  const auto at = [&](Call call) -> double& { return device.calls[static_cast<size_t>(call)]; };
  at(Call::kSmClock) = Ask(device, Call::kSmClock, nvml_->clock, 1);
  at(Call::kMemClock) = Ask(device, Call::kMemClock, nvml_->clock, 2);
  at(Call::kVideoClock) = Ask(device, Call::kVideoClock, nvml_->clock, 3);
  at(Call::kGpuTemp) = Ask(device, Call::kGpuTemp, nvml_->temperature, 0);
  at(Call::kPower) = Ask(device, Call::kPower, nvml_->power) / 1000;
  at(Call::kPcieReplay) = Ask(device, Call::kPcieReplay, nvml_->pcie_replay);
  const auto reasons = static_cast<size_t>(Call::kClockReasons);
  device.calls[reasons] = NAN;
  if (!device.unsupported[reasons] && !device.lost) {
    unsigned long long mask = 0;
    const int result = nvml_->clock_reasons(device.handle, &mask);
    if (Note(device, result)) device.calls[reasons] = static_cast<double>(mask);
    if (result == kNvmlNotSupported || result == kNvmlFunctionNotFound)
      device.unsupported.set(reasons);
  }
  ReadUtilization(device);
  ReadMemory(device, device.handle, device.calls);
  for (Instance& instance : device.instances) ReadMemory(device, instance.handle, instance.calls);
}

void NvmlReader::ReadUtilization(Device& device) {
  const auto at = [&](Call call) -> double& { return device.calls[static_cast<size_t>(call)]; };
  at(Call::kGpuUtil) = at(Call::kMemUtil) = at(Call::kEncUtil) = at(Call::kDecUtil) = NAN;
  const auto need = [&](Call call) {
    const auto bit = static_cast<size_t>(call);
    return needed_[bit] && !device.unsupported[bit] && !device.lost;
  };
  const auto note = [&](Call call, int result) {
    if (result == kNvmlNotSupported || result == kNvmlFunctionNotFound)
      device.unsupported.set(static_cast<size_t>(call));
    return Note(device, result);
  };
  if (need(Call::kGpuUtil) || need(Call::kMemUtil)) {
    NvmlUtilization use{};
    const int result = nvml_->utilization(device.handle, &use);
    note(Call::kMemUtil, result);
    if (note(Call::kGpuUtil, result)) {
      at(Call::kGpuUtil) = use.gpu;
      at(Call::kMemUtil) = use.memory;
    }
  }
  uint32_t percent = 0, period_us = 0;
  if (need(Call::kEncUtil) &&
      note(Call::kEncUtil, nvml_->encoder(device.handle, &percent, &period_us)))
    at(Call::kEncUtil) = percent;
  if (need(Call::kDecUtil) &&
      note(Call::kDecUtil, nvml_->decoder(device.handle, &percent, &period_us)))
    at(Call::kDecUtil) = percent;
}

void NvmlReader::ReadMemory(Device& device, NvmlDevice handle, CallValues& calls) {
  const auto at = [&](Call call) -> double& { return calls[static_cast<size_t>(call)]; };
  for (const Call call :
       {Call::kFbTotal, Call::kFbFree, Call::kFbUsed, Call::kFbReserved, Call::kFbUsedRatio}) {
    at(call) = NAN;
  }
  if (device.lost) return;
  NvmlMemoryV2 memory{};
  memory.version = NvmlVersion(sizeof memory, 2);
  int result = device.old_memory ? kNvmlNotSupported : nvml_->memory_v2(handle, &memory);
  const bool with_reserved = result == kNvmlOk;
  if (result == kNvmlFunctionNotFound || result == kNvmlNotSupported ||
      result == kNvmlVersionMismatch) {
    device.old_memory = true;
    NvmlMemory old{};
    result = nvml_->memory(handle, &old);
    memory.total = old.total;
    memory.free = old.free;
    memory.used = old.used;
  }
  if (!Note(device, result)) return;
  // DCGM gives whole mebibytes.
  const auto mebibytes = [](uint64_t bytes) { return static_cast<double>(bytes / kMebibyte); };
  at(Call::kFbTotal) = mebibytes(memory.total);
  at(Call::kFbFree) = mebibytes(memory.free);
  at(Call::kFbUsed) = mebibytes(memory.used);
  if (with_reserved) at(Call::kFbReserved) = mebibytes(memory.reserved);
  const auto usable = static_cast<double>(memory.total - std::min(memory.total, memory.reserved));
  if (usable > 0) at(Call::kFbUsedRatio) = static_cast<double>(memory.used) / usable;
}

void NvmlReader::ReadFieldValues(Device& device, int64_t now_ns) {
  if (device.lost) return;
  field_buffer_.clear();
  const auto add = [&](uint32_t field, uint32_t scope) {
    field_buffer_.push_back({field, scope, 0, 0, kUint64, kNvmlNotSupported, {}});
  };
  for (const FieldRequest& request : requests_)
    add(request.nvml_field, IsLinkSum(request.nvml_field) ? device.sum_scope : 0);
  const size_t links_at = field_buffer_.size();
  if (!link_rates_.empty()) {
    add(kFieldTransmit, kAllLinks);
    add(kFieldReceive, kAllLinks);
  }
  for (uint32_t i = 0; i < device.links.size(); ++i) {
    add(kFieldTransmit, i);
    add(kFieldReceive, i);
  }
  if (field_buffer_.empty()) return;
  const int result = nvml_->field_values(device.handle, static_cast<int>(field_buffer_.size()),
                                         field_buffer_.data());
  if (!Note(device, result)) return;
  for (size_t i = 0; i < requests_.size(); ++i) {
    NvmlFieldValue& value = field_buffer_[i];
    if (value.result == kNvmlNotSupported && IsLinkSum(value.field_id) && !device.links.empty())
      device.sum_scope = kAllLinks;
    if (!Note(device, value.result)) continue;
    if (value.field_id <= kLastEccField) value.type = kUint64;
    field_values_[requests_[i].field] = ToDouble(value) * requests_[i].factor;
  }
  ReadLinkCounters(device, links_at, now_ns);
}

// DCGM publishes the bandwidth as a rate in MB/s, though it calls it a counter.
void NvmlReader::ReadLinkCounters(Device& device, size_t first, int64_t now_ns) {
  const double seconds = device.links_ns ? static_cast<double>(now_ns - *device.links_ns) / 1e9 : 0;
  // Two readers close together: the rate over a moment would be noise.
  const bool soon = device.links_ns && seconds < 0.1;
  if (!soon) device.links_ns = now_ns;
  const auto take = [&](size_t slot, size_t at) {
    const NvmlFieldValue& sent = field_buffer_[at];
    const NvmlFieldValue& received = field_buffer_[at + 1];
    LinkCounter& counter = device.link_counters[slot];
    if (soon) return;
    const double before = counter.kibibytes;
    counter.kibibytes = counter.rate = NAN;
    if (sent.result != kNvmlOk || received.result != kNvmlOk) return;
    counter.kibibytes = ToDouble(sent) + ToDouble(received);
    const double moved = counter.kibibytes - before;
    if (seconds <= 0 || moved < 0) return;
    // Not by std::floor, which would need libm.
    const double megabytes = std::min(moved / seconds / 1000, 0x1p53);
    counter.rate = static_cast<double>(static_cast<uint64_t>(megabytes));
  };
  size_t at = first;
  if (!link_rates_.empty()) {
    take(kMaxLinks, at);
    at += 2;
  }
  for (size_t i = 0; i < device.links.size(); ++i, at += 2) {
    take(i, at);
    LinkValues& link = device.links[i];
    const auto bytes = [](const NvmlFieldValue& v) {
      return v.result == kNvmlOk ? ToDouble(v) * 1024 : NAN;
    };
    link.transmit_bytes = bytes(field_buffer_[at]);
    link.receive_bytes = bytes(field_buffer_[at + 1]);
  }
  for (const auto& [link, field] : link_rates_) {
    field_values_[field] = device.link_counters[link == kAllLinks ? kMaxLinks : link].rate;
  }
}

void NvmlReader::ReadProfiling(Device& device, int64_t now_ns) {
  if (paused_ || device.lost || gpm_metrics_.empty()) return;
  Note(device, device.gpm->Sample(gpm_metrics_, now_ns, *gpm_buffer_));
  for (Instance& instance : device.instances) {
    if (!device.lost) Note(device, instance.gpm->Sample(gpm_metrics_, now_ns, *gpm_buffer_));
  }
}

void NvmlReader::Publish(const Device& device, GpuSnapshot& out, size_t& n) {
  const auto next = [&]() -> GpuEntity& {
    if (out.entities.size() <= n) out.entities.emplace_back();
    return out.entities[n++];
  };
  const size_t own_place = n;
  GpuEntity& entity = next();
  entity.identity = device.identity;
  entity.lost = device.lost;
  entity.lost_reason = device.lost_reason;
  entity.partitioned = device.partitioned && !device.instances.empty();
  entity.instances = device.instances.size();
  entity.instance = false;
  entity.values.assign(AllFields().size(), NAN);
  entity.links.clear();
  entity.peers.clear();
  entity.processes.clear();
  entity.has_processes = false;
  entity.clock_reasons = NAN;
  if (device.lost || driver_gone_) return;
  entity.values = field_values_;
  for (const auto& [call, field] : call_fields_) {
    entity.values[field] = device.calls[static_cast<size_t>(call)];
  }
  const auto& profiled = device.gpm->values();
  for (size_t i = 0; i < gpm_fields_.size() && i < profiled.size(); ++i) {
    entity.values[gpm_fields_[i]] = profiled[i] * AllFields()[gpm_fields_[i]].factor;
  }
  entity.clock_reasons = device.calls[static_cast<size_t>(Call::kClockReasons)];
  entity.links = device.links;
  if (peers_) entity.peers = device.peers;
  entity.has_processes = device.has_processes;
  entity.processes = device.processes;
  for (const Instance& instance : device.instances) {
    GpuEntity& part = next();
    PublishInstance(device, instance, out.entities[own_place], part);
  }
}

// What an instance has no value of its own for is the GPU's, as DCGM has it.
void NvmlReader::PublishInstance(const Device& device, const Instance& instance,
                                 const GpuEntity& parent, GpuEntity& out) {
  out.identity = device.identity;
  out.lost = false;
  out.partitioned = false;
  out.instance = true;
  out.instance_id = instance.id;
  out.instance_text = instance.id_text;
  out.instance_uuid = instance.uuid;
  out.profile = instance.profile;
  out.values = parent.values;
  out.clock_reasons = parent.clock_reasons;
  out.links.clear();
  out.peers.clear();
  out.processes = instance.processes;
  out.has_processes = instance.has_processes;
  const auto fields = AllFields();
  for (const auto& [call, field] : call_fields_) {
    if (fields[field].level == Level::kInstance)
      out.values[field] = instance.calls[static_cast<size_t>(call)];
  }
  const auto& profiled = instance.gpm->values();
  for (size_t i = 0; i < gpm_fields_.size(); ++i) {
    const FieldSpec& field = fields[gpm_fields_[i]];
    if (field.level != Level::kInstance) continue;
    out.values[gpm_fields_[i]] = i < profiled.size() ? profiled[i] * field.factor : NAN;
  }
}

}  // namespace slurmscope::agent::gpu
