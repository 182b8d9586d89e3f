#include "api/result_json.h"

#include "api/response.h"
#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::api {
namespace {

using base::JsonWriter;

// [1435781430.781,"1"]
void AppendPoint(std::string& out, int64_t t, double v) {
  out += '[';
  AppendTimestamp(out, t);
  out += ",\"";
  base::AppendFloat(out, v, base::FloatStyle::kApi);
  out += "\"]";
}

// Scalars and strings pass through other code in Prometheus: seconds as a float, no exponents.
std::string ScalarPoint(int64_t t, std::string_view value_json) {
  std::string out = "[";
  base::AppendFloat(out, static_cast<double>(t) / 1000, base::FloatStyle::kApi);
  base::StrAppend(out, ',', value_json, ']');
  return out;
}

void AppendQuoted(std::string& out, double v) {
  out += '"';
  base::AppendFloat(out, v, base::FloatStyle::kApi);
  out += '"';
}

// Which ends of a bucket belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
int BoundaryRule(const model::BucketRange& range) {
  if (range.lower_inclusive) return range.upper_inclusive ? 3 : 1;
  return range.upper_inclusive ? 0 : 2;
}

// [1435781430.781,{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"]]}]
void AppendPoint(std::string& out, int64_t t, const model::FloatHistogram& h) {
  out += '[';
  AppendTimestamp(out, t);
  out += ",{\"count\":";
  AppendQuoted(out, h.count);
  out += ",\"sum\":";
  AppendQuoted(out, h.sum);
  std::string_view separator = ",\"buckets\":[";
  auto ranges = h.Ranges();
  for (const model::BucketRange& range : ranges) {
    base::StrAppend(out, separator, '[', BoundaryRule(range), ',');
    AppendQuoted(out, range.lower);
    out += ',';
    AppendQuoted(out, range.upper);
    out += ',';
    AppendQuoted(out, range.count);
    out += ']';
    separator = ",";
  }
  out += ranges.empty() ? "}]" : "]}]";
}

void AppendLabels(std::string& out, const model::Labels& labels) {
  JsonWriter json(out);
  WriteLabels(json, labels);
}

// The result of a value that is no list.
void AppendSingle(std::string& out, const promql::ScalarResult& scalar) {
  const std::string value = base::FormatFloat(scalar.v, base::FloatStyle::kFixed);
  out += ScalarPoint(scalar.t, base::StrCat('"', value, '"'));
}

void AppendSingle(std::string& out, const promql::StringResult& text) {
  std::string value;
  JsonWriter::AppendString(value, text.v);
  out += ScalarPoint(text.t, value);
}

void WriteTimings(JsonWriter& json, const promql::QueryTimings& timings) {
  json.Key("timings")
      .BeginObject()
      .Field("evalTotalTime", timings.eval_total)
      .Field("resultSortTime", timings.result_sort)
      .Field("queryPreparationTime", timings.preparation)
      .Field("innerEvalTime", timings.inner_eval)
      .Field("execQueueTime", timings.queue)
      .Field("execTotalTime", timings.total)
      .EndObject();
}

}  // namespace

void AppendTimestamp(std::string& out, int64_t ms) {
  auto magnitude = static_cast<uint64_t>(ms);
  if (ms < 0) {
    out += '-';
    magnitude = 0 - magnitude;
  }
  base::StrAppend(out, magnitude / 1000);
  const uint64_t fraction = magnitude % 1000;
  if (fraction == 0) return;
  out += '.';
  if (fraction < 100) out += '0';
  if (fraction < 10) out += '0';
  base::StrAppend(out, fraction);
}

void WriteStats(JsonWriter& json, const promql::QueryStats& stats) {
  json.BeginObject();
  WriteTimings(json, stats.timings);
  json.Key("samples").BeginObject();
  if (!stats.per_step.empty()) {
    json.Key("totalQueryableSamplesPerStep").BeginArray();
    for (const auto& [t, samples] : stats.per_step) {
      std::string step = "[";
      AppendTimestamp(step, t);
      base::StrAppend(step, ",", samples, "]");
      json.Raw(step);
    }
    json.EndArray();
  }
  json.Field("totalQueryableSamples", stats.total_samples)
      .Field("peakSamples", stats.peak_samples)
      .EndObject()
      .EndObject();
}

