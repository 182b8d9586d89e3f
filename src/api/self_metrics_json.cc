#include "api/self_metrics_json.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/text_reader.h"

namespace slurmscope::api {
namespace {

using base::JsonWriter;
using base::Result;
using model::MetricType;

struct Bound {
  double at = 0;  // of a bucket or a quantile
  double value = 0;
};
// The samples of one label set of a family.
struct Metric {
  model::Labels labels;  // without le and quantile
  double value = 0;
  double count = 0;
  double sum = 0;
  std::vector<Bound> bounds = {};
};
struct Family {
  std::string name;
  std::string help;
  MetricType type = MetricType::kUnknown;
  std::vector<Metric> metrics = {};
};

std::string_view TypeWord(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "COUNTER";
    case MetricType::kGauge:
      return "GAUGE";
    case MetricType::kHistogram:
      return "HISTOGRAM";
    case MetricType::kSummary:
      return "SUMMARY";
    default:
      return "UNTYPED";
  }
}

// The metric of these labels; they come one after the other in a page.
Metric& MetricOf(Family& family, const model::Labels& labels) {
  model::LabelsBuilder own(labels);
  own.Drop({std::string(model::kMetricName), "le", "quantile"});
  model::Labels key = own.Build();
  if (family.metrics.empty() || family.metrics.back().labels != key)
    family.metrics.push_back({.labels = std::move(key)});
  return family.metrics.back();
}

void TakeSample(Family& family, const model::Labels& labels, double value) {
  std::string_view suffix = labels.Get(model::kMetricName);
  suffix.remove_prefix(std::min(family.name.size(), suffix.size()));
  Metric& metric = MetricOf(family, labels);
  const bool parts = family.type == MetricType::kHistogram || family.type == MetricType::kSummary;
  if (!parts) {
    metric.value = value;
  } else if (suffix == "_sum") {
    metric.sum = value;
  } else if (suffix == "_count") {
    metric.count = value;
  } else {
    const std::string_view bound = labels.Get(suffix == "_bucket" ? "le" : "quantile");
    metric.bounds.push_back({base::ParseFloat(bound).value_or(0), value});
  }
}

Result<std::vector<Family>> ReadPage(std::string_view page) {
  std::vector<Family> families;
  exposition::TextReader reader(page);
  while (true) {
    exposition::Entry entry = TRY(reader.Next());
    using Kind = exposition::Entry::Kind;
    if (entry.kind == Kind::kEnd) return families;
    if (entry.kind == Kind::kHelp) {
      families.push_back(
          {.name = std::string(entry.metric), .help = exposition::UnescapeHelp(entry.text)});
    }
    if (families.empty()) continue;
    if (entry.kind == Kind::kType) families.back().type = entry.type;
    if (entry.kind != Kind::kSample) continue;
    TakeSample(families.back(), TRY(exposition::ParseSeries(entry.series, entry.column)),
               entry.value);
  }
}

void WriteNumber(JsonWriter& json, std::string_view key, double value) {
  json.Key(key);
  if (std::isnan(value)) {
    json.String("NaN");
  } else if (std::isinf(value)) {
    json.String(value > 0 ? "Infinity" : "-Infinity");
  } else {
    json.Double(value);
  }
}

void WriteCount(JsonWriter& json, std::string_view key, double value) {
  json.Field(key, base::FormatFloat(value, base::FloatStyle::kFixed));
}

void WriteParts(JsonWriter& json, const Metric& metric, bool histogram) {
  WriteCount(json, "sampleCount", metric.count);
  WriteNumber(json, "sampleSum", metric.sum);
  if (metric.bounds.empty()) return;
  json.Key(histogram ? "bucket" : "quantile").BeginArray();
  for (const Bound& bound : metric.bounds) {
    json.BeginObject();
    if (histogram) {
      WriteCount(json, "cumulativeCount", bound.value);
      WriteNumber(json, "upperBound", bound.at);
    } else {
      WriteNumber(json, "quantile", bound.at);
      WriteNumber(json, "value", bound.value);
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteMetric(JsonWriter& json, const Metric& metric, MetricType type) {
  json.BeginObject();
  if (!metric.labels.empty()) {
    json.Key("label").BeginArray();
    for (model::Label label : metric.labels)
      json.BeginObject().Field("name", label.name).Field("value", label.value).EndObject();
    json.EndArray();
  }
  std::string key(TypeWord(type));
  std::transform(key.begin(), key.end(), key.begin(),
                 [](char c) { return static_cast<char>(c + 32); });
  json.Key(key).BeginObject();
  if (type == MetricType::kHistogram || type == MetricType::kSummary) {
    WriteParts(json, metric, type == MetricType::kHistogram);
  } else {
    WriteNumber(json, "value", metric.value);
  }
  json.EndObject().EndObject();
}

}  // namespace

Result<void> WriteFamiliesJson(std::string_view page, const model::Regex& names, JsonWriter& json) {
  const std::vector<Family> families = TRY(ReadPage(page));
  json.BeginArray();
  for (const Family& family : families) {
    if (!names.Matches(family.name)) continue;
    json.BeginObject().Field("name", family.name).Field("help", family.help);
    json.Field("type", TypeWord(family.type)).Key("metric").BeginArray();
    for (const Metric& metric : family.metrics) WriteMetric(json, metric, family.type);
    json.EndArray().EndObject();
  }
  json.EndArray();
  return {};
}

http::Response Api::StatusSelfMetrics(const http::Request& request) const {
  const std::string_view pattern = request.Param("metric_name_pattern");
  auto names = model::Regex::Compile(pattern.empty() ? ".*" : std::string(pattern));
  if (!names) return BadParameter("metric_name_pattern", names.error().message());
  Result<void> written;
  http::Response response = SuccessResponse([&](base::JsonWriter& json) {
    written = WriteFamiliesJson(deps_.self_metrics(), *names, json);
  });
  if (!written) return ErrorResponse(ErrorType::kInternal, written.error().message());
  return response;
}

}  // namespace slurmscope::api
