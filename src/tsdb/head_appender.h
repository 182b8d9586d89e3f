#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/appender.h"
#include "tsdb/db.h"
#include "tsdb/head.h"
#include "tsdb/wal.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {

// A batch into the head. Series that it makes stay unseen until a commit; rolled back, they wait
// unnamed in memory for the same labels to come again.
class HeadAppender final : public model::Appender {
 public:
  // `writable` is told whether the last write to the log went well.
  HeadAppender(Head& head, Wal& wal, WalCompression compression, std::atomic<bool>& writable);

  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                             double v) override;
  base::Result<void> Commit() override;
  void Rollback() override;

 private:
  struct Pending {
    Series* series;
    int64_t t;
    double v;
  };

  SamplePlace PlaceIn(Series& series, int64_t t, double v);
  const Pending* LastInBatch(Series& series);
  void Add(Series& series, SeriesId id, int64_t t, double v);
  std::vector<StoredRecord> MakeRecords();
  void Store(std::string record, std::vector<StoredRecord>* out) const;
  void Apply();
  void Reset();

  Head& head_;
  Wal& wal_;
  const WalCompression compression_;
  std::atomic<bool>& writable_;
  const size_t record_limit_;  // bytes, after which a new record is begun
  Grace::Pass pass_;           // held while a batch is open
  uint32_t batch_;
  int64_t min_valid_ = kNoTime;
  bool has_min_valid_ = false;
  std::vector<Pending> samples_;
  std::vector<SeriesId> new_series_;  // not in the log, or not seen by queries yet
  SamplesRecord record_;
  std::vector<std::string> full_records_;
  std::unordered_map<const Series*, size_t> last_;  // filled once a series comes twice
};

}  // namespace slurmscope::tsdb
