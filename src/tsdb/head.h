#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "model/appender.h"
#include "model/labels.h"
#include "tsdb/db.h"
#include "tsdb/exemplar_store.h"
#include "tsdb/full_chunks.h"
#include "tsdb/grace.h"
#include "tsdb/head_chunk_files.h"
#include "tsdb/head_tombstones.h"
#include "tsdb/label_index.h"
#include "tsdb/metadata_store.h"
#include "tsdb/ooo_store.h"
#include "tsdb/series.h"

namespace slurmscope::tsdb {

// The series in memory. Thread-safe.
//
// Locks: mutex() guards the label index and the table of label sets; each series guards its samples
// by itself. A series or chunk that was found stays good while a pass of grace() is held that was
// taken before.
class Head {
 public:
  struct Handle {
    SeriesId id = 0;
    Series* series = nullptr;
  };

  explicit Head(int64_t chunk_range_ms = kChunkRangeMs, size_t ooo_chunk_samples = kOooChunkSamples)
      : chunk_range_ms_(chunk_range_ms), ooo_(ooo_chunk_samples) {}
  // No chunk spans a border of this width.
  int64_t chunk_range_ms() const { return chunk_range_ms_; }
  Grace& grace() const { return grace_; }
  FullChunks& full_chunks() { return full_chunks_; }
  const FullChunks& full_chunks() const { return full_chunks_; }

  // The files that full chunks go to; nullptr, and they stay in memory, unless they were given,
  // which is done before anything else.
  void KeepChunkFiles(std::unique_ptr<HeadChunkFiles> files) { chunk_files_ = std::move(files); }
  HeadChunkFiles* chunk_files() const { return chunk_files_.get(); }
  // Writes the full chunks that wait for it. After an error the rest stays in memory, for the next
  // call.
  base::Result<void> WriteFullChunks();
  // Deletes the files whose chunks all end before `mint`, which must have left the head.
  base::Result<void> TruncateChunkFiles(int64_t mint);

  // Both are nullptr unless they were asked for, which is done before anything else.
  void KeepExemplars(size_t capacity) { exemplars_ = std::make_unique<ExemplarStore>(capacity); }
  void KeepMetadata() { metadata_ = std::make_unique<MetadataStore>(); }
  ExemplarStore* exemplars() const { return exemplars_.get(); }
  MetadataStore* metadata() const { return metadata_.get(); }

  // The series of a ref given out before: generation << 32 | id + 1; nullptr when it is gone.
  Series* Find(model::SeriesRef ref) {
    SeriesId id = IdOf(ref);
    if (id >= series_count_.load(std::memory_order_acquire)) return nullptr;
    SeriesLife life;
    if (!series_[id].IsGeneration(static_cast<uint32_t>(ref >> 32), &life)) return nullptr;
    return life == SeriesLife::kLive || Revive(id) ? &series_[id] : nullptr;
  }
  static SeriesId IdOf(model::SeriesRef ref) { return static_cast<SeriesId>(ref) - 1; }
  model::SeriesRef RefOf(SeriesId id) const {
    return (uint64_t{series_[id].generation()} << 32) | (id + 1);
  }
  // Finds the series with these labels or makes it, not yet published. nullopt when the head cannot
  // hold another series.
  std::optional<Handle> GetOrCreate(const model::Labels& labels);
  // For replay, with nobody else changing the index: the same for a series of the log, whose refs
  // no new series takes.
  std::optional<Handle> Restore(uint64_t hash, LabelViews labels, uint64_t wal_ref);
  // The same: no new series takes this ref or a smaller one; a series without samples gets the
  // chunks up to `newest`, the first time of which is given, and loses them again.
  void ReserveRef(uint64_t wal_ref);
  int64_t RestoreChunks(SeriesId id, FullChunks::Index newest);
  void ForgetChunks(SeriesId id);
  void PrefetchSeries(uint64_t hash) const { by_labels_.Prefetch(hash); }
  // Lets queries see these series.
  void Publish(const std::vector<SeriesId>& ids);
  // All that have samples and are not published yet, by `threads` threads.
  void PublishAll(size_t threads);

  Series& series(SeriesId id) { return series_[id]; }
  const Series& series(SeriesId id) const { return series_[id]; }
  model::Labels LabelsOf(SeriesId id) const { return index_.LabelsOf(series_[id].labels()); }
  // Adds the series to a series record of the log.
  void AppendSeriesRecord(SeriesId id, std::string* record) const;

  // Samples that came out of order.
  OooStore& ooo() { return ooo_; }
  const OooStore& ooo() const { return ooo_; }
  // By how much they may be older than the newest sample, ms; 0: they are refused.
  void SetOooWindow(int64_t window_ms) {
    ooo_window_.store(std::max<int64_t>(window_ms, 0), std::memory_order_relaxed);
  }
  int64_t ooo_window() const { return ooo_window_.load(std::memory_order_relaxed); }

