#include "exposition/series_text.h"

#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/text_writer.h"

namespace slurmscope::exposition {

std::string SeriesText(std::string_view name, std::string_view suffix,
                       const std::vector<std::pair<std::string_view, std::string_view>>& labels,
                       std::string_view extra) {
  std::string out = "{\"";
  AppendEscapedLabelValue(out, name);
  base::StrAppend(out, suffix, '"');
  for (const auto& [label, value] : labels) {
    out += ",\"";
    AppendEscapedLabelValue(out, label);
    out += "\"=\"";
    AppendEscapedLabelValue(out, value);
    out += '"';
  }
  if (!extra.empty()) base::StrAppend(out, ',', extra);
  return out + '}';
}

std::string SeriesText(const model::Labels& labels) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (model::Label label : labels) {
    if (label.name != model::kMetricName) pairs.emplace_back(label.name, label.value);
  }
  return SeriesText(labels.Get(model::kMetricName), "", pairs, {});
}

std::string FloatLabelText(double value) {
  std::string text = base::FormatFloat(value, base::FloatStyle::kExposition);
  if (text.find_first_of(".eNI") == std::string::npos) text += ".0";
  return text;
}

}  // namespace slurmscope::exposition
