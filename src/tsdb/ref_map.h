#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace slurmscope::tsdb {

// Numbers (of series, of chunks) by the refs of the log: dense below a bound, as refs are handed
// out in order. Not thread-safe.
class RefMap {
 public:
  // `number` is not the largest there is.
  void Set(uint64_t ref, uint32_t number);
  void Erase(uint64_t ref);
  std::optional<uint32_t> Get(uint64_t ref) const {
    if (ref < dense_.size() && dense_[ref] != 0) return dense_[ref] - 1;
    return ref < kDense ? std::nullopt : GetSparse(ref);
  }

 private:
  std::optional<uint32_t> GetSparse(uint64_t ref) const;
  static constexpr uint64_t kDense = 1 << 24;
  std::vector<uint32_t> dense_;
  std::unordered_map<uint64_t, uint32_t> sparse_;
};

}  // namespace slurmscope::tsdb
