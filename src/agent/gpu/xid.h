#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "agent/gpu/nvml.h"
#include "agent/gpu/snapshot.h"

namespace slurmscope::agent::gpu {

// How bad an XID is: "critical" (hardware: take the GPU out), "reset" (the GPU has to be reset or
// the node rebooted), "application" (usually the user's program), "warning" (all others).
std::string_view XidSeverity(uint64_t xid);
// A few words about an XID; "Unknown Error" for one that is not in NVIDIA's catalogue.
std::string_view XidText(uint64_t xid);

// An XID in a line of the kernel's log: "NVRM: Xid (PCI:0000:1a:00): 79, pid=1, ...".
struct KernelXid {
  PciKey pci = kNoPci;
  uint64_t xid = 0;
};
std::optional<KernelXid> ParseKernelXid(std::string_view line);

// Who told us about an XID. Most come from both: an event counts once, the larger count is true.
enum class XidFrom { kDriver, kKernelLog };

// The XIDs of all GPUs since the agent started. Bounded: beyond 1024 kinds new ones are dropped.
// Thread-safe.
class XidLog {
 public:
  // `instance`: the GPU instance, kNvmlNoInstance for none. `counted` false: it happened before we
  // started, so it is the last one but counts for nothing.
  void Add(XidFrom from, PciKey pci, uint32_t instance, uint64_t xid, int64_t time_ms,
           bool counted);

  struct Entry {
    uint64_t xid;
    double count;
    int64_t last_ms;
    size_t in_window;
  };
  // Of one GPU, by XID; `window_ms` before `now_ms`. With an instance: those of that instance and
  // those of no instance.
  void Collect(PciKey pci, uint32_t instance, int64_t now_ms, int64_t window_ms,
               std::vector<Entry>& out) const;
  // The XID that came last.
  std::optional<Entry> Last(PciKey pci, uint32_t instance) const;

 private:
  struct Record {
    uint64_t from_driver = 0;
    uint64_t from_kernel = 0;
    int64_t last_ms = 0;
    uint64_t last_order = 0;
    std::deque<int64_t> times;  // of the last 1024
  };
  using Key = std::tuple<PciKey, uint32_t, uint64_t>;

  mutable std::mutex mutex_;
  std::map<Key, Record> records_;
  uint64_t order_ = 0;
};

}  // namespace slurmscope::agent::gpu
