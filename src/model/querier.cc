#include "model/querier.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace slurmscope::model {
namespace {

Labels Project(const Labels& labels, const std::vector<std::string>& names, bool without) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (Label label : labels) {
    bool named = std::find(names.begin(), names.end(), label.name) != names.end();
    if (named != without) pairs.emplace_back(label.name, label.value);
  }
  return Labels::FromPairs(std::move(pairs));
}

}  // namespace

Result<void> SeriesSet::DecodeNewest(size_t index, int64_t mint, int64_t maxt, Columns* out) const {
  TRY(Decode(index, mint, maxt, out));
  if (out->size() > 1) out->KeepNewest();
  return {};
}

LabelGroups SeriesSet::GroupBy(const std::vector<std::string>& names, bool without) const {
  LabelGroups result;
  std::unordered_map<Labels, uint32_t> known;
  result.group_of.reserve(size());
  for (size_t i = 0; i < size(); ++i) {
    Labels labels = Project(LabelsAt(i), names, without);
    auto [found, added] =
        known.try_emplace(std::move(labels), static_cast<uint32_t>(result.groups.size()));
    if (added) result.groups.push_back(found->first);
    result.group_of.push_back(found->second);
  }
  return result;
}

}  // namespace slurmscope::model