  // Samples before `mint` are refused from now on, but for those taken out of order.
  void RaiseMinValid(int64_t mint);
  int64_t min_valid() const { return min_valid_.load(std::memory_order_relaxed); }
  // Takes the chunks that end before `mint` away, and with them the series that have no samples
  // left: in steps that wait in grace(). `on_removed` is given the log's refs of those.
  void Truncate(int64_t mint, std::function<void(const std::vector<uint64_t>&)> on_removed);
  bool HasLabels(const model::Labels& labels) const { return FindSeries(labels).has_value(); }
  std::optional<SeriesId> FindSeries(const model::Labels& labels) const;
  // Of a series that is not gone.
  std::optional<SeriesId> IdOf(const Series& series) const {
    return FindSeries(index_.LabelsOf(series.labels()));
  }
  // All series that queries may see and that may have samples in [mint, maxt] that came in order,
  // sorted by labels.
  std::vector<SeriesId> SortedSeries(int64_t mint, int64_t maxt) const;
  void SortSeries(std::vector<SeriesId>* ids) const;

  HeadTombstones& tombstones() { return tombstones_; }
  const HeadTombstones& tombstones() const { return tombstones_; }

  // For readers of the index, with mutex() held shared.
  std::shared_mutex& mutex() const { return mutex_; }
  const LabelIndex& index() const { return index_; }
  std::vector<SeriesId> AllSeries() const;

  // Samples taken, with their smallest and largest time and the chunks begun.
  void Count(uint64_t samples, uint64_t chunks, int64_t mint, int64_t maxt);
  // Of these, and not among the times: samples out of order.
  void CountOoo(uint64_t samples, uint64_t histograms);
  // How many of the samples were histograms.
  void CountHistograms(uint64_t histograms) {
    histograms_.fetch_add(histograms, std::memory_order_relaxed);
  }
  // kNoTime when there are none.
  int64_t max_time() const { return max_time_.load(std::memory_order_relaxed); }
  // INT64_MAX when there are none.
  int64_t min_time() const { return min_time_.load(std::memory_order_relaxed); }
  bool Overlaps(int64_t mint, int64_t maxt) const;
  // The same for a series, both kinds of samples taken into account.
  bool Overlaps(SeriesId id, int64_t mint, int64_t maxt) const {
    return series_[id].Overlaps(mint, maxt, full_chunks_) || ooo_.Overlaps(id, mint, maxt);
  }
  uint32_t NextBatch() { return next_batch_.fetch_add(1, std::memory_order_relaxed); }
  // How many samples the last batch had, up to some thousands: what to make room for.
  size_t usual_batch() const { return usual_batch_.load(std::memory_order_relaxed); }
  void NoteBatch(size_t samples) {
    constexpr size_t kMost = 4096;
    usual_batch_.store(std::min(samples, kMost), std::memory_order_relaxed);
  }

  // The part of the statistics that is the head's.
  void FillStats(HeadStats* stats) const;
  CardinalityStats Cardinality(size_t limit) const;
  void CountRefused(model::AppendStatus status, bool histogram);

 private:
  std::optional<SeriesId> FindLocked(uint64_t hash, LabelViews labels) const;
  void PublishLocked(SeriesId id);
  std::optional<Handle> GetOrCreateLocked(uint64_t hash, LabelViews labels, uint64_t wal_ref);
  std::optional<SeriesId> NewPlace();
  bool Revive(SeriesId id);
  bool HasSamples(SeriesId id) const { return series_[id].has_samples() || ooo_.Has(id); }
  std::vector<uint64_t> Unlink(const std::vector<SeriesId>& candidates,
                               std::vector<SeriesId>* unlinked);
  void Recycle(const std::vector<SeriesId>& ids);

  const int64_t chunk_range_ms_;
  std::unique_ptr<HeadChunkFiles> chunk_files_;
  FullChunks full_chunks_;
  std::mutex write_mutex_;  // one WriteFullChunks() at a time
  mutable Grace grace_;
  std::unique_ptr<ExemplarStore> exemplars_;
  std::unique_ptr<MetadataStore> metadata_;

  HeadTombstones tombstones_;
  OooStore ooo_;
  std::atomic<int64_t> ooo_window_ = 0;
  mutable std::shared_mutex mutex_;
  LabelIndex index_;
  IdTable by_labels_;
  StableArray<Series, 8192> series_;
  std::vector<SeriesId> free_places_;
  uint64_t next_wal_ref_ = 1;
  std::atomic<uint32_t> series_count_ = 0;
  std::atomic<uint64_t> published_ = 0;
  std::atomic<uint64_t> created_ = 0;
  std::atomic<uint64_t> removed_ = 0;
  std::atomic<int64_t> min_valid_ = kNoTime;

  std::atomic<uint32_t> next_batch_ = 1;
  std::atomic<size_t> usual_batch_ = 0;
  std::atomic<int64_t> min_time_ = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> max_time_ = kNoTime;
  std::atomic<uint64_t> samples_ = 0;
  std::atomic<uint64_t> histograms_ = 0;
  std::atomic<uint64_t> chunks_ = 0;
  // Samples not taken; of floats and of histograms.
  using ByKind = std::array<std::atomic<uint64_t>, 2>;
  ByKind out_of_order_{};
  ByKind duplicates_{};
  ByKind out_of_bounds_{};
  ByKind too_old_{};
  std::atomic<uint64_t> ooo_samples_ = 0;
  std::atomic<uint64_t> ooo_histograms_ = 0;
};

}  // namespace slurmscope::tsdb
