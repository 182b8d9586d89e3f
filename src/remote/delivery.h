#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "remote/write_encoder.h"

namespace slurmscope::remote {

// The items of one request on their way: all together at first, and in parts when the receiver does
// not take them together. A receiver that refuses a request for one sample that it has seen before
// may have left out all the others. Not thread-safe.
class Delivery {
 public:
  explicit Delivery(std::vector<OutgoingItem> items);

  bool done() const { return parts_.empty(); }
  // What is to be sent next. Only while it is not done.
  const OutgoingItem* part() const { return &items_[parts_.front().first]; }
  size_t part_size() const { return parts_.front().second - parts_.front().first; }
  // It was taken or given up.
  void Next() { parts_.pop_front(); }
  // Makes parts of it; false when it is a single item. At first each part has at most one item of a
  // series, so that what is older than something that was seen is not mixed with what is newer.
  bool Split();
  // Leaves out what is older, where nothing was split yet; calls `dropped` with each.
  template <typename Dropped>
  void DropOlderThan(int64_t t, const Dropped& dropped) {
    if (by_rounds_ || done()) return;
    std::vector<OutgoingItem> kept;
    for (OutgoingItem& item : items_) {
      if (item.t < t) {
        dropped(item);
      } else {
        kept.push_back(std::move(item));
      }
    }
    items_ = std::move(kept);
    parts_.clear();
    if (!items_.empty()) parts_.emplace_back(0, items_.size());
  }
  const std::vector<OutgoingItem>& items() const { return items_; }

  // When it fails for now:
  int64_t backoff_ms = 0;   // the pause before the next attempt but one; 0: none failed yet
  int64_t retry_at_ns = 0;  // not before
  bool in_air = false;      // a request is under way
  // Of that request:
  WriteVersion version = WriteVersion::kV1;
  uint64_t body_bytes = 0;

 private:
  bool SplitByRounds();

  std::vector<OutgoingItem> items_;
  std::deque<std::pair<size_t, size_t>> parts_;  // from, to
  bool by_rounds_ = false;
};

}  // namespace slurmscope::remote
