#pragma once

#include <cstdint>
#include <vector>

namespace slurmscope::tsdb {

// Sets of series ids as ascending lists.
std::vector<uint32_t> Intersect(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b);
std::vector<uint32_t> Subtract(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b);
// Brings lists that were put behind each other into order, each id once.
void SortUnique(std::vector<uint32_t>& ids);

}  // namespace slurmscope::tsdb
