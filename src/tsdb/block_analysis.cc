#include "tsdb/block_analysis.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/strings.h"
#include "tsdb/block_select.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/series.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

struct PairCounts {
  uint64_t series = 0;
  uint64_t uncovered_ms = 0;
};
struct NameCounts {
  uint64_t uncovered_ms = 0;
  uint64_t values = 0;
  uint64_t value_bytes = 0;
};

std::vector<NamedCount> LargestFirst(std::vector<NamedCount> counts) {
  std::sort(counts.begin(), counts.end(), [](const NamedCount& a, const NamedCount& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  });
  return counts;
}

class Analyzer {
 public:
  Analyzer(const Block& block, bool with_chunks)
      : block_(block),
        with_chunks_(with_chunks),
        width_ms_(static_cast<uint64_t>(block.meta().max_time) -
                  static_cast<uint64_t>(block.meta().min_time)) {}

  Result<BlockAnalysis> Run(const std::vector<model::Matcher>& matchers) {
    IndexedSeries series;
    for (uint32_t id : TRY(SelectSeries(block_.index(), matchers))) {
      TRY(block_.index().ReadSeries(id, true, &series));
      AddLabels(series);
      if (with_chunks_) TRY(AddChunks(series));
    }
    FillLists();
    return std::move(out_);
  }

 private:
  void AddLabels(const IndexedSeries& series) {
    ++out_.matched_series;
    uint64_t uncovered = width_ms_;
    if (!series.chunks.empty()) {
      uncovered -= static_cast<uint64_t>(series.chunks.back().maxt) -
                   static_cast<uint64_t>(series.chunks.front().mint);
    }
    for (model::Label label : series.labels) {
      ++out_.postings_entries;
      PairCounts& pair = pairs_[std::string(label.name)][std::string(label.value)];
      ++pair.series;
      pair.uncovered_ms += uncovered;
    }
  }

  Result<void> AddChunks(const IndexedSeries& series) {
    for (const ChunkMeta& meta : series.chunks) {
      EncodedChunk chunk = TRY(block_.ReadChunk(meta.ref));
      bool is_float = chunk.encoding == kXorEncoding;
      auto& samples = is_float ? out_.float_samples : out_.histogram_samples;
      auto& bytes = is_float ? out_.float_bytes : out_.histogram_bytes;
      samples.push_back(ChunkSamples(chunk));
      bytes.push_back(chunk.data.size());
      if (!is_float) out_.histogram_buckets.push_back(TRY(CountBuckets(chunk)));
    }
    return {};
  }

  // Of all samples together.
  static Result<uint64_t> CountBuckets(EncodedChunk chunk) {
    model::Columns columns;
    TRY(DecodeChunk(chunk, kNoTime, std::numeric_limits<int64_t>::max(), &columns));
    uint64_t buckets = 0;
    for (size_t i = 0; i < columns.size(); ++i) {
      const model::FloatHistogram* histogram = columns.Histogram(i);
      if (histogram != nullptr) buckets += histogram->positive.size() + histogram->negative.size();
    }
    return buckets;
  }

  uint64_t AsSeries(uint64_t uncovered_ms) const {
    if (width_ms_ == 0) return 0;
    return static_cast<uint64_t>(static_cast<double>(uncovered_ms) /
                                 static_cast<double>(width_ms_));
  }

  void FillLists() {
    out_.label_names = pairs_.size();
    for (const auto& [name, values] : pairs_) {
      NameCounts counts;
      for (const auto& [value, pair] : values) {
        std::string text = base::StrCat(name, "=", value);
        out_.churn_by_pair.push_back({text, AsSeries(pair.uncovered_ms)});
        out_.series_by_pair.push_back({std::move(text), pair.series});
        if (name == model::kMetricName) out_.series_by_metric.push_back({value, pair.series});
        counts.uncovered_ms += pair.uncovered_ms;
        counts.value_bytes += value.size();
        ++counts.values;
      }
      out_.label_pairs += counts.values;
      out_.churn_by_name.push_back({name, AsSeries(counts.uncovered_ms)});
      out_.value_bytes_by_name.push_back({name, counts.value_bytes});
      out_.values_by_name.push_back({name, counts.values});
    }
    for (auto* list : {&out_.churn_by_pair, &out_.churn_by_name, &out_.series_by_pair,
                       &out_.value_bytes_by_name, &out_.values_by_name, &out_.series_by_metric}) {
      *list = LargestFirst(std::move(*list));
    }
  }

  const Block& block_;
  const bool with_chunks_;
  const uint64_t width_ms_;
  std::unordered_map<std::string, std::unordered_map<std::string, PairCounts>> pairs_;
  BlockAnalysis out_;
};

}  // namespace

Result<BlockAnalysis> AnalyzeBlock(const Block& block, const std::vector<model::Matcher>& matchers,
                                   bool with_chunks) {
  return TRY_CONTEXT(Analyzer(block, with_chunks).Run(matchers), "block " + block.meta().ulid);
}

}  // namespace slurmscope::tsdb
