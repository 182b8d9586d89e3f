#include "tsdb/backfill.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string_view>
#include <unordered_set>

#include "base/file.h"
#include "base/strings.h"
#include "model/sample.h"
#include "tsdb/block.h"
#include "tsdb/block_writer.h"
#include "tsdb/compaction_plan.h"
#include "tsdb/head_block.h"
#include "tsdb/series.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

namespace {

constexpr int64_t kDefaultBlockMs = int64_t{2} * 3600 * 1000;
constexpr size_t kMaxOpenBytes = 1024 - 19;

std::vector<std::string> SortedSymbols(const std::unordered_set<std::string_view>& texts) {
  std::vector<std::string> symbols(texts.begin(), texts.end());
  std::sort(symbols.begin(), symbols.end());
  return symbols;
}

}  // namespace

struct Backfill::Chunk {
  int64_t mint = 0;
  int64_t maxt = 0;
  std::string bytes;
};

struct Backfill::Series {
  model::Labels labels;
  std::vector<Chunk> chunks;  // by time, as long as there is no `late`
  XorChunkBuilder open;
  int64_t open_start = 0;
  int64_t last_t = 0;
  double last_v = 0;
  int64_t next_cut = 0;
  int64_t block_end = 0;
  std::vector<model::Sample> late;  // not newer than one before them
};

// Which chunk of which series belongs into which block; `rank` is the series' place in the order of
// labels.
struct Backfill::Place {
  int64_t block_start = 0;
  uint32_t rank = 0;
  uint32_t chunk = 0;
  const Series* series = nullptr;
};

int64_t BackfillBlockWidth(int64_t max_block_ms) {
  return BlockRanges(kDefaultBlockMs, std::max(max_block_ms, kDefaultBlockMs)).back();
}

Backfill::Backfill(int64_t block_ms) : block_ms_(block_ms) {}
Backfill::~Backfill() = default;

Backfill::SeriesNumber Backfill::AddSeries(const model::Labels& labels) {
  auto [it, is_new] = by_labels_.try_emplace(labels, static_cast<SeriesNumber>(series_.size()));
  if (is_new) {
    series_.push_back(std::make_unique<Series>());
    series_.back()->labels = labels;
  }
  return it->second;
}

void Backfill::Append(SeriesNumber number, int64_t t, double v) {
  Series& series = *series_[number];
  ++samples_;
  if (series.open.count() > 0 && t <= series.last_t) {
    series.late.push_back({t, v});
    return;
  }
  Encode(series, t, v);
}

void Backfill::Cut(Series& series) const {
  if (series.open.count() == 0) return;
  series.chunks.push_back({series.open_start, series.last_t, series.open.bytes()});
  series.open = XorChunkBuilder();
}

// The rules of Prometheus' head, with ranges of twice the block as promtool has them.
void Backfill::Encode(Series& series, int64_t t, double v) const {
  if (series.open.count() == kSamplesPerChunk / 4) {
    series.next_cut = PredictChunkEnd(series.open_start, series.last_t, series.next_cut);
  }
  bool cut = t >= series.next_cut || t >= series.block_end ||
             series.open.count() >= kSamplesPerChunk * 2 ||
             series.open.bytes().size() > kMaxOpenBytes;
  if (cut) Cut(series);
  if (series.open.count() == 0) {
    series.open_start = t;
    series.block_end = RangeStart(t, block_ms_) + block_ms_;
    series.next_cut = RangeStart(t, 2 * block_ms_) + 2 * block_ms_;
  }
  series.open.Append(t, v);
  series.last_t = t;
  series.last_v = v;
}

