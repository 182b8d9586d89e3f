#pragma once

#include <compare>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/appender.h"
#include "model/exemplar.h"
#include "model/int_histogram.h"
#include "model/labels.h"
#include "model/metadata.h"

namespace slurmscope::model {

// A place in the log of a storage, between two records. Ordered as the log is.
struct LogPosition {
  uint64_t segment = 0;
  uint64_t offset = 0;
  auto operator<=>(const LogPosition&) const = default;
};

struct LogHistogram {
  SeriesRef ref = 0;
  int64_t t = 0;
  std::variant<IntHistogram, FloatHistogram> h;
};

// Some of what a storage took in, in the order of the log: a series comes before or with its first
// sample. References are those of the log, and mean the same series until they are `gone`.
struct LogBatch {
  struct Series {
    SeriesRef ref = 0;
    Labels labels;
  };
  struct Sample {
    SeriesRef ref = 0;
    int64_t t = 0;
    double v = 0;
  };

  std::vector<Series> series;
  std::vector<Sample> samples;
  std::vector<LogHistogram> histograms;
  std::vector<std::pair<SeriesRef, Exemplar>> exemplars;
  std::vector<std::pair<SeriesRef, Metadata>> metadata;
  std::vector<SeriesRef> gone;  // no later batch names them
  // Segments, or rests of segments, before this batch that were deleted or unreadable: their
  // samples are missed.
  uint64_t lost_segments = 0;
  LogPosition end;  // where to go on behind this batch

  void Clear() { *this = {}; }
};

// Follows what a storage takes in. Not thread-safe; the storage must outlive it.
class SampleLog {
 public:
  virtual ~SampleLog() = default;

  // The next batch into `batch`; false when there is nothing new yet. Errors are those of the
  // operating system: try again later.
  virtual Result<bool> Next(LogBatch* batch) = 0;
  // How much of the log is not read yet, about.
  virtual uint64_t BytesBehind() const = 0;
  // Where the log ended when it was opened: what is before may have been read by another process.
  virtual LogPosition opened_at() const = 0;
};

}  // namespace slurmscope::model
