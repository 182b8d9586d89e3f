#pragma once

#include "model/sample.h"

namespace slurmscope::promql {

// Columns to read one series after the other into, with the memory that this thread used for such
// before. Empty at first.
class ScratchColumns {
 public:
  ScratchColumns();
  ~ScratchColumns();
  ScratchColumns(const ScratchColumns&) = delete;
  ScratchColumns& operator=(const ScratchColumns&) = delete;

  model::Columns& operator*() { return columns_; }

 private:
  model::Columns columns_;
};

}  // namespace slurmscope::promql
