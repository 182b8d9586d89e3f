#include "tsdb/block_range.h"

#include <algorithm>
#include <limits>

namespace slurmscope::tsdb {
namespace {

using base::Result;

constexpr size_t kSampledSeries = 256;
constexpr double kSlackMs = 2 * 3600 * 1000;

struct Seen {
  int64_t mint = std::numeric_limits<int64_t>::max();
  int64_t maxt = std::numeric_limits<int64_t>::min();
  bool any() const { return mint <= maxt; }
};

Result<Seen> Look(const IndexReader& index, const std::vector<uint32_t>& ids, size_t step) {
  Seen seen;
  IndexedSeries series;
  for (size_t i = 0; i < ids.size(); i += step) {
    TRY(index.ReadSeries(ids[i], true, &series));
    for (const ChunkMeta& chunk : series.chunks) {
      seen.mint = std::min(seen.mint, chunk.mint);
      seen.maxt = std::max(seen.maxt, chunk.maxt);
    }
  }
  return seen;
}

// As numbers that do not overflow, whatever a damaged file says.
double Distance(int64_t from, int64_t to) {
  return static_cast<double>(to) - static_cast<double>(from);
}

int64_t End(const Seen& seen) {
  return seen.maxt == std::numeric_limits<int64_t>::max() ? seen.maxt : seen.maxt + 1;
}

bool Fits(const Seen& seen, const BlockMeta& meta, double slack) {
  bool covered = meta.min_time <= seen.mint && seen.maxt < meta.max_time;
  return covered && Distance(meta.min_time, seen.mint) <= slack &&
         Distance(seen.maxt, meta.max_time) <= slack;
}

}  // namespace

Result<bool> CorrectRange(const IndexReader& index, BlockMeta* meta) {
  std::vector<uint32_t> ids;
  TRY(index.AllPostings(&ids));
  size_t step = meta->doubtful ? 1 : std::max<size_t>(ids.size() / kSampledSeries, 1);
  Seen seen = TRY(Look(index, ids, step));
  if (seen.any() && meta->doubtful) {
    meta->min_time = seen.mint;
    meta->max_time = End(seen);
    return true;
  }
  if (!seen.any() || Fits(seen, *meta, Distance(meta->min_time, meta->max_time) / 10)) return false;
  if (step > 1) seen = TRY(Look(index, ids, 1));
  double slack = kSlackMs + 2 * Distance(seen.mint, seen.maxt);
  if (Fits(seen, *meta, slack)) return false;
  bool far_before = Distance(meta->min_time, seen.mint) > slack;
  bool far_behind = Distance(seen.maxt, meta->max_time) > slack;
  if (far_before || meta->min_time > seen.mint) meta->min_time = seen.mint;
  if (far_behind || meta->max_time <= seen.maxt) {
    meta->max_time = End(seen);
  }
  return true;
}

}  // namespace slurmscope::tsdb
