#include "agent/gpu/collector.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;

constexpr std::array<std::string_view, 20> kSmallNumbers = {
    "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",
    "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"};
static_assert(kSmallNumbers.size() >= kMaxLinks);

struct Number {
  explicit Number(uint64_t value)
      : length(static_cast<size_t>(
            std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr -
            digits.data())) {}
  // NOLINTNEXTLINE(google-explicit-constructor): to be a label value beside others
  operator std::string_view() const { return {digits.data(), length}; }

  std::array<char, 20> digits;
  size_t length;
};

}  // namespace

Result<DeviceChoice> DeviceChoice::Parse(std::string_view text) {
  const auto bad = [&] {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      StrCat("devices ", base::Quote(text), ": want f, g, g:0,2-3, i or i:7"));
  };
  DeviceChoice choice;
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (kind == "g") choice.kind = Kind::kGpus;
  if (kind == "i") choice.kind = Kind::kInstances;
  if (kind != "f" && kind != "g" && kind != "i") return bad();
  if (colon == std::string_view::npos) return choice;
  if (kind == "f") return bad();
  for (const std::string_view item : base::Split(text.substr(colon + 1), ',')) {
    const size_t dash = item.find('-');
    const auto first = base::ParseInt<uint32_t>(item.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : base::ParseInt<uint32_t>(item.substr(dash + 1));
    if (!first || !last || *last < *first) return bad();
    choice.ranges.emplace_back(*first, *last);
  }
  return choice;
}

bool DeviceChoice::Shows(const GpuEntity& entity) const {
  if (kind == Kind::kFlexible) return !entity.partitioned;
  if ((kind == Kind::kInstances) != entity.instance) return false;
  const uint32_t id = entity.instance ? entity.instance_id : entity.identity->index;
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
           return id >= range.first && id <= range.second;
         });
}

GpuCollector::GpuCollector(GpuService& service, GpuPageOptions options,
                           std::unique_ptr<GpuJobs> jobs, FamilySet& out, const base::Clock& clock)
    : service_(service),
      options_(std::move(options)),
      jobs_(std::move(jobs)),
      out_(out),
      clock_(clock),
      counters_(service.counters()),
      xid_window_(StrCat(options_.xid_window_ms)),
      clock_window_(StrCat(options_.clock_window_ms)) {
  MakeFamilies();
}

std::vector<std::string> GpuCollector::Labels(std::initializer_list<std::string_view> extra) const {
  std::vector<std::string> labels = {"gpu",        options_.old_namespace ? "uuid" : "UUID",
                                     "pci_bus_id", "device",
                                     "modelName",  "GPU_I_PROFILE",
                                     "GPU_I_ID"};
  if (options_.upper_hostname) labels.emplace_back("Hostname");
  if (options_.lower_hostname) labels.emplace_back("hostname");
  for (const Counter& row : counters_->rows) {
    if (row.label) labels.push_back(row.name);
  }
  const size_t first_label = labels.size() - static_cast<size_t>(std::count_if(
                                                 counters_->rows.begin(), counters_->rows.end(),
                                                 [](const Counter& r) { return r.label; }));
  std::sort(labels.begin() + static_cast<ptrdiff_t>(first_label), labels.end());
  labels.insert(labels.end(), extra.begin(), extra.end());
  labels.emplace_back("hpc_job");
  return labels;
}

Family& GpuCollector::Own(std::string_view name, std::string_view help, MetricType type,
                          std::initializer_list<std::string_view> extra) {
  return out_.Get(StrCat("slurmscope_agent_gpu_", name), help, type, Labels(extra));
}

