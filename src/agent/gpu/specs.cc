#include "agent/gpu/specs.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/attr_file.h"
#include "agent/gpu/amd.h"
#include "agent/gpu/collector.h"
#include "agent/job/gpu_jobs.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;
using enum FlagKind;

constexpr FlagSpec kFlags[] = {
    {"gpu.listen-address", kStrings, ":9400",
     "Address of the GPU page, host:port or :port; may be given again; empty for none. By default "
     "only where there is a GPU."},
    {"gpu.systemd-socket", kBool, "false",
     "The GPU page is on the sockets that systemd hands over, not on an address of its own."},
    {"gpu.counters-file", kString, "",
     "Which fields the GPU page has: dcgm-exporter's CSV; read again when it changes. Also -f."},
    {"gpu.collect-interval", kDuration, "1s", "Values of the GPUs may be this old."},
    {"gpu.devices", kString, "f",
     "f: GPUs, or the instances of partitioned ones; g[:0,2-3]: GPUs; i[:7]: instances."},
    {"gpu.hostname-label", kString, "Hostname",
     "Name of the label with the host name: Hostname, hostname, both or none."},
    {"gpu.hostname", kString, "", "Value of that label; by default $NODE_NAME or the host's name."},
    {"gpu.old-namespace", kBool, "false", "Label uuid instead of UUID."},
    {"gpu.replace-blanks-in-model-name", kBool, "false", "NVIDIA-H200 instead of NVIDIA H200."},
    {"gpu.xid-count-window", kDuration, "5m", "Window of DCGM_EXP_XID_ERRORS_COUNT."},
    {"gpu.clock-events-window", kDuration, "5m", "Window of DCGM_EXP_CLOCK_EVENTS_COUNT."},
    {"gpu.xid-zero", kBool, "false",
     "DCGM_FI_DEV_XID_ERRORS is 0 before the first XID, not absent."},
    {"gpu.process-memory", kBool, "false", "GPU memory of each process, labelled by its pid."},
    {"gpu.kernel-log", kString, "/dev/kmsg", "The kernel's log, for XIDs; empty: not read."},
    {"gpu.pause-file", kString, "/run/slurmscope-agent/gpu-pause",
     "While this file is there (and as long as it says), GPUs are not profiled."},
    {"gpu.pause-token-file", kString, "",
     "File with the token that POST /gpu/pause asks for; empty: not allowed."},
    {"hpc-job-mapping-dir", kString, "",
     "Directory with a file for each GPU that names its jobs, for the label hpc_job."},
    {"gpu.hpc-job", kBool, "false",
     "The label hpc_job also without such a directory, by what is seen of Slurm's jobs."},
    {"nvml.library", kString, "", "NVIDIA's management library; by default where drivers put it."},
};

Result<int64_t> Milliseconds(const FlagValues& flags, std::string_view name) {
  const int64_t ns = TRY(flags.DurationNs(name));
  if (ns < 0) return Fail(ErrorCode::kInvalidArgument, StrCat("--", name, " is negative"));
  return ns / 1'000'000;
}