// Encodes a series with late samples anew.
Result<void> Backfill::SortIn(Series& series) const {
  model::Columns columns;
  for (const Chunk& chunk : series.chunks) {
    TRY(DecodeXorChunk(chunk.bytes, kNoTime, std::numeric_limits<int64_t>::max(), &columns));
  }
  std::vector<model::Sample> samples = std::move(series.late);
  for (size_t i = 0; i < columns.size(); ++i) samples.push_back({columns.t[i], columns.v[i]});
  std::sort(samples.begin(), samples.end(),
            [](const model::Sample& a, const model::Sample& b) { return a.t < b.t; });
  model::Labels labels = std::move(series.labels);
  series = Series();
  series.labels = std::move(labels);
  for (const model::Sample& sample : samples) {
    if (series.open.count() > 0 && sample.t == series.last_t) {
      bool same = std::bit_cast<uint64_t>(sample.v) == std::bit_cast<uint64_t>(series.last_v);
      if (same) continue;
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat(series.labels.ToString(), " has two values at ", sample.t, " ms"));
    }
    Encode(series, sample.t, sample.v);
  }
  Cut(series);
  return {};
}

Result<std::vector<Backfill::Place>> Backfill::Places() {
  std::vector<const Series*> order;
  for (auto& series : series_) {
    Cut(*series);
    if (!series->late.empty()) TRY(SortIn(*series));
    order.push_back(series.get());
  }
  std::sort(order.begin(), order.end(),
            [](const Series* a, const Series* b) { return a->labels < b->labels; });
  std::vector<Place> places;
  for (uint32_t rank = 0; rank < order.size(); ++rank) {
    const Series& series = *order[rank];
    for (uint32_t i = 0; i < series.chunks.size(); ++i) {
      places.push_back({RangeStart(series.chunks[i].mint, block_ms_), rank, i, &series});
    }
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.block_start < b.block_start; });
  return places;
}

Result<Backfill::Written> Backfill::WriteBlock(const std::string& directory, int64_t now_ms,
                                               const Place* begin, const Place* end) const {
  std::unordered_set<std::string_view> texts;
  for (const Place* place = begin; place != end; ++place) {
    if (place != begin && place[-1].series == place->series) continue;
    for (model::Label label : place->series->labels) texts.insert({label.name, label.value});
  }
  Written written;
  BlockMeta& meta = written.meta;
  meta.ulid = NewUlid(now_ms);
  meta.sources = {meta.ulid};
  meta.min_time = std::numeric_limits<int64_t>::max();
  meta.max_time = kNoTime;
  BlockWriter writer = TRY(BlockWriter::Create(directory, meta.ulid, SortedSymbols(texts)));
  std::vector<BlockChunk> chunks;
  for (const Place* place = begin; place != end;) {
    const Series& series = *place->series;
    chunks.clear();
    for (; place != end && place->series == &series; ++place) {
      const Chunk& chunk = series.chunks[place->chunk];
      chunks.push_back({chunk.mint, chunk.maxt, {kXorEncoding, chunk.bytes}});
      meta.min_time = std::min(meta.min_time, chunk.mint);
      meta.max_time = std::max(meta.max_time, chunk.maxt + 1);
    }
    TRY(writer.AddSeries(series.labels, chunks));
  }
  TRY(writer.Finish(&meta));
  written.bytes = TRY(Block::Open(StrCat(directory, "/", meta.ulid)))->bytes();
  return written;
}

Result<void> Backfill::Write(const std::string& directory, int64_t now_ms,
                             const std::function<void(const Written&)>& on_block) {
  std::vector<Place> places = TRY(Places());
  std::vector<size_t> starts;  // of the blocks in `places`, and the end
  for (size_t i = 0; i < places.size(); ++i) {
    if (i == 0 || places[i].block_start != places[i - 1].block_start) starts.push_back(i);
  }
  size_t blocks = starts.size();
  starts.push_back(places.size());
  if (blocks > kMaxBlocks) {
    return Fail(ErrorCode::kResourceExhausted,
                StrCat("the samples lie in ", blocks, " blocks of ", block_ms_ / 3'600'000,
                       " h, more than ", kMaxBlocks, "; are the times right? Wider blocks or",
                       " less input at a time helps"));
  }
  TRY(base::MakeDirectories(directory));
  for (size_t i = 0; i < blocks; ++i) {
    Written written = TRY(WriteBlock(directory, now_ms + static_cast<int64_t>(i),
                                     places.data() + starts[i], places.data() + starts[i + 1]));
    written.number = i + 1;
    written.total = blocks;
    on_block(written);
  }
  return {};
}

}  // namespace slurmscope::tsdb
