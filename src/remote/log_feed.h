#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"
#include "config/remote.h"
#include "model/sample_log.h"
#include "remote/series_table.h"
#include "remote/write_shards.h"
#include "remote/write_stats.h"

namespace slurmscope::remote {

// Brings what a log has into the shards: without the series that relabelling drops, what is too
// old, and the kinds that are not asked for. Holds one batch of the log. Used by one thread.
class LogFeed {
 public:
  LogFeed(const config::RemoteWriteConfig& config, std::map<std::string, std::string> external,
          model::SampleLog& log, const base::Clock& clock, WriteShards& shards, WriteStats* stats);

  enum class Progress {
    kRead,        // there may be more
    kNothingNew,  // all that the log has is in the shards
    kNoRoom,
    kFailed,  // the log cannot be read now; it was logged
  };
  Progress Read();

  void SetFamilies(const Families& families) { series_.SetFamilies(families); }
  uint64_t read() const { return read_; }  // items out of the log
  // How many are still in the log, by the size of those before.
  double SamplesBehind() const;

 private:
  bool TakeNext(const model::LogPosition& before);
  bool PushBatch();
  bool PushSamples();
  bool PushHistograms();
  bool PushExemplars();
  // Whether an item is to be sent, its series then; counted when it is not.
  bool Wanted(size_t kind, model::SeriesRef ref, int64_t t, OutgoingItem* item);

  const config::RemoteWriteConfig& config_;
  model::SampleLog& log_;
  const base::Clock& clock_;
  WriteShards& shards_;
  WriteStats* const stats_;
  SeriesTable series_;
  model::LogBatch batch_;
  bool has_batch_ = false;
  size_t next_sample_ = 0;  // of the batch, as the following
  size_t next_histogram_ = 0;
  size_t next_exemplar_ = 0;
  bool stalled_ = false;   // there was no room the last time
  int64_t oldest_ms_ = 0;  // sample_age_limit
  uint64_t read_ = 0;
  uint64_t measured_bytes_ = 0;  // of the log
  uint64_t measured_items_ = 0;  // in those
  int64_t log_quiet_ns_ = 0;
};

}  // namespace slurmscope::remote
