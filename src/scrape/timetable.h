#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

namespace slurmscope::scrape {

class ScrapeTarget;

// The first time >= `now` whose remainder by `interval` is `offset` (ms; 0 <= offset < interval).
int64_t NextDue(int64_t now, int64_t interval, int64_t offset);

// When which target is due: a heap, no threads, no clock. Not thread-safe.
class Timetable {
 public:
  struct Slot {
    int64_t due_ms = 0;
    int64_t interval_ms = 0;
    int64_t offset_ms = 0;
    uint64_t generation = 0;  // the target's; a slot of an older one is void
    std::shared_ptr<ScrapeTarget> target;
  };

  // Enters the slot for its first due time from `now` on.
  void Add(Slot slot, int64_t now);
  // Takes out a slot that is due at `now`. To have it again, Add it with a `now` after its due
  // time: times that were missed are not made up for.
  std::optional<Slot> TakeDue(int64_t now);
  std::optional<int64_t> next_due() const;
  size_t size() const { return slots_.size(); }

 private:
  struct Later {
    bool operator()(const Slot& a, const Slot& b) const { return a.due_ms > b.due_ms; }
  };
  void EnterAgainAfterClockWentBack(int64_t now);

  std::priority_queue<Slot, std::vector<Slot>, Later> slots_;
};

}  // namespace slurmscope::scrape
