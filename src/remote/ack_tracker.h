#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "model/sample_log.h"

namespace slurmscope::remote {

// Which part of a log is done: everything before the oldest batch of which something is still on
// its way. Holds one entry for each such batch and those behind it. Not thread-safe.
class AckTracker {
 public:
  // A batch that ends at `end`, with so many items to come; its number.
  uint64_t Add(const model::LogPosition& end, uint64_t items);
  // One item of a batch was taken, or given up.
  void Done(uint64_t batch);
  // Batches that are not done, or behind one that is not.
  size_t size() const { return batches_.size(); }
  // The newest position that everything before is done of, when it moved since the last call.
  std::optional<model::LogPosition> TakeAcknowledged();

 private:
  struct Batch {
    model::LogPosition end;
    uint64_t left = 0;
  };
  void Advance();

  std::deque<Batch> batches_;
  uint64_t first_ = 0;  // number of the front
  std::optional<model::LogPosition> acknowledged_;
};

}  // namespace slurmscope::remote
