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

void WritePoint(JsonWriter& json, int64_t t, double v) {
  std::string point;
  AppendPoint(point, t, v);
  json.Raw(point);
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
    WritePoint(json, scalar.t, scalar.v);
  }

  void operator()(const promql::StringResult& text) {
    json.Field("resultType", "string").Key("result");
    std::string point = "[";
    AppendTimestamp(point, text.t);
    point += ',';
    JsonWriter::AppendString(point, text.v);
    json.Raw(point + "]");
  }

  void operator()(const promql::VectorResult& vector) {
    json.Field("resultType", "vector").Key("result").BeginArray();
    size_t n = Bounded(vector.samples.size());
    for (size_t i = 0; i < n; ++i) {
      const promql::VectorSample& sample = vector.samples[i];
      json.BeginObject().Key("metric");
      WriteLabels(json, sample.labels);
      json.Key("value");
      WritePoint(json, vector.t, sample.v);
      json.EndObject();
    }
    json.EndArray();
  }

  void operator()(const promql::MatrixResult& matrix) {
    json.Field("resultType", "matrix").Key("result").BeginArray();
    std::string points;
    size_t n = Bounded(matrix.series.size());
    for (size_t i = 0; i < n; ++i) {
      const promql::MatrixSeries& series = matrix.series[i];
      json.BeginObject().Key("metric");
      WriteLabels(json, series.labels);
      points = "[";
      for (size_t p = 0; p < series.points.size(); ++p) {
        if (p > 0) points += ',';
        AppendPoint(points, series.points.t[p], series.points.v[p]);
      }
      points += ']';
      json.Key("values").Raw(points).EndObject();
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
  if (ms < 0) {
    out += '-';
    ms = -ms;
  }
  base::StrAppend(out, ms / 1000);
  int64_t fraction = ms % 1000;
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
