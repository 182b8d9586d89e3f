#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"
#include "model/int_histogram.h"
#include "model/metadata.h"
#include "model/sample.h"

// The protobuf messages of remote write, prometheus.WriteRequest (1.0) and
// io.prometheus.write.v2.Request (2.0): https://prometheus.io/docs/specs/prw/.
namespace slurmscope::remote {

using base::Result;

// Name and value as sent, in the order sent.
using LabelViews = std::vector<std::pair<std::string_view, std::string_view>>;

struct WriteSample : model::Sample {
  int64_t start = 0;  // ms, when the counter began; 0: not known
};

struct WriteHistogram {
  int64_t t = 0;  // ms
  std::variant<model::IntHistogram, model::FloatHistogram> histogram;
  int64_t start = 0;  // as of a sample
};

struct WriteExemplar {
  LabelViews labels;
  double value = 0;
  int64_t t = 0;  // ms; 0 is none
};

// One series of a request. Views are into the message.
struct WriteSeries {
  LabelViews labels;
  std::vector<WriteSample> samples;
  std::vector<WriteHistogram> histograms;
  std::vector<WriteExemplar> exemplars;
  std::optional<model::Metadata> metadata;  // 2.0 only
  int64_t created = 0;                      // ms, of those that do not say it themselves
};

inline constexpr size_t kMaxWriteLabels = 10'000;    // of a series
inline constexpr size_t kMaxWriteItems = 1'000'000;  // of a series; symbols of a request

// Gives the series of a message one after the other; `take` may change what it is given. The error
// (kInvalidArgument) says what is malformed: series before it were given already.
using TakeSeries = std::function<void(WriteSeries&)>;
Result<void> DecodeWriteV1(std::string_view message, const TakeSeries& take);
Result<void> DecodeWriteV2(std::string_view message, const TakeSeries& take);

}  // namespace slurmscope::remote
