#include "scrape/series_labels.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/float_text.h"
#include "base/strings.h"
#include "discovery/relabel.h"
#include "model/bound_text.h"

namespace slurmscope::scrape {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using model::Label;
using model::Labels;
using model::LabelsBuilder;

void MergeHonoring(const Labels& target, LabelsBuilder* series) {
  for (Label label : target) {
    if (series->Get(label.name).empty()) series->Set(label.name, label.value);
  }
}

void MergeRenaming(const Labels& target, LabelsBuilder* series) {
  std::vector<std::pair<std::string, std::string>> conflicts;
  for (Label label : target) {
    std::string_view scraped = series->Get(label.name);
    if (!scraped.empty()) conflicts.emplace_back(label.name, scraped);
    series->Set(label.name, label.value);
  }
  // Short names first: "x" takes exported_x before an "exported_x" of the target moves further.
  std::stable_sort(conflicts.begin(), conflicts.end(),
                   [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  for (const auto& [name, value] : conflicts) {
    std::string renamed = "exported_" + name;
    while (!series->Get(renamed).empty()) renamed.insert(0, "exported_");
    series->Set(renamed, value);
  }
}

Result<void> FailLimit(std::string_view limit, const Labels& labels, size_t is, uint64_t allowed) {
  return Fail(ErrorCode::kResourceExhausted,
              StrCat(limit, " exceeded (metric: ",
                     base::Quote(labels.Get(model::kMetricName).substr(0, 50)), ", found: ", is,
                     ", limit: ", allowed, ")"));
}

Result<void> CheckLegacyNames(const Labels& labels) {
  bool valid = model::IsLegacyMetricName(labels.Get(model::kMetricName));
  for (Label label : labels) valid = valid && model::IsLegacyLabelName(label.name);
  if (valid) return {};
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("invalid metric name or label names: ", labels.ToString()));
}

Result<void> CheckLimits(const config::ScrapeConfig& config, const Labels& labels) {
  if (config.label_limit > 0 && labels.size() > config.label_limit) {
    return FailLimit("label_limit", labels, labels.size(), config.label_limit);
  }
  if (config.label_name_length_limit == 0 && config.label_value_length_limit == 0) return {};
  for (Label label : labels) {
    if (config.label_name_length_limit > 0 && label.name.size() > config.label_name_length_limit) {
      return FailLimit("label_name_length_limit", labels, label.name.size(),
                       config.label_name_length_limit);
    }
    if (config.label_value_length_limit > 0 &&
        label.value.size() > config.label_value_length_limit) {
      return FailLimit("label_value_length_limit", labels, label.value.size(),
                       config.label_value_length_limit);
    }
  }
  return {};
}

}  // namespace

Result<std::optional<Labels>> SeriesLabels(const config::ScrapeConfig& config, const Labels& target,
                                           const Labels& scraped) {
  LabelsBuilder builder(scraped);
  config.honor_labels ? MergeHonoring(target, &builder) : MergeRenaming(target, &builder);
  if (!discovery::Relabel(config.metric_relabel_configs, &builder)) return std::optional<Labels>();
  Labels labels = builder.Build();
  if (!labels.Has(model::kMetricName)) {
    return Fail(ErrorCode::kInvalidArgument, "a series has no metric name after relabelling");
  }
  if (!config.negotiation.utf8_names) TRY(CheckLegacyNames(labels));
  TRY(CheckLimits(config, labels));
  return labels;
}

Labels ReportLabels(std::string_view metric, const Labels& target) {
  return LabelsBuilder(target).Set(model::kMetricName, metric).Build();
}

Labels WithFloatLabel(const Labels& labels, std::string_view name) {
  std::string_view text = labels.Get(name);
  std::optional<double> value = base::ParseFloat(text);
  if (!value) return labels;
  std::string spelled = model::BoundText(*value);
  if (spelled == text) return labels;
  return LabelsBuilder(labels).Set(name, spelled).Build();
}

}  // namespace slurmscope::scrape