std::string HostName(const FlagValues& flags) {
  if (std::string given = flags.String("gpu.hostname"); !given.empty()) return given;
  if (const char* node = std::getenv("NODE_NAME"); node != nullptr && *node != '\0') return node;
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Result<GpuPageOptions> PageOptions(const FlagValues& flags) {
  GpuPageOptions options;
  options.hostname = HostName(flags);
  const std::string label = flags.String("gpu.hostname-label");
  options.upper_hostname = label == "Hostname" || label == "both";
  options.lower_hostname = label == "hostname" || label == "both";
  if (!options.upper_hostname && !options.lower_hostname && label != "none") {
    return Fail(ErrorCode::kInvalidArgument, StrCat("--gpu.hostname-label ", base::Quote(label),
                                                    ": want Hostname, hostname, both or none"));
  }
  options.old_namespace = flags.Bool("gpu.old-namespace");
  options.replace_blanks = flags.Bool("gpu.replace-blanks-in-model-name");
  options.devices = TRY(DeviceChoice::Parse(flags.String("gpu.devices")));
  options.xid_window_ms = TRY(Milliseconds(flags, "gpu.xid-count-window"));
  options.clock_window_ms = TRY(Milliseconds(flags, "gpu.clock-events-window"));
  options.xid_zero = flags.Bool("gpu.xid-zero");
  options.process_memory = flags.Bool("gpu.process-memory");
  return options;
}

Result<std::unique_ptr<Collector>> MakeNvidia(const Machine& machine, const FlagValues& flags,
                                              FamilySet& out, std::chrono::milliseconds wait) {
  GpuPageOptions options = TRY(PageOptions(flags));
  options.wait = wait;
  if (machine.gpu == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "the GPUs of this machine are not read");
  }
  std::unique_ptr<GpuJobs> jobs;
  if (std::string directory = flags.String("hpc-job-mapping-dir"); !directory.empty()) {
    jobs = std::make_unique<JobDirectory>(std::move(directory));
  } else if (machine.jobs != nullptr && flags.Bool("gpu.hpc-job")) {
    jobs = std::make_unique<job::SeenGpuJobs>(machine.jobs);
  }
  return std::make_unique<GpuCollector>(*machine.gpu, std::move(options), std::move(jobs), out,
                                        machine.clock);
}

Result<std::unique_ptr<Collector>> MakePatient(const Machine& machine, const FlagValues& flags,
                                               FamilySet& out) {
  return MakeNvidia(machine, flags, out, std::chrono::milliseconds(1500));
}

Result<std::unique_ptr<Collector>> MakeImpatient(const Machine& machine, const FlagValues& flags,
                                                 FamilySet& out) {
  return MakeNvidia(machine, flags, out, std::chrono::milliseconds(50));
}

Result<std::unique_ptr<Collector>> MakeAmd(const Machine& machine, const FlagValues& flags,
                                           FamilySet& out) {
  return std::make_unique<AmdCollector>(machine.roots.sysfs, HostName(flags), out);
}

constexpr std::string_view kNvidiaSummary = "GPUs of NVIDIA, also on the node page.";
constexpr std::string_view kAmdSummary = "GPUs of AMD, also on the node page.";

constexpr CollectorSpec kGpuPage[] = {
    {"nvidia_gpu", true, {}, kNvidiaSummary, MakePatient},
    {"amd_gpu", true, {}, kAmdSummary, MakeAmd},
};

constexpr CollectorSpec kNodePage[] = {
    {"nvidia_gpu", false, {}, kNvidiaSummary, MakeImpatient},
    {"amd_gpu", false, {}, kAmdSummary, MakeAmd},
};

}  // namespace

std::span<const FlagSpec> GpuFlags() { return kFlags; }
std::span<const CollectorSpec> GpuPageCollectors() { return kGpuPage; }
std::span<const CollectorSpec> NodePageGpuCollectors() { return kNodePage; }

bool HasGpu(const Roots& roots) {
  const std::string devices = roots.sysfs + "/bus/pci/devices";
  const auto names = base::ListDirectory(devices);
  if (!names) return false;
  return std::any_of(names->begin(), names->end(), [&](const std::string& name) {
    const std::string device = StrCat(devices, "/", name);
    const std::string vendor = AttrFile(device + "/vendor").Text();
    if (vendor != "0x10de" && vendor != "0x1002") return false;
    // Display controllers and processing accelerators.
    const std::string device_class = AttrFile(device + "/class").Text();
    return device_class.starts_with("0x03") || device_class.starts_with("0x12");
  });
}

Result<std::unique_ptr<GpuService>> StartGpuService(const Roots& roots, const FlagValues& flags,
                                                    const base::Clock& clock) {
  GpuServiceOptions options;
  options.reader.library = flags.String("nvml.library");
  options.reader.sysfs = roots.sysfs;
  options.counters_file = flags.String("gpu.counters-file");
  options.min_interval_ms = TRY(Milliseconds(flags, "gpu.collect-interval"));
  options.kernel_log = flags.String("gpu.kernel-log");
  options.pause_file = flags.String("gpu.pause-file");
  TRY(PageOptions(flags));
  return GpuService::Start(std::move(options), clock);
}

}  // namespace slurmscope::agent::gpu