AnswerWriter::AnswerWriter(promql::QueryResult result, AnswerOptions options)
    : result_(std::move(result)),
      options_(options),
      vector_(std::get_if<promql::VectorResult>(&result_.value)),
      matrix_(std::get_if<promql::MatrixResult>(&result_.value)) {
  if (vector_ != nullptr) series_count_ = vector_->samples.size();
  if (matrix_ != nullptr) series_count_ = matrix_->series.size();
  if (options_.limit == 0 || series_count_ <= options_.limit) return;
  series_count_ = options_.limit;
  result_.warnings.emplace_back("results truncated due to limit");
}

bool AnswerWriter::Next(std::string& out, size_t bytes) {
  while (place_ != Place::kDone && text_.size() < bytes) Step(bytes);
  out += text_;
  text_.clear();
  return place_ != Place::kDone;
}

void AnswerWriter::Step(size_t bytes) {
  switch (place_) {
    case Place::kStart:
      return Begin();
    case Place::kSeries:
      return BeginSeries();
    case Place::kFloats:
      return WriteFloats(bytes);
    case Place::kHistograms:
      return WriteHistograms(bytes);
    case Place::kEnd:
      return WriteEnd();
    case Place::kDone:
      return;
  }
}

void AnswerWriter::Begin() {
  text_ += R"({"status":"success","data":{"resultType":")";
  if (vector_ != nullptr || matrix_ != nullptr) {
    base::StrAppend(text_, vector_ != nullptr ? "vector" : "matrix", R"(","result":[)");
    place_ = Place::kSeries;
    return;
  }
  const auto* scalar = std::get_if<promql::ScalarResult>(&result_.value);
  base::StrAppend(text_, scalar != nullptr ? "scalar" : "string", R"(","result":)");
  if (scalar != nullptr) {
    AppendSingle(text_, *scalar);
  } else {
    AppendSingle(text_, std::get<promql::StringResult>(result_.value));
  }
  place_ = Place::kEnd;
}

void AnswerWriter::BeginSeries() {
  if (series_ == series_count_) {
    text_ += ']';
    place_ = Place::kEnd;
    return;
  }
  if (series_ > 0) text_ += ',';
  text_ += R"({"metric":)";
  if (vector_ != nullptr) return WriteVectorSample(vector_->samples[series_]);
  AppendLabels(text_, matrix_->series[series_].labels);
  point_ = 0;
  list_open_ = false;
  place_ = Place::kFloats;
}

void AnswerWriter::WriteVectorSample(promql::VectorSample& sample) {
  AppendLabels(text_, sample.labels);
  if (sample.histogram != nullptr) {
    text_ += R"(,"histogram":)";
    AppendPoint(text_, vector_->t, *sample.histogram);
  } else {
    text_ += R"(,"value":)";
    AppendPoint(text_, vector_->t, sample.v);
  }
  text_ += '}';
  sample = {};
  ++series_;
}

void AnswerWriter::WriteFloats(size_t bytes) {
  const model::Columns& points = matrix_->series[series_].points;
  for (; point_ < points.size() && text_.size() < bytes; ++point_) {
    if (points.Histogram(point_) != nullptr) continue;
    text_ += list_open_ ? "," : R"(,"values":[)";
    list_open_ = true;
    AppendPoint(text_, points.t[point_], points.v[point_]);
  }
  if (point_ < points.size()) return;
  if (list_open_) text_ += ']';
  list_open_ = false;
  point_ = 0;
  place_ = Place::kHistograms;
  if (!points.has_histograms()) EndSeries();
}

void AnswerWriter::WriteHistograms(size_t bytes) {
  const model::Columns& points = matrix_->series[series_].points;
  for (; point_ < points.size() && text_.size() < bytes; ++point_) {
    const model::FloatHistogram* histogram = points.Histogram(point_);
    if (histogram == nullptr) continue;
    text_ += list_open_ ? "," : R"(,"histograms":[)";
    list_open_ = true;
    AppendPoint(text_, points.t[point_], *histogram);
  }
  if (point_ < points.size()) return;
  if (list_open_) text_ += ']';
  EndSeries();
}

void AnswerWriter::EndSeries() {
  text_ += '}';
  matrix_->series[series_] = {};
  ++series_;
  place_ = Place::kSeries;
}

void AnswerWriter::WriteEnd() {
  JsonWriter stats(text_);
  if (options_.with_stats) {
    text_ += R"(,"stats":)";
    WriteStats(stats, result_.stats);
  }
  text_ += '}';
  AppendAnnotations(text_, "warnings", result_.warnings);
  AppendAnnotations(text_, "infos", result_.infos);
  text_ += '}';
  place_ = Place::kDone;
}

}  // namespace slurmscope::api
