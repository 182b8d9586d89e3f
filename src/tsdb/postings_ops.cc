#include "tsdb/postings_ops.h"

#include <algorithm>
#include <iterator>

namespace slurmscope::tsdb {
namespace {

// A list this much longer than the other is searched, not walked.
constexpr size_t kSearchFactor = 32;

}  // namespace

std::vector<uint32_t> Intersect(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  const auto& small = a.size() <= b.size() ? a : b;
  const auto& large = a.size() <= b.size() ? b : a;
  std::vector<uint32_t> out;
  out.reserve(small.size());
  if (large.size() / kSearchFactor < small.size()) {
    std::set_intersection(small.begin(), small.end(), large.begin(), large.end(),
                          std::back_inserter(out));
    return out;
  }
  auto from = large.begin();
  for (uint32_t id : small) {
    from = std::lower_bound(from, large.end(), id);
    if (from == large.end()) break;
    if (*from == id) out.push_back(id);
  }
  return out;
}

std::vector<uint32_t> Subtract(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<uint32_t> out;
  out.reserve(a.size());
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

void SortUnique(std::vector<uint32_t>& ids) {
  if (!std::is_sorted(ids.begin(), ids.end())) std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace slurmscope::tsdb
