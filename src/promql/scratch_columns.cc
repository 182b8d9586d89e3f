#include "promql/scratch_columns.h"

#include <utility>
#include <vector>

namespace slurmscope::promql {
namespace {

constexpr size_t kSpare = 2;              // of each thread
constexpr size_t kMostSamples = 1 << 16;  // 1 MiB

thread_local std::vector<model::Columns> spare;

}  // namespace

ScratchColumns::ScratchColumns() {
  if (spare.empty()) return;
  columns_ = std::move(spare.back());
  spare.pop_back();
}

ScratchColumns::~ScratchColumns() {
  columns_.Clear();
  if (spare.size() < kSpare && columns_.t.capacity() <= kMostSamples)
    spare.push_back(std::move(columns_));
}

}  // namespace slurmscope::promql
