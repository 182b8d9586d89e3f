#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tsdb/bounded_queue.h"
#include "tsdb/head.h"
#include "tsdb/replay_reader.h"

namespace slurmscope::tsdb {

// Series by the refs of the log: dense below a bound, as refs are handed out in order.
class RefMap {
 public:
  void Set(uint64_t ref, SeriesId id);
  std::optional<SeriesId> Get(uint64_t ref) const {
    if (ref < dense_.size() && dense_[ref] != 0) return dense_[ref] - 1;
    return ref < kDense ? std::nullopt : GetSparse(ref);
  }

 private:
  std::optional<SeriesId> GetSparse(uint64_t ref) const;
  static constexpr uint64_t kDense = 1 << 24;
  std::vector<uint32_t> dense_;
  std::unordered_map<uint64_t, uint32_t> sparse_;
};

// Applies the samples of some of the series of a log in a thread of its own, in the order they are
// pushed in.
class ReplayShard {
 public:
  struct Sample {
    SeriesId id = 0;
    uint32_t histogram = 0;  // its place in Batch::histograms plus one; 0: the sample is `v`
    int64_t t = 0;
    double v = 0;
  };
  struct Batch {
    std::vector<Sample> samples;
    std::vector<HistogramEntry> histograms;
  };
  struct Counts {
    uint64_t samples = 0;
    uint64_t histograms = 0;  // of the samples
    uint64_t invalid_histograms = 0;
    uint64_t chunks = 0;
    int64_t mint = std::numeric_limits<int64_t>::max();
    int64_t maxt = kNoTime;
  };

  explicit ReplayShard(Head& head);
  ~ReplayShard();
  // By one thread; handed on in batches.
  void Add(const Sample& sample) {
    next_.samples.push_back(sample);
    if (next_.samples.size() >= kBatchSamples) HandOn();
  }
  void Add(SeriesId id, const HistogramEntry& entry) {
    next_.histograms.push_back(entry);
    Add({id, static_cast<uint32_t>(next_.histograms.size()), entry.t, 0});
  }
  // Waits until all is applied.
  const Counts& Finish();

 private:
  static constexpr size_t kBatchSamples = 4096;
  void HandOn();
  void Run();
  bool Append(const Batch& batch, const Sample& sample, bool* new_chunk);

  Head& head_;
  BoundedQueue<Batch> queue_;
  Batch next_;
  Counts counts_;
  std::thread thread_;
};

// Applies records of a log in order to a head that nobody else changes: series by the calling
// thread, samples by the shard of their series. A type of record is added by a vector in
// DecodedRecord and a line in Apply, by a shard when it must stay in order with samples.
class ReplayApplier {
 public:
  ReplayApplier(Head& head, size_t shards);

  void Apply(const DecodedRecord& record);
  // Waits for the shards and lets queries see the series.
  void Finish(ReplayReport* report);

 private:
  void AddSeries(const DecodedRecord& record);
  void AddSample(const SampleEntry& entry);
  void AddHistogram(const HistogramEntry& entry);
  void AddTombstone(const TombstoneEntry& entry);
  void AddExemplar(const ExemplarEntry& entry);
  void AddMetadata(const MetadataEntry& entry);
  ReplayShard& ShardOf(SeriesId id);

  Head& head_;
  RefMap refs_;
  std::vector<std::unique_ptr<ReplayShard>> shards_;
  uint64_t unknown_ = 0;
};

}  // namespace slurmscope::tsdb
