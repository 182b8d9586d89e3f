#include <sys/vfs.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "agent/collectors/collectors.h"
#include "agent/collectors/mountinfo.h"
#include "agent/crew.h"
#include "agent/pattern.h"
#include "agent/progress.h"
#include "agent/scan.h"
#include "base/log.h"

namespace slurmscope::agent {
namespace {

// A mount that has not answered after this time is not waited for in a scrape; what it said last
// stands until it has been silent for --collector.filesystem.mount-timeout.
constexpr std::chrono::milliseconds kLongestWait(500);
constexpr std::chrono::milliseconds kPatience(50);

// Asks one mount for its sizes. Outlives the collector while the kernel holds it.
struct MountProbe final : Job {
  explicit MountProbe(std::string p) : path(std::move(p)) {}

  void Run() override { error = ::statfs(path.c_str(), &sizes) == 0 ? 0 : errno; }

  const std::string path;
  struct statfs sizes {};
  int error = 0;
};

struct MountState {
  Mount mount;
  std::string line;   // as mountinfo had it; mount's views point into it
  std::string shown;  // the mount point without the rootfs prefix
  std::shared_ptr<MountProbe> probe;
  bool in_memory = false;
  bool answered = false;  // `last` is from an answer
  struct statfs last {};
  int last_error = 0;
  bool reported_stuck = false;
};

// File systems whose kernel has sizes at hand, and asks no disk and no server for them: they are
// asked without a thread of their own.
bool SizesAreInMemory(std::string_view fs_type) {
  constexpr std::string_view kTypes[] = {"ext2",  "ext3",     "ext4",     "xfs",   "tmpfs",
                                         "ramfs", "devtmpfs", "efivarfs", "rootfs"};
  return std::find(std::begin(kTypes), std::end(kTypes), fs_type) != std::end(kTypes);
}

// Messages as Go words errno: "no such file or directory".
std::string ErrorText(int error) {
  std::string text = std::strerror(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

class Filesystem final : public Collector {
 public:
  struct Options {
    DeviceFilter mount_points;
    DeviceFilter fs_types;
    std::chrono::nanoseconds mount_timeout;
    size_t workers;
  };

  Filesystem(const Machine& machine, Options options, FamilySet& out)
      : init_mounts_(machine.roots.procfs + "/1/mountinfo"),
        self_mounts_(machine.roots.procfs + "/self/mountinfo"),
        rootfs_(machine.roots.rootfs == "/" ? "" : machine.roots.rootfs),
        options_(std::move(options)),
        crew_({kPatience, std::min<std::chrono::nanoseconds>(kLongestWait, options_.mount_timeout),
               options_.workers}),
        size_(Get(out, "size_bytes", "Filesystem size in bytes.")),
        free_(Get(out, "free_bytes", "Filesystem free space in bytes.")),
        avail_(Get(out, "avail_bytes", "Filesystem space available to non-root users in bytes.")),
        files_(Get(out, "files", "Filesystem total file nodes.")),
        files_free_(Get(out, "files_free", "Filesystem total free file nodes.")),
        readonly_(Get(out, "readonly", "Filesystem read-only status.")),
        device_error_(
            Get(out, "device_error",
                "Whether an error occurred while getting statistics for the given device.")),
        mount_info_(out.Get("node_filesystem_mount_info", "Filesystem mount information.",
                            MetricType::kGauge, {"device", "major", "minor", "mountpoint"})),
        stuck_(out.Get("slurmscope_agent_collector_stuck", kStuckHelp, MetricType::kGauge,
                       {"collector", "path"})) {}

  Result<void> Update() override {
    TRY(ReadMounts());
    probes_.clear();
    for (const auto& state : mounts_) {
      if (!state->in_memory) probes_.push_back(state->probe);
    }
    if (!probes_.empty()) crew_.Run(probes_, kLongestWait * 3 / 2);
    for (const auto& state : mounts_) SetMount(*state);
    crew_.RunBehind();
    return {};
  }

 private:
  static Family& Get(FamilySet& out, std::string_view what, std::string_view help) {
    return out.Get(base::StrCat("node_filesystem_", what), help, MetricType::kGauge,
                   {"device", "device_error", "fstype", "mountpoint"});
  }

  Result<std::string_view> MountText() {
    // With hidepid or in a container without the host's PIDs, only our own list can be had.
    if (auto text = init_mounts_.Read()) return text;
    return self_mounts_.Read();
  }

  // Lines are compared with those of the last scrape; a line that stays the same is not parsed
  // again.
  Result<void> ReadMounts() {
    std::string_view text = TRY(MountText());
    if (text == last_text_) return {};
    last_text_ = text;
    std::vector<std::unique_ptr<MountState>> now;
    for (std::string_view line; NextLine(text, line);) {
      auto state = Remembered(line);
      if (!state) state = NewMount(line);
      if (state) now.push_back(std::move(state));
    }
    mounts_ = std::move(now);
    return {};
  }

  std::unique_ptr<MountState> Remembered(std::string_view line) {
    for (auto& state : mounts_) {
      if (state && state->line == line) return std::move(state);
    }
    return nullptr;
  }

  std::unique_ptr<MountState> NewMount(std::string_view line) {
    auto state = std::make_unique<MountState>();
    state->line = line;
    auto mount = ParseMountInfo(state->line);
    if (!mount) {
      base::LogDebug("malformed line of mountinfo", {{"line", base::Quote(line)}});
      return nullptr;
    }
    state->mount = *std::move(mount);
    const std::string_view point = state->mount.mount_point;
    const bool below = point.starts_with(rootfs_) &&
                       (point.size() == rootfs_.size() || point[rootfs_.size()] == '/');
    state->shown = below ? point.substr(rootfs_.size()) : point;
    if (state->shown.empty()) state->shown = "/";
    if (options_.mount_points.Ignored(state->shown) ||
        options_.fs_types.Ignored(state->mount.fs_type)) {
      return nullptr;
    }
    state->probe = std::make_shared<MountProbe>(rootfs_ + state->shown);
    state->in_memory = SizesAreInMemory(state->mount.fs_type);
    return state;
  }

  void SetMount(MountState& state) {
    if (state.in_memory) {
      NotePath(state.probe->path);
      state.probe->Run();
    }
    const bool answered = state.in_memory || state.probe->finished();
    if (answered) {
      state.answered = true;
      state.last = state.probe->sizes;
      state.last_error = state.probe->error;
    }
    const bool late =
        !answered && state.answered && state.probe->running_for() < options_.mount_timeout;
    const bool stuck = !answered && !late;
    ReportStuck(state, stuck);
    if (stuck) stuck_.Set({"filesystem", state.shown}, 1);
    if (stuck) return SetSizes(state, "mountpoint timeout", nullptr);
    if (state.last_error != 0) return SetSizes(state, ErrorText(state.last_error), nullptr);
    SetSizes(state, {}, &state.last);
  }

  static void ReportStuck(MountState& state, bool stuck) {
    if (stuck == state.reported_stuck) return;
    state.reported_stuck = stuck;
    base::LogWarn(stuck ? "mount does not answer" : "mount answers again",
                  {{"mountpoint", state.shown}});
  }

  void SetSizes(const MountState& state, std::string_view error, const struct statfs* sizes) {
    const Mount& mount = state.mount;
    const auto set = [&](Family& family, double value) {
      family.Set({mount.device, error, mount.fs_type, state.shown}, value);
    };
    set(device_error_, sizes == nullptr ? 1 : 0);
    set(readonly_, mount.read_only ? 1 : 0);
    if (sizes == nullptr) return;
    const auto block = static_cast<double>(sizes->f_bsize);
    set(size_, static_cast<double>(sizes->f_blocks) * block);
    set(free_, static_cast<double>(sizes->f_bfree) * block);
    set(avail_, static_cast<double>(sizes->f_bavail) * block);
    set(files_, static_cast<double>(sizes->f_files));
    set(files_free_, static_cast<double>(sizes->f_ffree));
    mount_info_.Set({mount.device, mount.major, mount.minor, state.shown}, 1);
  }

  ProcFile init_mounts_;
  ProcFile self_mounts_;
  const std::string rootfs_;
  const Options options_;
  std::string last_text_;
  std::vector<std::unique_ptr<MountState>> mounts_;
  std::vector<std::shared_ptr<Job>> probes_;
  Crew crew_;
  Family& size_;
  Family& free_;
  Family& avail_;
  Family& files_;
  Family& files_free_;
  Family& readonly_;
  Family& device_error_;
  Family& mount_info_;
  Family& stuck_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeFilesystem(const Machine& machine, const FlagValues& flags,
                                                  FamilySet& out) {
  const int64_t timeout = TRY(flags.DurationNs("collector.filesystem.mount-timeout"));
  const int64_t workers = TRY(flags.Int("collector.filesystem.stat-workers"));
  if (timeout <= 0 || workers < 1 || workers > 1024) {
    return Fail(ErrorCode::kInvalidArgument,
                "--collector.filesystem.mount-timeout and stat-workers must be above 0");
  }
  Filesystem::Options options{
      TRY(DeviceFilter::FromFlags(flags, "collector.filesystem.mount-points", {},
                                  "collector.filesystem.ignored-mount-points")),
      TRY(DeviceFilter::FromFlags(flags, "collector.filesystem.fs-types", {},
                                  "collector.filesystem.ignored-fs-types")),
      std::chrono::nanoseconds(timeout), static_cast<size_t>(std::max<int64_t>(workers, 256))};
  return std::make_unique<Filesystem>(machine, std::move(options), out);
}

}  // namespace slurmscope::agent
