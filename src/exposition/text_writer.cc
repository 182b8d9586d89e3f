#include "exposition/text_writer.h"

#include "base/float_text.h"

namespace slurmscope::exposition {
namespace {

// Escapes backslash, newline and `quote`.
void AppendEscaped(std::string& out, std::string_view text, char quote) {
  // Nearly all values need no escape: copy runs, not characters. By hand: find_first_of asks memchr
  // about each character.
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '\n' && c != '\\' && c != quote) continue;
    out += text.substr(begin, at - begin);
    out += '\\';
    out += c == '\n' ? 'n' : c;
    begin = at + 1;
  }
  out += text.substr(begin);
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
  AppendEscaped(out, value, '"');
}

void AppendEscapedHelp(std::string& out, std::string_view help) { AppendEscaped(out, help, '\\'); }

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
