#include "query_print.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace slurmscope::app {
namespace {

using base::StrAppend;
using base::StrCat;

constexpr std::string_view kName = "__name__";

std::string Float(double v) { return base::FormatFloat(v, base::FloatStyle::kFixed); }

std::string Seconds(int64_t ms) { return Float(static_cast<double>(ms) / 1000); }

// As Go writes JSON, which is safe inside HTML.
std::string JsonText(std::string_view text) {
  std::string plain;
  base::JsonWriter::AppendString(plain, text);
  std::string out;
  for (size_t i = 0; i < plain.size(); ++i) {
    char c = plain[i];
    std::string_view rest = std::string_view(plain).substr(i, 3);
    if (c == '<' || c == '>' || c == '&') {
      out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else if (rest == "\xE2\x80\xA8" || rest == "\xE2\x80\xA9") {
      out += rest.back() == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string JsonLabels(const AnswerLabels& labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    StrAppend(out, out.size() > 1 ? "," : "", JsonText(name), ":", JsonText(value));
  }
  return out + "}";
}

std::string JsonHistogram(const AnswerHistogram& histogram) {
  std::string out = StrCat(R"({"count":")", Float(histogram.count), R"(","sum":")",
                           Float(histogram.sum), R"(","buckets":)");
  std::string_view separator = "[";
  for (const AnswerBucket& bucket : histogram.buckets) {
    StrAppend(out, separator, "[", bucket.boundaries, ",\"", Float(bucket.lower), "\",\"",
              Float(bucket.upper), "\",\"", Float(bucket.count), "\"]");
    separator = ",";
  }
  out += histogram.buckets.empty() ? "null}" : "]}";
  return out;
}

std::string JsonPoint(const AnswerPoint& point) {
  return StrCat(
      "[", Seconds(point.t), ",",
      point.histogram ? JsonHistogram(*point.histogram) : StrCat('"', Float(point.v), '"'), "]");
}

// In the order of promtool: by the number of labels, then by the first that differs.
bool Before(const AnswerLabels& a, const AnswerLabels& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  for (size_t i = 0; i < a.size(); ++i) {
    // The set that lacks the name which comes first is the smaller one.
    if (a[i].first != b[i].first) return a[i].first > b[i].first;
    if (a[i].second != b[i].second) return a[i].second < b[i].second;
  }
  return false;
}

// Values and histograms of a series of a matrix.
std::string JsonLists(const AnswerSeries& series) {
  std::string values;
  std::string histograms;
  for (const AnswerPoint& point : series.points) {
    std::string& list = point.histogram ? histograms : values;
    StrAppend(list, list.empty() ? "" : ",", JsonPoint(point));
  }
  std::string out;
  if (!values.empty() || histograms.empty()) StrAppend(out, ",\"values\":[", values, "]");
  if (!histograms.empty()) StrAppend(out, ",\"histograms\":[", histograms, "]");
  return out;
}

std::string PrintJson(const QueryAnswer& answer) {
  if (answer.type == QueryAnswer::Type::kScalar)
    return JsonPoint(answer.series[0].points[0]) + "\n";
  if (answer.type == QueryAnswer::Type::kString) {
    return StrCat("[", Seconds(answer.series[0].points[0].t), ",", JsonText(answer.text), "]\n");
  }
  std::string out = "[";
  for (const AnswerSeries& series : answer.series) {
    StrAppend(out, out.size() > 1 ? "," : "", "{\"metric\":", JsonLabels(series.labels));
    if (answer.type == QueryAnswer::Type::kMatrix) {
      out += JsonLists(series);
    } else if (!series.points.empty()) {
      const AnswerPoint& point = series.points[0];
      StrAppend(out, point.histogram ? ",\"histogram\":" : ",\"value\":", JsonPoint(point));
    }
    out += '}';
  }
  return out + "]\n";
}

std::string SixDecimals(double v) {
  if (!std::isfinite(v)) return Float(v);
  std::array<char, 400> text{};
  int size = std::snprintf(text.data(), text.size(), "%f", v);
  return {text.data(), static_cast<size_t>(size)};
}

std::string HistogramText(const AnswerHistogram& histogram) {
  std::string out = StrCat("Count: ", SixDecimals(histogram.count),
                           ", Sum: ", SixDecimals(histogram.sum), ", Buckets: [");
  std::string_view separator;
  for (const AnswerBucket& bucket : histogram.buckets) {
    bool lower = bucket.boundaries == 1 || bucket.boundaries == 3;
    bool upper = bucket.boundaries == 0 || bucket.boundaries == 3;
    StrAppend(out, separator, lower ? "[" : "(",
              base::FormatFloat(bucket.lower, base::FloatStyle::kExposition), ",",
              base::FormatFloat(bucket.upper, base::FloatStyle::kExposition), upper ? "]" : ")",
              ":", Float(bucket.count));
    separator = " ";
  }
  return out + "]";
}

std::string PointText(const AnswerPoint& point) {
  return StrCat(point.histogram ? HistogramText(*point.histogram) : Float(point.v), " @[",
                Seconds(point.t), "]");
}

std::string PrintPromql(const QueryAnswer& answer) {
  if (answer.type == QueryAnswer::Type::kString) return answer.text + "\n";
  if (answer.type == QueryAnswer::Type::kScalar) {
    return StrCat("scalar: ", PointText(answer.series[0].points[0]), "\n");
  }
  std::vector<const AnswerSeries*> order;
  for (const AnswerSeries& series : answer.series) order.push_back(&series);
  bool matrix = answer.type == QueryAnswer::Type::kMatrix;
  if (matrix) {
    std::sort(order.begin(), order.end(), [](const AnswerSeries* a, const AnswerSeries* b) {
      return Before(a->labels, b->labels);
    });
  }
  std::string out;
  for (const AnswerSeries* series : order) {
    StrAppend(out, MetricText(series->labels), " =>", matrix ? "\n" : " ");
    std::string_view separator;
    for (const AnswerPoint& point : series->points) {
      StrAppend(out, separator, PointText(point));
      separator = "\n";
    }
    out += '\n';
  }
  return out.empty() ? "\n" : out;
}

std::vector<std::string> LabelNames(const QueryAnswer& answer) {
  std::set<std::string> names;
  for (const AnswerSeries& series : answer.series) {
    for (const auto& label : series.labels) names.insert(label.first);
  }
  std::vector<std::string> out(names.begin(), names.end());
  // The metric first.
  std::stable_partition(out.begin(), out.end(), [](const auto& name) { return name == kName; });
  return out;
}

std::string ValueOf(const AnswerLabels& labels, std::string_view name) {
  auto found = std::find_if(labels.begin(), labels.end(),
                            [name](const auto& label) { return label.first == name; });
  return found == labels.end() ? std::string() : found->second;
}

std::string CellOf(const AnswerPoint& point) {
  return point.histogram ? HistogramText(*point.histogram) : Float(point.v);
}

// RFC 4180.
std::string CsvCell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string CsvLine(const std::vector<std::string>& cells) {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) StrAppend(out, i > 0 ? "," : "", CsvCell(cells[i]));
  return out + "\n";
}

std::string PrintCsv(const QueryAnswer& answer) {
  std::vector<std::string> names = LabelNames(answer);
  std::vector<std::string> head = names;
  head.insert(head.end(), {"time", "value"});
  std::string out = CsvLine(head);
  for (const AnswerSeries& series : answer.series) {
    std::vector<std::string> labels;
    for (const std::string& name : names) labels.push_back(ValueOf(series.labels, name));
    for (const AnswerPoint& point : series.points) {
      std::vector<std::string> line = labels;
      bool text = answer.type == QueryAnswer::Type::kString;
      line.insert(line.end(), {Seconds(point.t), text ? answer.text : CellOf(point)});
      out += CsvLine(line);
    }
  }
  return out;
}

// Characters, not bytes.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

// Columns as wide as they must be; the last `right` ones are numbers and end together.
std::string AlignTable(const std::vector<std::vector<std::string>>& rows, size_t right) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      std::string pad(widths[i] - Width(row[i]), ' ');
      bool number = i + right >= row.size();
      StrAppend(line, i > 0 ? "  " : "", number ? pad : "", row[i], number ? "" : pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string Escaped(std::string_view text) {
  std::string quoted = base::Quote(text);
  return quoted.size() == text.size() + 2 ? std::string(text) : quoted;
}

struct Summary {
  size_t points = 0;
  double min = NAN;
  double max = NAN;
  double last = NAN;
};

Summary Summarize(const AnswerSeries& series) {
  Summary summary;
  for (const AnswerPoint& point : series.points) {
    ++summary.points;
    if (point.histogram) continue;
    summary.min = std::fmin(summary.min, point.v);
    summary.max = std::fmax(summary.max, point.v);
    summary.last = point.v;
  }
  return summary;
}

std::string PrintTable(const QueryAnswer& answer) {
  if (answer.type == QueryAnswer::Type::kString) return answer.text + "\n";
  if (answer.series.empty()) return "no series\n";
  bool matrix = answer.type == QueryAnswer::Type::kMatrix;
  std::vector<std::string> names = LabelNames(answer);
  std::vector<std::vector<std::string>> rows(1);
  for (const std::string& name : names) rows[0].push_back(name == kName ? "metric" : Escaped(name));
  std::vector<std::string> columns{"value"};
  if (matrix) columns = {"points", "min", "max", "last"};
  rows[0].insert(rows[0].end(), columns.begin(), columns.end());
  for (const AnswerSeries& series : answer.series) {
    std::vector<std::string> row;
    for (const std::string& name : names) row.push_back(Escaped(ValueOf(series.labels, name)));
    Summary summary = Summarize(series);
    if (matrix) {
      row.insert(row.end(), {std::to_string(summary.points), Float(summary.min), Float(summary.max),
                             Float(summary.last)});
    } else {
      row.push_back(series.points.empty() ? "" : CellOf(series.points[0]));
    }
    rows.push_back(std::move(row));
  }
  return AlignTable(rows, columns.size());
}

// Whether the terminal takes more than ASCII.
bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string_view text = value;
    return text.find("UTF-8") != std::string_view::npos ||
           text.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string LabelSetText(const AnswerLabels& labels) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : labels) parts.push_back(StrCat(name, "=", base::Quote(value)));
  std::sort(parts.begin(), parts.end());
  return StrCat("{", base::Join(parts, ", "), "}");
}

}  // namespace

