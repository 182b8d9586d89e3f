#pragma once

#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector.h"
#include "agent/gpu/job_map.h"
#include "agent/gpu/service.h"

namespace slurmscope::agent::gpu {

// Which GPUs and instances are shown, as dcgm-exporter's --devices has it: "f" for GPUs, or the
// instances of a partitioned one; "g" or "g:0,2-3" for GPUs; "i" or "i:7" for instances (by
// GPU_I_ID).
struct DeviceChoice {
  enum class Kind { kFlexible, kGpus, kInstances } kind = Kind::kFlexible;
  std::vector<std::pair<uint32_t, uint32_t>> ranges;  // empty: all

  static Result<DeviceChoice> Parse(std::string_view text);
  bool Shows(const GpuEntity& entity) const;
};

// How the page looks. Names and labels as dcgm-exporter has them.
struct GpuPageOptions {
  std::string hostname;
  bool upper_hostname = true;   // the label "Hostname" of dcgm-exporter up to 4.5
  bool lower_hostname = false;  // "hostname", since
  bool old_namespace = false;   // label "uuid" for "UUID"
  bool replace_blanks = false;  // in modelName
  DeviceChoice devices;
  int64_t xid_window_ms = 300'000;
  int64_t clock_window_ms = 300'000;
  bool xid_zero = false;        // DCGM_FI_DEV_XID_ERRORS 0 before the first XID
  bool process_memory = false;  // a series for each process
  std::chrono::nanoseconds wait = std::chrono::milliseconds(1500);
};

// The metrics of NVIDIA GPUs, from the service's snapshots.
class GpuCollector final : public Collector {
 public:
  // `jobs` may be null. The service outlives the collector.
  GpuCollector(GpuService& service, GpuPageOptions options, std::unique_ptr<GpuJobs> jobs,
               FamilySet& out, const base::Clock& clock);

  Result<void> Update() override;

 private:
  using Extra = std::initializer_list<std::string_view>;
  struct ClockSample {
    int64_t ms;
    uint64_t reasons;
  };

  void MakeFamilies();
  std::vector<std::string> Labels(std::initializer_list<std::string_view> extra) const;
  Family& Own(std::string_view name, std::string_view help, MetricType type,
              std::initializer_list<std::string_view> extra = {});

  void SetService(const GpuService::Answer& answer);
  void SetBase(const GpuEntity& entity);
  void SetFields(const GpuEntity& entity);
  void SetLastXid(Family& family, const GpuEntity& entity);
  void SetXidCounts(Family& family, const GpuEntity& entity);
  void SetClockEvents(Family& family, const GpuEntity& entity);
  void SetPeers(Family& family, const GpuEntity& entity);
  void SetOwn(const GpuEntity& entity);
  void SetXids(const GpuEntity& entity);
  void SetLinks(const GpuEntity& entity);
  void SetProcesses(const GpuEntity& entity);
  void KeepClockSample(const GpuEntity& entity);
  // A sample for each job of the GPU, or one without a job.
  void Emit(Family& family, double value, Extra extra = {});

  GpuService& service_;
  const GpuPageOptions options_;
  const std::unique_ptr<GpuJobs> jobs_;
  FamilySet& out_;
  const base::Clock& clock_;

  std::shared_ptr<const Counters> counters_;
  std::vector<std::pair<const Counter*, Family*>> fields_;
  std::vector<Label> labels_;
  bool clock_events_ = false;
  std::string xid_window_, clock_window_;

  // The labels of the entity at hand.
  std::vector<std::string_view> values_;
  size_t base_size_ = 0;
  const std::vector<std::string>* jobs_of_ = nullptr;
  std::string model_;
  std::vector<XidLog::Entry> xids_;
  std::map<std::string, std::deque<ClockSample>, std::less<>> clock_samples_;
  int64_t last_taken_ns_ = 0;

  struct OwnFamilies {
    Family *driver_up, *driver_info, *paused, *problems, *age, *read_seconds, *stuck;
    Family *lost, *instances, *throttle, *xids, *xid_time, *processes, *process_memory;
    Family *link_up, *link_transmit, *link_receive, *link_errors;
  } own_{};
};

}  // namespace slurmscope::agent::gpu
