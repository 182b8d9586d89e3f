#include "scrape/timetable.h"

#include <utility>

namespace slurmscope::scrape {

int64_t NextDue(int64_t now, int64_t interval, int64_t offset) {
  int64_t phase = (now - offset) % interval;
  if (phase < 0) phase += interval;
  return phase == 0 ? now : now + interval - phase;
}

void Timetable::Add(Slot slot, int64_t now) {
  slot.due_ms = NextDue(now, slot.interval_ms, slot.offset_ms);
  slots_.push(std::move(slot));
}

std::optional<Timetable::Slot> Timetable::TakeDue(int64_t now) {
  if (slots_.empty()) return std::nullopt;
  // No slot is further away than its interval, unless the wall clock was set back.
  if (slots_.top().due_ms > now + slots_.top().interval_ms) EnterAgainAfterClockWentBack(now);
  if (slots_.top().due_ms > now) return std::nullopt;
  Slot slot = slots_.top();
  slots_.pop();
  return slot;
}

std::optional<int64_t> Timetable::next_due() const {
  if (slots_.empty()) return std::nullopt;
  return slots_.top().due_ms;
}

void Timetable::EnterAgainAfterClockWentBack(int64_t now) {
  auto old = std::exchange(slots_, {});
  for (; !old.empty(); old.pop()) Add(old.top(), now);
}

}  // namespace slurmscope::scrape