void GpuCollector::MakeFamilies() {
  std::vector<const Counter*> label_rows;
  for (const Counter& row : counters_->rows) {
    if (row.label) label_rows.push_back(&row);
  }
  std::sort(label_rows.begin(), label_rows.end(),
            [](const Counter* a, const Counter* b) { return a->name < b->name; });
  labels_.clear();
  const auto fields = AllFields();
  for (const Counter* row : label_rows) {
    labels_.push_back(static_cast<Label>(fields[static_cast<size_t>(row->field)].arg));
  }
  fields_.clear();
  clock_events_ = false;
  for (const Counter& row : counters_->rows) {
    if (row.label) continue;
    const Source source = fields[static_cast<size_t>(row.field)].source;
    auto labels = Labels({});
    if (source == Source::kLastXid) labels = Labels({"err_code", "err_msg"});
    if (source == Source::kXidCount) labels = Labels({"window_size_in_ms", "xid"});
    if (source == Source::kClockEvents) labels = Labels({"clock_event", "window_size_in_ms"});
    if (source == Source::kP2p) labels = Labels({"link_status", "peer_gpu"});
    clock_events_ = clock_events_ || source == Source::kClockEvents;
    fields_.emplace_back(&row, &out_.Get(row.name, row.help, row.type, labels));
  }
  const auto plain = [&](std::string_view name, std::string_view help,
                         const std::vector<std::string>& labels = {}) {
    return &out_.Get(StrCat("slurmscope_agent_gpu_", name), help, MetricType::kGauge, labels);
  };
  using enum MetricType;
  own_.driver_up = plain("driver_up", "Whether the NVIDIA driver answers.");
  own_.driver_info = plain("driver_info", "Versions of the NVIDIA driver.",
                           {"cuda_version", "driver_version", "nvml_version"});
  own_.paused = plain("profiling_paused", "Whether profiling is paused on request.");
  own_.problems = plain("counters_file_problems",
                        "Lines of the counters file that were left out; see the log.");
  own_.age = plain("snapshot_age_seconds", "How old the values of the GPUs are.");
  own_.read_seconds = plain("read_seconds", "How long the driver took for the last reading.");
  own_.stuck =
      plain("driver_stuck_seconds", "For how long the driver has not come back from a call.");
  own_.lost = &Own("lost", "Whether the GPU has fallen off the bus or vanished.", kGauge);
  own_.instances = &Own("mig_instances", "GPU instances of a partitioned GPU.", kGauge);
  own_.throttle =
      &Own("throttle_reason", "Whether this keeps the clocks down now.", kGauge, {"reason"});
  own_.xids = &Own("xid_errors_total", "XID errors since the agent started.", kCounter,
                   {"severity", "xid"});
  own_.xid_time = &Own("xid_last_timestamp_seconds", "When the XID came last, Unix time.", kGauge,
                       {"severity", "xid"});
  own_.processes = &Own("processes", "Processes that compute on the GPU.", kGauge);
  own_.process_memory = &Own("process_memory_bytes", "GPU memory of a process.", kGauge, {"pid"});
  own_.link_up = &Own("nvlink_up", "Whether the NVLink is active.", kGauge, {"link"});
  own_.link_transmit =
      &Own("nvlink_transmit_bytes_total", "Data sent over the NVLink.", kCounter, {"link"});
  own_.link_receive =
      &Own("nvlink_receive_bytes_total", "Data received over the NVLink.", kCounter, {"link"});
  own_.link_errors =
      &Own("nvlink_errors_total", "Errors of the NVLink by kind.", kCounter, {"kind", "link"});
}

Result<void> GpuCollector::Update() {
  const GpuService::Answer answer = service_.Get(options_.wait);
  if (auto counters = service_.counters(); counters != counters_) {
    counters_ = std::move(counters);
    out_.Clear();
    MakeFamilies();
  }
  SetService(answer);
  if (answer.snapshot == nullptr) {
    return Fail(ErrorCode::kTimeout, "the NVIDIA driver does not come back");
  }
  const GpuSnapshot& snapshot = *answer.snapshot;
  if (!snapshot.library) return Fail(ErrorCode::kNotFound, snapshot.problem);
  if (jobs_) jobs_->Update();
  const bool fresh = std::exchange(last_taken_ns_, snapshot.taken_ns) != snapshot.taken_ns;
  for (const GpuEntity& entity : snapshot.entities) {
    SetBase(entity);
    if (!entity.instance) SetOwn(entity);
    if (entity.instance) SetProcesses(entity);
    if (entity.lost) continue;
    if (fresh && clock_events_ && !entity.instance) KeepClockSample(entity);
    if (options_.devices.Shows(entity)) SetFields(entity);
  }
  if (!snapshot.driver_up) return Fail(ErrorCode::kUnavailable, snapshot.problem);
  return {};
}

void GpuCollector::SetService(const GpuService::Answer& answer) {
  own_.problems->Set(static_cast<double>(counters_->problems.size()));
  if (answer.stuck_seconds > 0) own_.stuck->Set(answer.stuck_seconds);
  if (answer.snapshot == nullptr || !answer.snapshot->library) return;
  const GpuSnapshot& snapshot = *answer.snapshot;
  own_.driver_up->Set(snapshot.driver_up ? 1 : 0);
  own_.paused->Set(snapshot.profiling_paused ? 1 : 0);
  own_.age->Set(answer.age_seconds);
  own_.read_seconds->Set(snapshot.read_seconds);
  if (!snapshot.driver_up) return;
  own_.driver_info->Set({snapshot.cuda_version, snapshot.driver_version, snapshot.nvml_version}, 1);
}

void GpuCollector::SetBase(const GpuEntity& entity) {
  const GpuIdentity& id = *entity.identity;
  std::string_view model = id.model;
  if (options_.replace_blanks) {
    model_ = id.model;
    std::replace(model_.begin(), model_.end(), ' ', '-');
    model = model_;
  }
  values_.clear();
  const auto instance = [&](const std::string& text) {
    return entity.instance ? std::string_view(text) : kNoLabel;
  };
  for (const std::string_view value :
       {std::string_view(id.gpu), std::string_view(id.uuid), std::string_view(id.bus_id),
        std::string_view(id.device), model, instance(entity.profile),
        instance(entity.instance_text)}) {
    values_.push_back(value);
  }
  if (options_.upper_hostname) values_.push_back(options_.hostname);
  if (options_.lower_hostname) values_.push_back(options_.hostname);
  for (const Label label : labels_) {
    const std::string& text = id.labels[static_cast<size_t>(label)];
    values_.push_back(text.empty() ? kNoLabel : std::string_view(text));
  }
  base_size_ = values_.size();
  jobs_of_ = jobs_ ? &jobs_->JobsOf(entity) : nullptr;
}

