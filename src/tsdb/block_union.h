#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/querier.h"
#include "tsdb/block.h"

namespace slurmscope::tsdb {

// One series of one of several blocks.
struct SeriesPlace {
  uint32_t block = 0;  // which of them
  uint32_t id = 0;
};

// The series of several blocks, those with the same labels as one.
struct SeriesUnion {
  std::vector<SeriesPlace> places;     // of one series after the other, by ascending block
  std::vector<uint32_t> starts = {0};  // where the places of each series begin, and the end

  size_t size() const { return starts.size() - 1; }
};

// `ids` has a list of each block, in the order of the labels; so is the result. kCorruption, noted
// in the block that has it.
base::Result<SeriesUnion> UniteSeries(const std::vector<BlockPtr>& blocks,
                                      const std::vector<std::vector<uint32_t>>& ids);

// Groups series by labels (model::SeriesSet::GroupBy) without making those of each. Not
// thread-safe.
class SeriesGrouper {
 public:
  SeriesGrouper(size_t blocks, const std::vector<std::string>& names, bool without)
      : names_(names), without_(without), known_(blocks) {}

  // `block` is the number of `index`.
  void Add(const IndexReader& index, uint32_t block, uint32_t id);
  model::LabelGroups Take() { return std::move(result_); }

 private:
  struct OfBlock {
    std::unordered_map<uint64_t, bool> chosen;         // by the symbol of a label's name
    std::unordered_map<std::string, uint32_t> groups;  // by the symbols of the labels chosen
  };
  uint32_t GroupOf(model::Labels labels);

  const std::vector<std::string>& names_;
  const bool without_;
  std::vector<OfBlock> known_;
  std::unordered_map<model::Labels, uint32_t> groups_;
  std::string key_;
  model::LabelGroups result_;
};

}  // namespace slurmscope::tsdb
