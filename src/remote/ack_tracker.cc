#include "remote/ack_tracker.h"

#include <utility>

namespace slurmscope::remote {

uint64_t AckTracker::Add(const model::LogPosition& end, uint64_t items) {
  // Nothing to wait for: the batch before reaches further.
  if (items == 0 && !batches_.empty()) {
    batches_.back().end = end;
    return first_ + batches_.size() - 1;
  }
  batches_.push_back({end, items});
  uint64_t number = first_ + batches_.size() - 1;
  Advance();
  return number;
}

void AckTracker::Done(uint64_t batch) {
  --batches_[batch - first_].left;
  Advance();
}

void AckTracker::Advance() {
  while (!batches_.empty() && batches_.front().left == 0) {
    acknowledged_ = batches_.front().end;
    batches_.pop_front();
    ++first_;
  }
}

std::optional<model::LogPosition> AckTracker::TakeAcknowledged() {
  return std::exchange(acknowledged_, std::nullopt);
}

}  // namespace slurmscope::remote
