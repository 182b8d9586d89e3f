#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::app {

// By name, each once.
using AnswerLabels = std::vector<std::pair<std::string, std::string>>;

struct AnswerBucket {
  int boundaries = 0;  // 0 the upper, 1 the lower, 2 none, 3 both belong to it
  double lower = 0;
  double upper = 0;
  double count = 0;
};
struct AnswerHistogram {
  double count = 0;
  double sum = 0;
  std::vector<AnswerBucket> buckets;
};
struct AnswerPoint {
  int64_t t = 0;  // ms
  double v = 0;
  std::optional<AnswerHistogram> histogram = {};  // then `v` means nothing
};
struct AnswerSeries {
  AnswerLabels labels;
  std::vector<AnswerPoint> points;  // floats, then histograms, as they come
};

// What a server with Prometheus' API answers to /query and /query_range.
struct QueryAnswer {
  enum class Type { kScalar, kString, kVector, kMatrix };
  Type type = Type::kVector;
  std::vector<AnswerSeries>
      series;        // one point each but for a matrix; of a scalar one without labels
  std::string text;  // of a string
  std::vector<std::string> warnings;
};

// Reads `body`. An answer that tells of an error is kInvalidArgument with "errorType: error", one
// that cannot be understood is kCorruption.
base::Result<QueryAnswer> ParseQueryAnswer(const std::string& body);

struct ListAnswer {
  std::vector<AnswerLabels> series;  // of /series
  std::vector<std::string> values;   // of /label/NAME/values
  std::vector<std::string> warnings;
};
base::Result<ListAnswer> ParseSeriesAnswer(const std::string& body);
base::Result<ListAnswer> ParseValuesAnswer(const std::string& body);

}  // namespace slurmscope::app
