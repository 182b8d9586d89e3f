#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"

namespace slurmscope::model {

using base::Result;

// What a query will do with the series it selects; storage may use it to read less, never to answer
// otherwise.
struct SelectHints {
  int64_t start = 0;         // of the samples that matter, inclusive, ms
  int64_t end = 0;           // inclusive, ms
  int64_t step = 0;          // ms; 0 for an instant query
  int64_t range = 0;         // ms of a range selector
  std::string func;          // surrounding function or aggregation
  bool series_only = false;  // labels are wanted, no samples will be decoded
};

// Series by what they share of their labels.
struct LabelGroups {
  std::vector<uint32_t> group_of;  // by series
  std::vector<Labels> groups;      // the labels shared, in order of first appearance
};

// Samples as they are stored: one chunk of Prometheus' encodings (1 XOR, 2 histograms, 3 float
// histograms), as remote read sends them.
struct RawChunk {
  int64_t mint = 0;
  int64_t maxt = 0;
  uint8_t encoding = 1;
  std::string bytes;
};

// The result of a selection: series by index, in no particular order unless asked for. Const
// methods are thread-safe, so series can be decoded in parallel. Keeps what it needs of the storage
// alive, but must not outlive the storage itself.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  virtual size_t size() const = 0;
  virtual Labels LabelsAt(size_t index) const = 0;
  // Replaces `out` with the samples of [mint, maxt]. Stale markers are included.
  virtual Result<void> Decode(size_t index, int64_t mint, int64_t maxt, Columns* out) const = 0;

  // The same with only the newest of these samples, if there is one. A storage that knows it
  // without decoding the others should say so.
  virtual Result<void> DecodeNewest(size_t index, int64_t mint, int64_t maxt, Columns* out) const;
  // Groups all series by the labels of these names or, `without`, by all their other labels. A
  // storage that keeps labels as numbers need not make them for each series.
  virtual LabelGroups GroupBy(const std::vector<std::string>& names, bool without) const;
  // The same samples as chunks by time that do not overlap. Most are copied as they are. A storage
  // without chunks is kUnavailable.
  virtual Result<void> Chunks(size_t /*index*/, int64_t /*mint*/, int64_t /*maxt*/,
                              std::vector<RawChunk>* /*out*/) const {
    return base::Fail(base::ErrorCode::kUnavailable, "this storage does not give chunks");
  }
};

// A read view of a storage. Thread-safe; sees at least all that was committed before it was made.
class Querier {
 public:
  virtual ~Querier() = default;

  // The series that satisfy all matchers and may have samples in [hints.start, hints.end]; sorted
  // by labels if asked.
  virtual Result<std::unique_ptr<SeriesSet>> Select(bool sorted, const SelectHints& hints,
                                                    const std::vector<Matcher>& matchers) = 0;
  // No fewer than the series that satisfy all matchers, told without looking at any of them;
  // kUnknown where that takes more than a look.
  static constexpr size_t kUnknown = std::numeric_limits<size_t>::max();
  virtual size_t AtMost(const std::vector<Matcher>& /*matchers*/) const { return kUnknown; }
  // Sorted values of a label, of all series or those that satisfy the matchers; `limit` 0 is no
  // limit.
  virtual Result<std::vector<std::string>> LabelValues(const std::string& name,
                                                       const std::vector<Matcher>& matchers,
                                                       size_t limit) = 0;
  virtual Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                                      size_t limit) = 0;
  // What the selections so far lack without having failed, for the user; each once.
  virtual std::vector<std::string> Warnings() const { return {}; }
};

// Something that can be queried. Thread-safe.
class Queryable {
 public:
  virtual ~Queryable() = default;
  // A view of the samples in [mint, maxt], ms inclusive.
  virtual Result<std::unique_ptr<Querier>> NewQuerier(int64_t mint, int64_t maxt) = 0;
};

}  // namespace slurmscope::model
