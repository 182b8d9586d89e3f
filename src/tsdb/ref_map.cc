#include "tsdb/ref_map.h"

#include <algorithm>

namespace slurmscope::tsdb {

void RefMap::Set(uint64_t ref, uint32_t number) {
  if (ref >= kDense) {
    sparse_[ref] = number + 1;
    return;
  }
  if (ref >= dense_.size()) dense_.resize(std::max<size_t>(ref + 1, dense_.size() * 2));
  dense_[ref] = number + 1;
}

void RefMap::Erase(uint64_t ref) {
  if (ref < dense_.size()) dense_[ref] = 0;
  sparse_.erase(ref);
}

std::optional<uint32_t> RefMap::GetSparse(uint64_t ref) const {
  auto it = sparse_.find(ref);
  if (it == sparse_.end()) return std::nullopt;
  return it->second - 1;
}

}  // namespace slurmscope::tsdb
