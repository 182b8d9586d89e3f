#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scrape/target_cache.h"

namespace slurmscope::scrape {

// Finds a line of a body by its hash; built only for a body that differs from the last one. Of
// equal lines the first one is found. Not thread-safe.
class LineIndex {
 public:
  bool built() const { return !slots_.empty(); }
  void Build(const std::vector<CachedLine>& lines);
  std::optional<size_t> Find(const std::vector<CachedLine>& lines, uint64_t hash,
                             size_t length) const;

 private:
  std::vector<uint32_t> slots_;  // line number + 1; 0: free
};

}  // namespace slurmscope::scrape
