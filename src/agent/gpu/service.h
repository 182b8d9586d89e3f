#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "agent/gpu/counters.h"
#include "agent/gpu/nvml_reader.h"
#include "agent/gpu/snapshot.h"
#include "agent/gpu/xid.h"
#include "base/clock.h"

namespace slurmscope::agent::gpu {

struct GpuServiceOptions {
  NvmlReaderOptions reader;              // `wanted` is set by the counters
  std::string counters_file;             // "": DefaultCounters(); read again when it changes
  int64_t min_interval_ms = 1000;        // a younger snapshot is given again
  std::string kernel_log = "/dev/kmsg";  // "": not read
  std::string pause_file;                // while it is there, profiling pauses; see ParsePauseFile
};

// Reads the GPUs on a thread of its own, so that a driver that hangs holds up nobody: who asks gets
// the last snapshot, or none, in time. Thread-safe.
class GpuService {
 public:
  // Fails when the counters file cannot be read. `clock` outlives the process' threads.
  static Result<std::unique_ptr<GpuService>> Start(GpuServiceOptions options,
                                                   const base::Clock& clock);
  // Leaves a thread behind that hangs in the driver.
  ~GpuService();

  struct Answer {
    std::shared_ptr<const GpuSnapshot> snapshot;  // null: none young enough
    double stuck_seconds = 0;  // for how long the driver has been keeping us waiting, beyond `wait`
    double age_seconds = 0;
  };
  // Has the GPUs read, unless that was done just now, and waits for it at most `wait`. When it
  // takes longer, the last snapshot is given while it is younger than 30 s. A thread that has hung
  // for longer than that already is not waited for.
  Answer Get(std::chrono::nanoseconds wait);

  // The counters of now; another object after the file was read again.
  std::shared_ptr<const Counters> counters() const;
  const XidLog& xids() const;

  // No profiling for `duration` from now (or until Resume), at most four hours; with `release` the
  // driver is let go of for that time.
  Result<void> Pause(std::chrono::milliseconds duration, bool release);
  void Resume();

 private:
  struct Shared;
  explicit GpuService(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

struct PauseRequest {
  std::chrono::milliseconds duration{};
  bool release = false;
};
// The longest pause, and that of an empty pause file is ten minutes.
inline constexpr std::chrono::hours kLongestPause{4};
// The content of a pause file: a duration ("10m"), perhaps the word "release", both optional.
Result<PauseRequest> ParsePauseFile(std::string_view text);

}  // namespace slurmscope::agent::gpu
