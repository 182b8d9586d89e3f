#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "tsdb/block_meta.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {

// The width of backfilled blocks: the widest of Prometheus' compaction ranges (2 h, times three
// each) that is not over `max_block_ms`; 2 h at least.
int64_t BackfillBlockWidth(int64_t max_block_ms);

// Takes samples in any order and writes them as blocks of `block_ms`, aligned to it. Series stay in
// memory as compressed chunks, three bytes a sample or so; samples that come in the order of their
// time are compressed at once, others are sorted in at the end. Chunks are cut as promtool's
// create-blocks-from does. Not thread-safe.
class Backfill {
 public:
  using SeriesNumber = uint32_t;
  struct Written {
    BlockMeta meta;
    uint64_t bytes = 0;  // on disk
    size_t number = 0;   // from 1
    size_t total = 0;    // blocks that there will be
  };

  explicit Backfill(int64_t block_ms);
  ~Backfill();
  Backfill(const Backfill&) = delete;
  Backfill& operator=(const Backfill&) = delete;

  // The same number for the same labels.
  SeriesNumber AddSeries(const model::Labels& labels);
  void Append(SeriesNumber series, int64_t t, double v);
  uint64_t samples() const { return samples_; }
  size_t series() const { return series_.size(); }

  // Writes the blocks by ascending time into `directory`, which is made, and calls `on_block` after
  // each. Nothing is written, and the error names the series, when it has two values at one time,
  // or when there would be more than kMaxBlocks. Blocks that were written stay when a later one
  // fails. To be called once.
  static constexpr size_t kMaxBlocks = 20'000;
  base::Result<void> Write(const std::string& directory, int64_t now_ms,
                           const std::function<void(const Written&)>& on_block);

 private:
  struct Chunk;
  struct Series;
  struct Place;
  void Cut(Series& series) const;
  void Encode(Series& series, int64_t t, double v) const;
  base::Result<void> SortIn(Series& series) const;
  base::Result<std::vector<Place>> Places();
  base::Result<Written> WriteBlock(const std::string& directory, int64_t now_ms, const Place* begin,
                                   const Place* end) const;

  const int64_t block_ms_;
  std::vector<std::unique_ptr<Series>> series_;
  std::unordered_map<model::Labels, SeriesNumber> by_labels_;
  uint64_t samples_ = 0;
};

}  // namespace slurmscope::tsdb
