#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/sample_log.h"
#include "tsdb/wal_reader.h"

namespace slurmscope::tsdb {

// Follows a write-ahead log while it is written, and while its older segments are replaced by
// checkpoints. Remembers one number for each series that is in the log. Not thread-safe.
class WalTail final : public model::SampleLog {
 public:
  // Up to where whole batches are in the log; thread-safe.
  using End = std::function<model::LogPosition()>;

  // Samples come from `from` on, or those written from now on; the series of what is before come
  // first. A position that the log does not have any more is moved to the oldest segment.
  WalTail(std::string directory, End end, std::optional<model::LogPosition> from);

  base::Result<bool> Next(model::LogBatch* batch) override;
  uint64_t BytesBehind() const override;
  model::LogPosition opened_at() const override { return opened_at_; }

 private:
  // A file that is read for its series only, up to `limit`.
  struct Part {
    std::string path;
    uint64_t segment = 0;
    uint64_t limit = 0;
  };

  std::string SegmentPath(uint64_t segment) const;
  base::Result<void> Start();
  base::Result<bool> NextPast(model::LogBatch* batch);
  base::Result<bool> NextLive(model::LogBatch* batch);
  base::Result<bool> ReadLive(const model::LogPosition& end, model::LogBatch* batch);
  base::Result<bool> OpenLive();
  base::Result<SegmentReader::Next> ReadAgain(std::string_view* record);
  base::Result<void> GoToNextSegment();
  base::Result<void> ForgetDroppedSeries();
  bool Decode(std::string_view record, model::LogBatch* batch, bool series_only, uint64_t segment);
  void Give(model::LogBatch* batch);

  const std::string directory_;
  const End end_;
  const model::LogPosition opened_at_;
  model::LogPosition position_;
  bool begun_ = false;    // once
  bool started_ = false;  // false again after a gap
  std::deque<Part> past_;
  std::optional<SegmentReader> past_reader_;
  std::optional<SegmentReader> reader_;            // of the segment of position_
  std::unordered_map<uint64_t, uint64_t> series_;  // the last segment that names it
  std::vector<model::SeriesRef> gone_;
  uint64_t lost_ = 0;
  std::optional<uint64_t> checkpoint_;  // the newest one that was looked at
};

}  // namespace slurmscope::tsdb
