#include "exposition/text_writer.h"

#include "base/float_text.h"

namespace slurmscope::exposition {
namespace {

void AppendEscaped(std::string& out, std::string_view text, std::string_view special) {
  // Nearly all values need no escape: copy runs, not characters.
  for (size_t at; (at = text.find_first_of(special)) != std::string_view::npos;) {
    out += text.substr(0, at);
    out += '\\';
    out += text[at] == '\n' ? 'n' : text[at];
    text.remove_prefix(at + 1);
  }
  out += text;
}

std::string_view TypeWord(model::MetricType type) {
  switch (type) {
    case model::MetricType::kCounter:
      return "counter";
    case model::MetricType::kGauge:
    case model::MetricType::kInfo:  // 0.0.4 has no word for it; clients write the closest
    case model::MetricType::kStateset:
      return "gauge";
    case model::MetricType::kHistogram:
    case model::MetricType::kGaugeHistogram:
      return "histogram";
    case model::MetricType::kSummary:
      return "summary";
    case model::MetricType::kUnknown:
      break;
  }
  return "untyped";
}

}  // namespace

void AppendEscapedLabelValue(std::string& out, std::string_view value) {
  AppendEscaped(out, value, "\\\"\n");
}

void AppendEscapedHelp(std::string& out, std::string_view help) {
  AppendEscaped(out, help, "\\\n");
}

void TextWriter::Family(std::string_view name, std::string_view help, model::MetricType type) {
  out_ += "# HELP ";
  out_ += name;
  out_ += ' ';
  AppendEscapedHelp(out_, help);
  out_ += "\n# TYPE ";
  out_ += name;
  out_ += ' ';
  out_ += TypeWord(type);
  out_ += '\n';
}

void TextWriter::Sample(std::string_view name,
                        std::initializer_list<std::pair<std::string_view, std::string_view>> labels,
                        double value) {
  WriteSample(name, labels.begin(), labels.size(), value);
}

void TextWriter::SampleOf(std::string_view name,
                          const std::vector<std::pair<std::string_view, std::string_view>>& labels,
                          double value) {
  WriteSample(name, labels.data(), labels.size(), value);
}

void TextWriter::WriteSample(std::string_view name,
                             const std::pair<std::string_view, std::string_view>* labels,
                             size_t count, double value) {
  out_ += name;
  for (size_t i = 0; i < count; ++i) {
    out_ += i == 0 ? '{' : ',';
    out_ += labels[i].first;
    out_ += "=\"";
    AppendEscapedLabelValue(out_, labels[i].second);
    out_ += '"';
  }
  if (count > 0) out_ += '}';
  out_ += ' ';
  base::AppendFloat(out_, value, base::FloatStyle::kExposition);
  out_ += '\n';
}

}  // namespace slurmscope::exposition
