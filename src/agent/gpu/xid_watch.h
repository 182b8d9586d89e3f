#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/gpu/nvml.h"
#include "agent/gpu/xid.h"
#include "base/clock.h"

namespace slurmscope::agent::gpu {

// Waits for XID events of the driver on a thread of its own, which sleeps inside the driver for two
// seconds at a time. Not thread-safe.
class DriverEvents {
 public:
  explicit DriverEvents(std::shared_ptr<XidLog> log) : log_(std::move(log)) {}
  ~DriverEvents();

  void Start(std::shared_ptr<Nvml> nvml, const std::vector<std::pair<NvmlDevice, PciKey>>& devices);
  // Before the library is shut down; waits at most `patience`. False when the thread is still in
  // the driver: it is left there with its hold on the library, which must not be shut down then.
  bool Stop(std::chrono::milliseconds patience);
  // Asks the thread to end, which takes as long as it sleeps in the driver. True when it has.
  bool AskToStop();

 private:
  struct Shared;
  std::shared_ptr<XidLog> log_;
  std::shared_ptr<Shared> shared_;
};

// Reads XIDs from the kernel's log on a thread of its own that sleeps until there are new lines.
// Lines from before its start do not count, but are the last XID. Without the right to read the log
// it says so once and does nothing.
class KernelLogWatch {
 public:
  // `path`: "/dev/kmsg"; `clock` outlives it.
  KernelLogWatch(const std::string& path, std::shared_ptr<XidLog> log, const base::Clock& clock);
  ~KernelLogWatch();
  KernelLogWatch(const KernelLogWatch&) = delete;
  KernelLogWatch& operator=(const KernelLogWatch&) = delete;

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

// A record of /dev/kmsg, "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT": the microseconds since boot.
// https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
std::optional<int64_t> KernelRecordTimeUs(std::string_view record);

}  // namespace slurmscope::agent::gpu
