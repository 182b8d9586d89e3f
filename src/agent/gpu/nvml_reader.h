#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/gpu/gpm.h"
#include "agent/gpu/nvml.h"
#include "agent/gpu/snapshot.h"
#include "agent/gpu/xid_watch.h"
#include "base/clock.h"

namespace slurmscope::agent::gpu {

struct NvmlReaderOptions {
  std::string library;         // path of libnvidia-ml.so.1; empty: the usual places
  std::string sysfs = "/sys";  // to see GPUs that the driver holds but does not list
  std::vector<bool> wanted;    // by number of the field
  bool links = true;           // NVLink counters of each link
  bool processes = true;
};

// Reads all NVIDIA GPUs of this machine. Finds the driver when it comes, lets go of it when it
// goes, and takes up again after a reload or an upgrade. Calls into the driver may hang for any
// time: to be used by a thread that nobody waits for without a limit. Not thread-safe.
class NvmlReader {
 public:
  // `clock` outlives it.
  NvmlReader(NvmlReaderOptions options, std::shared_ptr<XidLog> xids, const base::Clock& clock);
  ~NvmlReader();

  // Fills a snapshot, using the memory of its old content.
  void Read(GpuSnapshot& out);
  // Other fields from now on.
  void SetWanted(std::vector<bool> wanted);
  // While paused no profiling is sampled. With `release` the driver is let go of altogether, so
  // that it can be unloaded or a GPU reset.
  void SetPause(bool paused, bool release);
  // Whether the driver is being let go of, which the next calls of Read will go on with.
  bool closing() const { return closing_ns_.has_value(); }

 private:
  static constexpr size_t kCalls = static_cast<size_t>(Call::kCount);
  using CallValues = std::array<double, kCalls>;

  struct Instance {
    NvmlDevice handle = nullptr;
    uint32_t id = 0;
    std::string id_text, uuid, profile;
    CallValues calls;
    std::unique_ptr<GpmSampler> gpm;
    std::vector<GpuProcess> processes;
    bool has_processes = false;
  };
  struct LinkCounter {
    double kibibytes = NAN;
    double rate = NAN;  // MB/s
  };
  struct Device {
    NvmlDevice handle = nullptr;
    std::shared_ptr<const GpuIdentity> identity;
    bool lost = false;
    std::string lost_reason;
    std::optional<bool> answers;  // on the bus, of one that is lost
    bool partitioned = false;
    std::vector<Instance> instances;
    CallValues calls;
    std::bitset<kCalls> unsupported;
    bool old_memory = false;    // does not know memory of version 2
    bool no_processes = false;  // does not tell processes
    std::unique_ptr<GpmSampler> gpm;
    std::optional<int64_t> slow_ns;  // when the slow values were read
    std::optional<int64_t> links_ns;
    uint32_t sum_scope = 0;  // of errors of all NVLinks; since Blackwell it is kAllLinks
    std::array<LinkCounter, kMaxLinks + 1> link_counters;  // the last one: all together
    std::vector<LinkValues> links;
    std::vector<int> peers;
    std::vector<GpuProcess> processes;
    bool has_processes = false;
  };
  struct FieldRequest {
    uint32_t nvml_field;
    size_t field;
    double factor;
  };

  void MakePlan();
  void RestartProfiling();

  // nvml_devices.cc
  bool EnsureOpen(GpuSnapshot& out);
  Result<void> Open();
  void TryClose(int64_t now_ns);
  void Close(std::chrono::milliseconds patience);
  bool MustReopen(int64_t now_ns);
  std::string BoundGpus() const;
  bool AnswersOnTheBus(const Device& device) const;
  void Enumerate();
  void AddMissing();
  Device MakeDevice(unsigned index);
  std::shared_ptr<const GpuIdentity> Identify(NvmlDevice handle, unsigned index);
  void FindInstances(Device& device);
  void RefreshInstances(Device& device);
  void AddSamplers(Device& device);

  // nvml_reader.cc
  void ReadDevice(Device& device, int64_t now_ns);
  bool Note(Device& device, int result);
  template <typename Function, typename... Args>
  double Ask(Device& device, Call call, const Function& function, Args... args);
  void ReadFast(Device& device);
  void ReadUtilization(Device& device);
  void ReadMemory(Device& device, NvmlDevice handle, CallValues& calls);
  void ReadSlow(Device& device);
  void ReadPcieAndLimits(Device& device);
  void ReadConstants(Device& device);
  void ReadLinkStates(Device& device);
  void ReadPeers(Device& device);
  void ReadProcesses(Device& device);
  bool ProcessesOf(Device& device, NvmlDevice handle, std::vector<GpuProcess>& out);
  void ReadFieldValues(Device& device, int64_t now_ns);
  void ReadLinkCounters(Device& device, size_t first, int64_t now_ns);
  void ReadProfiling(Device& device, int64_t now_ns);
  void Publish(const Device& device, GpuSnapshot& out, size_t& n);
  void PublishInstance(const Device& device, const Instance& instance, const GpuEntity& parent,
                       GpuEntity& out);

  NvmlReaderOptions options_;
  const base::Clock& clock_;
  DriverEvents events_;

  // What is asked for, from options_.wanted.
  std::bitset<kCalls> needed_;
  std::vector<std::pair<Call, size_t>> call_fields_;
  std::vector<FieldRequest> requests_;
  std::vector<std::pair<uint32_t, size_t>> link_rates_;
  std::vector<uint32_t> gpm_metrics_;
  std::vector<size_t> gpm_fields_;
  bool peers_ = false;

  std::shared_ptr<Nvml> nvml_;
  bool initialized_ = false;
  bool driver_gone_ = false;
  bool paused_ = false;
  bool released_ = false;
  std::string problem_;
  std::optional<int64_t> tried_ns_;
  std::optional<int64_t> closing_ns_;
  int64_t opened_ns_ = 0;
  int64_t looked_ns_ = 0;                   // when the bus was looked at
  int64_t lost_retry_ns_ = 60'000'000'000;  // how long to leave a lost GPU alone
  std::string bound_gpus_;
  std::string driver_version_, nvml_version_, cuda_version_;
  std::vector<Device> devices_;
  // GPUs that were there since the agent started.
  std::vector<std::shared_ptr<const GpuIdentity>> known_;
  std::vector<NvmlFieldValue> field_buffer_;
  std::vector<double> field_values_;  // of the last device read, by number of the field
  std::unique_ptr<NvmlGpmMetricsGet> gpm_buffer_ = std::make_unique<NvmlGpmMetricsGet>();
  std::vector<NvmlProcess> process_buffer_;
};

template <typename Function, typename... Args>
double NvmlReader::Ask(Device& device, Call call, const Function& function, Args... args) {
  const auto bit = static_cast<size_t>(call);
  if (!needed_[bit] || device.unsupported[bit] || device.lost) return NAN;
  uint32_t value = 0;
  const int result = function(device.handle, args..., &value);
  if (result == kNvmlNotSupported || result == kNvmlFunctionNotFound) device.unsupported.set(bit);
  return Note(device, result) ? static_cast<double>(value) : NAN;
}

}  // namespace slurmscope::agent::gpu
