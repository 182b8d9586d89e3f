#include "api/metrics_page.h"

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::api {

void MetricsPage::Write(std::string_view name, std::string_view help, model::MetricType type,
                        double value) {
  text_.Family(name, help, type);
  text_.Sample(name, value);
}

void MetricsPage::Summary(std::string_view name, Labels labels, const std::vector<double>& ranks,
                          const base::DurationSummary::Values& values) {
  text_.SampleOf(base::StrCat(name, "_sum"), labels, values.sum);
  text_.SampleOf(base::StrCat(name, "_count"), labels, static_cast<double>(values.count));
  labels.emplace_back("quantile", "");
  for (size_t i = 0; i < ranks.size(); ++i) {
    const std::string rank = base::FormatFloat(ranks[i], base::FloatStyle::kExposition);
    labels.back().second = rank;
    text_.SampleOf(name, labels, values.quantiles[i]);
  }
}

}  // namespace slurmscope::api
