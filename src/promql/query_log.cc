#include "promql/query_log.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/json_writer.h"

namespace slurmscope::promql {
namespace {

using base::JsonWriter;

void WriteOrigin(JsonWriter& json, const QueryOrigin& origin) {
  if (!origin.path.empty()) {
    json.Key("httpRequest")
        .BeginObject()
        .Field("clientIP", origin.client_ip)
        .Field("method", origin.method)
        .Field("path", origin.path)
        .EndObject();
  }
  if (!origin.rule_group.empty()) {
    json.Key("ruleGroup")
        .BeginObject()
        .Field("file", origin.rule_file)
        .Field("name", origin.rule_group)
        .EndObject();
  }
}

void WriteLogStats(JsonWriter& json, const QueryStats& stats) {
  const QueryTimings& timings = stats.timings;
  json.Key("stats").BeginObject().Key("timings").BeginObject();
  json.Field("evalTotalTime", timings.eval_total)
      .Field("resultSortTime", timings.result_sort)
      .Field("queryPreparationTime", timings.preparation)
      .Field("innerEvalTime", timings.inner_eval)
      .Field("execQueueTime", timings.queue)
      .Field("execTotalTime", timings.total)
      .EndObject();
  json.Key("samples")
      .BeginObject()
      .Field("totalQueryableSamples",
             stats.total_samples > 0 ? stats.total_samples : stats.samples_read)
      .Field("peakSamples", stats.peak_samples)
      .EndObject()
      .EndObject();
}

// Always with milliseconds, as the parameters of a logged query have them.
std::string LogTime(int64_t ms) {
  std::string text = base::FormatRfc3339Ms(ms);
  size_t point = text.find('.');
  if (point == std::string::npos) {
    text.insert(text.size() - 1, ".000");
  } else {
    text.insert(text.size() - 1, 3 - (text.size() - 2 - point), '0');
  }
  return text;
}

std::string Line(const QueryLogEntry& entry) {
  std::string line;
  JsonWriter json(line);
  json.BeginObject()
      .Field("time", base::FormatRfc3339Ms(base::SystemClock().NowMs()))
      .Field("level", "INFO")
      .Field("msg", "promql query logged");
  json.Key("params")
      .BeginObject()
      .Field("end", LogTime(entry.end_ms))
      .Field("query", entry.query)
      .Field("start", LogTime(entry.start_ms))
      .Field("step", entry.step_ms / 1000)
      .EndObject();
  if (!entry.error.empty()) json.Field("error", entry.error);
  WriteLogStats(json, entry.stats);
  if (entry.origin != nullptr) WriteOrigin(json, *entry.origin);
  json.EndObject();
  line += '\n';
  return line;
}

}  // namespace

void QueryLog::Write(const QueryLogEntry& entry) {
  if (enabled()) log_.Write(Line(entry));
}

}  // namespace slurmscope::promql
