#include "scrape/line_index.h"

#include <bit>

namespace slurmscope::scrape {

void LineIndex::Build(const std::vector<CachedLine>& lines) {
  slots_.assign(std::bit_ceil(lines.size() * 2 + 2), 0);
  size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < lines.size(); ++i) {
    size_t slot = lines[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

std::optional<size_t> LineIndex::Find(const std::vector<CachedLine>& lines, uint64_t hash,
                                      size_t length) const {
  size_t mask = slots_.size() - 1;
  for (size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const CachedLine& line = lines[slots_[slot] - 1];
    if (line.hash == hash && line.length == length) return slots_[slot] - 1;
  }
  return std::nullopt;
}

}  // namespace slurmscope::scrape
