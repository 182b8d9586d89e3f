#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
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

// Who told us about an XID. Most come from both.
enum class XidFrom { kDriver, kKernelLog };

// The XIDs of all GPUs since the agent started. What driver and kernel tell within ten seconds of
// one another is one event. Bounded: beyond 1024 kinds new ones are dropped. Thread-safe.
class XidLog {
 public:
  struct Event {
    XidFrom from = XidFrom::kDriver;
    PciKey pci = kNoPci;
    uint32_t instance = kNvmlNoInstance;  // the GPU instance, which the kernel does not tell
    uint64_t xid = 0;
    int64_t time_ms = 0;     // Unix time
    int64_t arrived_ms = 0;  // when we heard of it, by a clock that nobody sets
    bool counted = true;     // false: from before we started; it may be the last, nothing more
  };
  void Add(const Event& event);

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
  // Events of about the same time.
  struct Some {
    int64_t last_ms;
    uint64_t count;
  };
  // Of one instance, or of none.
  struct Part {
    uint32_t instance;
    uint64_t count = 0;
    int64_t last_ms = 0;
    uint64_t last_order = 0;
    std::deque<Some> times;
  };
  struct Record {
    std::vector<Part> parts;
    std::deque<Some> driver_only, kernel_only;  // by arrival; the other may tell them yet
  };
  using Key = std::pair<PciKey, uint64_t>;

  static Part* FindPart(Record& record, uint32_t instance);
  static Part& PartOf(Record& record, uint32_t instance);
  static void MoveOne(Record& record, uint32_t instance);
  static void Push(std::deque<Some>& times, int64_t ms);
  static bool TakeRecent(std::deque<Some>& times, int64_t since_ms);
  static bool Concerns(const Part& part, uint32_t instance);

  mutable std::mutex mutex_;
  std::map<Key, Record> records_;
  uint64_t order_ = 0;
};

}  // namespace slurmscope::agent::gpu