void GpuCollector::Emit(Family& family, double value, Extra extra) {
  if (std::isnan(value)) return;
  values_.resize(base_size_);
  values_.insert(values_.end(), extra.begin(), extra.end());
  values_.push_back(kNoLabel);
  if (jobs_of_ == nullptr || jobs_of_->empty()) {
    family.Set(values_.data(), values_.size(), value);
    return;
  }
  for (const std::string& job : *jobs_of_) {
    values_.back() = job;
    family.Set(values_.data(), values_.size(), value);
  }
}

void GpuCollector::SetFields(const GpuEntity& entity) {
  const auto fields = AllFields();
  for (const auto& [row, family] : fields_) {
    const auto number = static_cast<size_t>(row->field);
    switch (fields[number].source) {
      case Source::kLastXid:
        SetLastXid(*family, entity);
        break;
      case Source::kXidCount:
        SetXidCounts(*family, entity);
        break;
      case Source::kClockEvents:
        SetClockEvents(*family, entity);
        break;
      case Source::kP2p:
        SetPeers(*family, entity);
        break;
      default:
        if (number < entity.values.size()) Emit(*family, entity.values[number]);
    }
  }
}

void GpuCollector::SetLastXid(Family& family, const GpuEntity& entity) {
  const uint32_t instance = entity.instance ? entity.instance_id : kNvmlNoInstance;
  const auto last = service_.xids().Last(entity.identity->pci, instance);
  if (!last && !options_.xid_zero) return;
  const uint64_t xid = last ? last->xid : 0;
  Emit(family, static_cast<double>(xid), {Number(xid), XidText(xid)});
}

void GpuCollector::SetXidCounts(Family& family, const GpuEntity& entity) {
  const uint32_t instance = entity.instance ? entity.instance_id : kNvmlNoInstance;
  service_.xids().Collect(entity.identity->pci, instance, clock_.NowMs(), options_.xid_window_ms,
                          xids_);
  bool any = false;
  for (const XidLog::Entry& entry : xids_) {
    if (entry.in_window == 0) continue;
    any = true;
    Emit(family, static_cast<double>(entry.in_window), {xid_window_, Number(entry.xid)});
  }
  if (!any) Emit(family, 0, {xid_window_, kNoLabel});
}

void GpuCollector::SetPeers(Family& family, const GpuEntity& entity) {
  constexpr std::string_view kStatus[] = {"OK",
                                          "ChipsetNotSupported",
                                          "GPUNotSupported",
                                          "TopologyNotSupported",
                                          "DisabledByRegKey",
                                          "NotSupported",
                                          "Unknown"};
  for (size_t peer = 0; peer < entity.peers.size(); ++peer) {
    const int status = entity.peers[peer];
    if (status < 0) continue;
    const auto known = std::min(static_cast<size_t>(status), std::size(kStatus) - 1);
    Emit(family, status, {kStatus[known], Number(peer)});
  }
}

void GpuCollector::SetXids(const GpuEntity& entity) {
  service_.xids().Collect(entity.identity->pci, kNvmlNoInstance, clock_.NowMs(), 0, xids_);
  for (const XidLog::Entry& entry : xids_) {
    const Number xid(entry.xid);
    const std::string_view severity = XidSeverity(entry.xid);
    Emit(*own_.xids, entry.count, {severity, xid});
    Emit(*own_.xid_time, static_cast<double>(entry.last_ms) / 1000, {severity, xid});
  }
}

void GpuCollector::SetLinks(const GpuEntity& entity) {
  constexpr std::string_view kKinds[] = {"replay", "recovery", "crc_flit", "crc_data"};
  for (size_t i = 0; i < entity.links.size() && i < kSmallNumbers.size(); ++i) {
    const LinkValues& link = entity.links[i];
    const std::string_view number = kSmallNumbers[i];
    Emit(*own_.link_up, link.active ? 1 : 0, {number});
    Emit(*own_.link_transmit, link.transmit_bytes, {number});
    Emit(*own_.link_receive, link.receive_bytes, {number});
    for (size_t kind = 0; kind < link.errors.size(); ++kind) {
      Emit(*own_.link_errors, link.errors[kind], {kKinds[kind], number});
    }
  }
}

void GpuCollector::SetProcesses(const GpuEntity& entity) {
  if (!entity.has_processes) return;
  Emit(*own_.processes, static_cast<double>(entity.processes.size()));
  if (!options_.process_memory) return;
  for (const GpuProcess& process : entity.processes) {
    Emit(*own_.process_memory, process.memory_bytes, {Number(process.pid)});
  }
}

}  // namespace slurmscope::agent::gpu
