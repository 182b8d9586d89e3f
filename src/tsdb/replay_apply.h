#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "tsdb/bounded_queue.h"
#include "tsdb/chunk_chains.h"
#include "tsdb/head.h"
#include "tsdb/ref_map.h"
#include "tsdb/replay_reader.h"

namespace slurmscope::tsdb {

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
  // `chunks` are those of the head's files: samples in them are not applied again.
  ReplayApplier(Head& head, ChunkChains& chunks, size_t shards);

  void Apply(const DecodedRecord& record);
  // Waits for the shards and lets queries see the series.
  void Finish(ReplayReport* report);
  RefMap TakeRefs() { return std::move(refs_); }

 private:
  void AddSeries(const DecodedRecord& record);
  void LinkChunks(uint64_t ref, SeriesId id);
  bool InChunks(SeriesId id, int64_t t) { return id < mapped_.size() && IsMapped(id, t); }
  bool IsMapped(SeriesId id, int64_t t);
  void AddSample(const SampleEntry& entry);
  void AddHistogram(const HistogramEntry& entry);
  void AddTombstone(const TombstoneEntry& entry);
  void AddExemplar(const ExemplarEntry& entry);
  void AddMetadata(const MetadataEntry& entry);
  ReplayShard& ShardOf(SeriesId id);

  Head& head_;
  ChunkChains& chunks_;
  RefMap refs_;
  // The time of the chunks of a series. From kNoTime on once it is known that they are all.
  struct Mapped {
    int64_t from = kNoTime;
    int64_t until = kNoTime;
  };
  std::vector<Mapped> mapped_;  // by series
  uint64_t incomplete_ = 0;     // series whose chunks were given up
  std::vector<std::unique_ptr<ReplayShard>> shards_;
  uint64_t unknown_ = 0;
  uint64_t in_chunks_ = 0;
};

// Applies records of the log of samples out of order, in order, after those of the write-ahead log.
class OooReplayApplier {
 public:
  OooReplayApplier(Head& head, const RefMap& refs) : head_(head), refs_(refs) {}

  base::Result<void> Apply(const DecodedRecord& record);
  // Lets queries see the series and adds to `report`.
  void Finish(ReplayReport* report);

 private:
  std::optional<SeriesId> IdOf(uint64_t ref);
  void Add(uint64_t ref, OooSample sample);

  Head& head_;
  const RefMap& refs_;
  uint64_t samples_ = 0;
  uint64_t histograms_ = 0;
  uint64_t invalid_ = 0;
  uint64_t unknown_ = 0;
};

}  // namespace slurmscope::tsdb
