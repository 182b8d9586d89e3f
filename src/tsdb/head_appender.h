#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "model/appender.h"
#include "tsdb/db.h"
#include "tsdb/head.h"
#include "tsdb/health.h"
#include "tsdb/wal.h"
#include "tsdb/wal_exemplar_record.h"
#include "tsdb/wal_histogram_record.h"
#include "tsdb/wal_record.h"
#include "tsdb/wbl.h"

namespace slurmscope::tsdb {

// A batch into the head. Series that it makes stay unseen until a commit; rolled back, they wait
// unnamed in memory for the same labels to come again.
class HeadAppender final : public model::Appender {
 public:
  // `health` is told how writes to the logs went.
  HeadAppender(Head& head, Wal& wal, Wbl& wbl, WalCompression compression, Health& health);

  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                             double v) override;
  model::AppendResult AppendHistogram(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                                      const model::IntHistogram& h) override;
  model::AppendResult AppendFloatHistogram(model::SeriesRef ref, const model::Labels& labels,
                                           int64_t t, const model::FloatHistogram& h) override;
  model::AppendStatus CheckInOrder(model::SeriesRef ref, const model::Labels& labels,
                                   int64_t t) override;
  model::ExemplarStatus AppendExemplar(model::SeriesRef ref, const model::Labels& labels,
                                       const model::Exemplar& exemplar) override;
  model::AppendStatus UpdateMetadata(model::SeriesRef ref, const model::Labels& labels,
                                     const model::Metadata& metadata) override;
  base::Result<void> Commit() override;
  void Rollback() override;

 private:
  struct Pending {
    Series* series;
    int64_t t;
    double v;
  };
  struct PendingHistogram {
    Series* series;
    int64_t t;
    std::variant<model::IntHistogram, model::FloatHistogram> h;
    size_t before;  // the number of floats that came first

    HistogramRef view() const;
  };
  struct PendingOoo {
    SeriesId id;
    OooSample sample;
  };
  struct PendingExemplar {
    SeriesId id;
    model::Exemplar exemplar;
  };
  struct PendingMetadata {
    uint64_t wal_ref;
    model::Metadata metadata;
  };
  // What applying a batch came to.
  struct Applied {
    int64_t mint = std::numeric_limits<int64_t>::max();
    int64_t maxt = kNoTime;
    uint64_t taken = 0;
    uint64_t chunks = 0;
  };

  Series* FindSeries(model::SeriesRef* ref, const model::Labels& labels,
                     model::AppendStatus* status);
  Series* FindKnown(model::SeriesRef* ref, const model::Labels& labels);
  bool TooOld(int64_t t);
  bool TakesOoo(int64_t t) const { return ooo_window_ > 0 && t >= oldest_ooo_; }
  // For a sample that cannot go behind the series' newest one.
  model::AppendResult AppendOoo(model::SeriesRef ref, const Series& series, int64_t t,
                                const std::function<OooSample()>& make, bool histogram = false);
  model::AppendResult Refuse(model::AppendStatus status, model::SeriesRef ref,
                             bool histogram = false);
  bool InBatch(const Series& series) const {
    return series.batch.load(std::memory_order_relaxed) == static_cast<uint16_t>(batch_);
  }
  SamplePlace PlaceIn(Series& series, int64_t t, double v);
  SamplePlace PlaceIn(Series& series, int64_t t, HistogramRef h);
  const Pending* LastInBatch(Series& series);
  const PendingHistogram* LastHistogramInBatch(const Series& series) const;
  void NoteIfNew(const Series& series, SeriesId id);
  void Touch(Series& series, SeriesId id);
  void Add(Series& series, SeriesId id, int64_t t, double v);
  void Add(Series& series, SeriesId id, int64_t t, HistogramRef h);
  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                             HistogramRef h);
  uint8_t EncodingOf(Series& series);
  model::AppendResult EndHistogram(uint8_t encoding, model::SeriesRef ref,
                                   const model::Labels& labels, int64_t t, double v);
  HistogramsRecord& RecordFor(HistogramRef h);
  void CloseRecords();
  std::vector<StoredRecord> MakeRecords();
  void MakeSeriesRecords(std::vector<StoredRecord>* out);
  void MakeOtherRecords(std::vector<StoredRecord>* out);
  void Store(std::string record, std::vector<StoredRecord>* out) const;
  std::vector<StoredRecord> MakeOooRecords() const;
  base::Result<void> CommitOoo();
  void ComesLate(const Series& series, OooSample sample);
  void Apply();
  void ApplyFloats(size_t first, size_t last, Applied* applied);
  void ApplyHistogram(const PendingHistogram& sample, Applied* applied);
  void ApplyOthers();
  void Reset();

  Head& head_;
  Wal& wal_;
  Wbl& wbl_;
  const WalCompression compression_;
  Health& health_;
  const size_t record_limit_;  // bytes, after which a new record is begun
  Grace::Pass pass_;           // held while a batch is open
  uint32_t batch_;
  int64_t min_valid_ = kNoTime;
  int64_t oldest_ooo_ = kNoTime;
  int64_t ooo_window_ = 0;
  bool has_min_valid_ = false;  // these three
  std::vector<Pending> samples_;
  std::vector<SeriesId> new_series_;  // not in the log, or not seen by queries yet
  SamplesRecord record_;
  std::vector<std::string> full_records_;
  std::unordered_map<const Series*, size_t> last_;  // filled once a series comes twice
  std::vector<PendingHistogram> histograms_;
  std::unordered_map<const Series*, size_t> last_histogram_;
  std::vector<HistogramsRecord> histogram_records_;
  std::vector<PendingOoo> ooo_;
  std::vector<PendingExemplar> exemplars_;
  std::vector<PendingMetadata> metadata_;
};

}  // namespace slurmscope::tsdb
