#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "model/exemplar.h"
#include "model/int_histogram.h"
#include "model/labels.h"
#include "model/metadata.h"

namespace slurmscope::model {

using base::Result;

// Names a series inside one storage until it restarts or drops the series; 0 is none.
using SeriesRef = uint64_t;

// Why a sample was not taken. Not an error of the program: scraping counts these and goes on.
enum class AppendStatus {
  kOk,
  kOutOfOrder,        // older than the series' newest sample
  kDuplicate,         // same time as the newest sample, other value
  kOutOfBounds,       // too old for the head
  kTooOld,            // out of order by more than the window for such samples
  kUnknownSeries,     // the reference is gone and no labels were given
  kInvalidLabels,     // no metric name or not UTF-8
  kInvalidHistogram,  // Validate() says why
};

// Why an exemplar was not taken. One that is there already is kOk.
enum class ExemplarStatus {
  kOk,
  kDisabled,       // the storage keeps none
  kOutOfOrder,     // older than the series' newest one
  kTooLong,        // its labels have over kMaxExemplarRunes characters
  kUnknownSeries,  // exemplars make no series
};
inline constexpr size_t kMaxExemplarRunes = 128;

struct AppendResult {
  AppendStatus status = AppendStatus::kOk;
  SeriesRef ref = 0;  // to be given the next time; set whenever the series exists
};

// One batch of samples into a storage: nothing is visible to queries or durable before Commit. Not
// thread-safe; many appenders may be open at once. Destroying one without Commit rolls it back.
class Appender {
 public:
  virtual ~Appender() = default;

  // With `ref` != 0 the series is found without looking at the labels; when the storage no longer
  // knows the ref it falls back to `labels`. `labels` may be empty then (kUnknownSeries if the ref
  // is gone).
  // A stale marker for a series whose newest sample is a histogram ends it as a histogram.
  virtual AppendResult Append(SeriesRef ref, const Labels& labels, int64_t t, double v) = 0;
  // The same for histograms; with a stale NaN as sum it is a stale marker. A storage that keeps
  // none refuses them all.
  virtual AppendResult AppendHistogram(SeriesRef, const Labels&, int64_t, const IntHistogram&) {
    return {AppendStatus::kInvalidHistogram, 0};
  }
  virtual AppendResult AppendFloatHistogram(SeriesRef, const Labels&, int64_t,
                                            const FloatHistogram&) {
    return {AppendStatus::kInvalidHistogram, 0};
  }
  // Whether a sample at `t` would be the newest one of its series; nothing is added. kOk for a
  // series that the storage does not know.
  virtual AppendStatus CheckInOrder(SeriesRef, const Labels&, int64_t /*t*/) {
    return AppendStatus::kOk;
  }
  // For a series that the storage knows, this batch included.
  virtual ExemplarStatus AppendExemplar(SeriesRef, const Labels&, const Exemplar&) {
    return ExemplarStatus::kDisabled;
  }
  // What is known of the series' metric; kUnknownSeries when the storage does not know it.
  virtual AppendStatus UpdateMetadata(SeriesRef, const Labels&, const Metadata&) {
    return AppendStatus::kOk;
  }

  // Writes the batch to the log, then makes it visible. An error means that some or all of it is
  // not taken.
  virtual Result<void> Commit() = 0;
  virtual void Rollback() = 0;
};

// Where samples go. Thread-safe.
class Appendable {
 public:
  virtual ~Appendable() = default;
  virtual std::unique_ptr<Appender> NewAppender() = 0;
};

}  // namespace slurmscope::model