std::string MetricText(const AnswerLabels& labels) {
  AnswerLabels others = labels;
  std::erase_if(others, [](const auto& label) { return label.first == kName; });
  std::string name = ValueOf(labels, kName);
  if (others.empty()) return others.size() == labels.size() ? "{}" : name;
  return name + LabelSetText(others);
}

std::string PrintAnswer(const QueryAnswer& answer, QueryFormat format) {
  switch (format) {
    case QueryFormat::kPromql:
      return PrintPromql(answer);
    case QueryFormat::kJson:
      return PrintJson(answer);
    case QueryFormat::kCsv:
      return PrintCsv(answer);
    case QueryFormat::kGraph:
      if (answer.type == QueryAnswer::Type::kMatrix) return PrintGraph(answer, LocaleIsUtf8());
      break;
    case QueryFormat::kTable:
      break;
  }
  return PrintTable(answer);
}

std::string PrintSeriesList(const std::vector<AnswerLabels>& series, QueryFormat format) {
  std::string out;
  if (format == QueryFormat::kJson) {
    for (const AnswerLabels& labels : series) {
      StrAppend(out, out.empty() ? "[" : ",", JsonLabels(labels));
    }
    return series.empty() ? "[]\n" : out + "]\n";
  }
  if (format == QueryFormat::kCsv) {
    QueryAnswer answer;
    for (const AnswerLabels& labels : series) answer.series.push_back({labels, {}});
    std::vector<std::string> names = LabelNames(answer);
    out = CsvLine(names);
    for (const AnswerLabels& labels : series) {
      std::vector<std::string> line;
      for (const std::string& name : names) line.push_back(ValueOf(labels, name));
      out += CsvLine(line);
    }
    return out;
  }
  for (const AnswerLabels& labels : series) out += LabelSetText(labels) + "\n";
  return out;
}

std::string PrintValues(const std::vector<std::string>& values, QueryFormat format) {
  std::string out;
  for (const std::string& value : values) {
    if (format == QueryFormat::kJson) {
      StrAppend(out, out.empty() ? "[" : ",", JsonText(value));
    } else {
      StrAppend(out, format == QueryFormat::kCsv ? CsvCell(value) : value, "\n");
    }
  }
  if (format != QueryFormat::kJson) return out;
  return values.empty() ? "[]\n" : out + "]\n";
}

}  // namespace slurmscope::app
