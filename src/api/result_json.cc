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

void WritePoint(JsonWriter& json, int64_t t, double v) {
  std::string point;
  AppendPoint(point, t, v);
  json.Raw(point);
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

// The points of a series as two lists: floats and histograms, each left out when empty.
void WritePoints(JsonWriter& json, const model::Columns& points) {
  std::string floats;
  std::string histograms;
  for (size_t i = 0; i < points.size(); ++i) {
    const model::FloatHistogram* h = points.Histogram(i);
    std::string& list = h != nullptr ? histograms : floats;
    list += list.empty() ? '[' : ',';
    if (h != nullptr) {
      AppendPoint(list, points.t[i], *h);
    } else {
      AppendPoint(list, points.t[i], points.v[i]);
    }
  }
  if (!floats.empty()) json.Key("values").Raw(floats += ']');
  if (!histograms.empty()) json.Key("histograms").Raw(histograms += ']');
}

struct ResultWriter {
  JsonWriter& json;
  size_t limit;
  bool truncated = false;

  size_t Bounded(size_t n) {
    if (limit == 0 || n <= limit) return n;
    truncated = true;
    return limit;
  }

  void operator()(const promql::ScalarResult& scalar) {
    json.Field("resultType", "scalar").Key("result");
    const std::string value = base::FormatFloat(scalar.v, base::FloatStyle::kFixed);
    json.Raw(ScalarPoint(scalar.t, base::StrCat('"', value, '"')));
  }

  void operator()(const promql::StringResult& text) {
    json.Field("resultType", "string").Key("result");
    std::string value;
    JsonWriter::AppendString(value, text.v);
    json.Raw(ScalarPoint(text.t, value));
  }

  void operator()(const promql::VectorResult& vector) {
    json.Field("resultType", "vector").Key("result").BeginArray();
    size_t n = Bounded(vector.samples.size());
    for (size_t i = 0; i < n; ++i) {
      const promql::VectorSample& sample = vector.samples[i];
      json.BeginObject().Key("metric");
      WriteLabels(json, sample.labels);
      if (sample.histogram != nullptr) {
        std::string point;
        AppendPoint(point, vector.t, *sample.histogram);
        json.Key("histogram").Raw(point);
      } else {
        json.Key("value");
        WritePoint(json, vector.t, sample.v);
      }
      json.EndObject();
    }
    json.EndArray();
  }

  void operator()(const promql::MatrixResult& matrix) {
    json.Field("resultType", "matrix").Key("result").BeginArray();
    size_t n = Bounded(matrix.series.size());
    for (size_t i = 0; i < n; ++i) {
      const promql::MatrixSeries& series = matrix.series[i];
      json.BeginObject().Key("metric");
      WriteLabels(json, series.labels);
      WritePoints(json, series.points);
      json.EndObject();
    }
    json.EndArray();
  }
};

void WriteStats(JsonWriter& json, const promql::QueryStats& stats) {
  json.Key("stats").BeginObject();
  json.Key("timings").BeginObject().Field("evalTotalTime", stats.eval_seconds).EndObject();
  json.Key("samples").BeginObject();
  json.Field("totalQueryableSamples", stats.samples_queried)
      .Field("peakSamples", stats.peak_samples);
  json.EndObject().EndObject();
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

bool WriteQueryResult(JsonWriter& json, const promql::QueryResult& result, bool with_stats,
                      size_t limit) {
  json.BeginObject();
  ResultWriter writer{json, limit};
  std::visit(writer, result.value);
  if (with_stats) WriteStats(json, result.stats);
  json.EndObject();
  return writer.truncated;
}

}  // namespace slurmscope::api
