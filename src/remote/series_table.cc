#include "remote/series_table.h"

#include <array>

#include "discovery/relabel.h"

namespace slurmscope::remote {

const model::Metadata* FamilyOf(const Families& families, std::string_view metric) {
  constexpr std::array<std::string_view, 6> kSuffixes = {"_bucket", "_count",   "_sum",
                                                         "_total",  "_created", "_info"};
  auto found = families.find(metric);
  for (std::string_view suffix : kSuffixes) {
    if (found != families.end()) break;
    if (metric.ends_with(suffix))
      found = families.find(metric.substr(0, metric.size() - suffix.size()));
  }
  return found == families.end() ? nullptr : &found->second;
}

std::shared_ptr<OutgoingSeries> SeriesTable::Make(const model::LogBatch::Series& series) const {
  auto made = std::make_shared<OutgoingSeries>();
  made->ref = series.ref;
  if (external_.empty() && rules_.empty()) {
    made->labels = EncodeLabels(series.labels);
    return made;
  }
  model::LabelsBuilder labels(series.labels);
  for (const auto& [name, value] : external_) {
    if (labels.Get(name).empty()) labels.Set(name, value);
  }
  if (!discovery::Relabel(rules_, &labels)) return nullptr;
  made->labels = EncodeLabels(labels.Build());
  return made->labels.empty() ? nullptr : made;
}

void SeriesTable::Take(const model::LogBatch& batch) {
  for (model::SeriesRef ref : batch.gone) series_.erase(ref);
  // A log tells its series again after a gap; what was known of their metrics stays.
  for (const model::LogBatch::Series& series : batch.series) {
    auto made = Make(series);
    std::shared_ptr<OutgoingSeries>& slot = series_[series.ref];
    if (made && slot) made->metadata = slot->metadata;
    slot = std::move(made);
  }
  for (const auto& [ref, metadata] : batch.metadata) {
    auto it = series_.find(ref);
    if (it != series_.end() && it->second) it->second->metadata = metadata;
  }
}

SeriesTable::Found SeriesTable::Find(model::SeriesRef ref,
                                     std::shared_ptr<const OutgoingSeries>* series) const {
  auto it = series_.find(ref);
  if (it == series_.end()) return Found::kUnknown;
  if (!it->second) return Found::kDropped;
  *series = it->second;
  return Found::kSend;
}

void SeriesTable::SetFamilies(const Families& families) {
  for (auto& [ref, series] : series_) {
    if (!series || series->metadata != model::Metadata{}) continue;
    const model::Metadata* known = FamilyOf(families, MetricNameOf(series->labels));
    if (known != nullptr) series->metadata = *known;
  }
}

}  // namespace slurmscope::remote
