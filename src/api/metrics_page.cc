#include "api/metrics_page.h"

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::api {

void MetricsPage::Write(std::string_view name, std::string_view help, model::MetricType type,
                        double value) {
  text_.Family(name, help, type);
  text_.Sample(name, value);
}

void MetricsPage::Summary(std::string_view name, std::string_view label,
                          std::string_view label_value, const std::vector<double>& ranks,
                          const base::DurationSummary::Values& values) {
  for (size_t i = 0; i < ranks.size(); ++i) {
    text_.Sample(name,
                 {{label, label_value},
                  {"quantile", base::FormatFloat(ranks[i], base::FloatStyle::kExposition)}},
                 values.quantiles[i]);
  }
  text_.Sample(base::StrCat(name, "_sum"), {{label, label_value}}, values.sum);
  text_.Sample(base::StrCat(name, "_count"), {{label, label_value}},
               static_cast<double>(values.count));
}

}  // namespace slurmscope::api
