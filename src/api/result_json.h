#pragma once

#include <cstdint>
#include <string>

#include "base/json_writer.h"
#include "promql/engine.h"

namespace slurmscope::api {

// Seconds with three decimals, or none when they are zero: 1435781430.781, 1435781430.
void AppendTimestamp(std::string& out, int64_t ms);

// {"timings":{...},"samples":{...}}, as an answer's `stats` and the query log have them.
void WriteStats(base::JsonWriter& json, const promql::QueryStats& stats);

struct AnswerOptions {
  bool with_stats = false;
  size_t limit = 0;  // most series; 0: all. A cut adds a warning.
};

// Writes the answer of a query as JSON, straight from its columns and in pieces, so that the text
// is never there as a whole; series are freed as they are written. Not thread-safe.
class AnswerWriter {
 public:
  AnswerWriter(promql::QueryResult result, AnswerOptions options);

  // Appends at least `bytes` more of the answer, and one series' labels or one point beyond; false
  // once all of it is there.
  bool Next(std::string& out, size_t bytes);

 private:
  enum class Place { kStart, kSeries, kFloats, kHistograms, kEnd, kDone };

  void Begin();
  void Step(size_t bytes);
  void BeginSeries();
  void WriteFloats(size_t bytes);
  void WriteHistograms(size_t bytes);
  void EndSeries();
  void WriteVectorSample(promql::VectorSample& sample);
  void WriteEnd();

  promql::QueryResult result_;
  AnswerOptions options_;
  promql::VectorResult* vector_ = nullptr;  // of result_, or null
  promql::MatrixResult* matrix_ = nullptr;
  size_t series_count_ = 0;  // to be written
  Place place_ = Place::kStart;
  size_t series_ = 0;
  size_t point_ = 0;
  bool list_open_ = false;
  std::string text_;  // what is not handed out yet
};

}  // namespace slurmscope::api
