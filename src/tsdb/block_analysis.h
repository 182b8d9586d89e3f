#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/matcher.h"
#include "tsdb/block.h"
#include "tsdb/db.h"

namespace slurmscope::tsdb {

// What fills a block: the lists are whole, largest first, equal ones by name.
struct BlockAnalysis {
  uint64_t label_names = 0;
  uint64_t matched_series = 0;
  uint64_t label_pairs = 0;
  uint64_t postings_entries = 0;
  // How much of the block's time the series with a pair or name do not cover, as whole series.
  std::vector<NamedCount> churn_by_pair;
  std::vector<NamedCount> churn_by_name;
  std::vector<NamedCount> series_by_pair;
  std::vector<NamedCount> value_bytes_by_name;
  std::vector<NamedCount> values_by_name;
  std::vector<NamedCount> series_by_metric;

  // One number for each chunk of that kind; only when asked for.
  std::vector<uint64_t> float_samples;
  std::vector<uint64_t> float_bytes;
  std::vector<uint64_t> histogram_samples;
  std::vector<uint64_t> histogram_bytes;
  std::vector<uint64_t> histogram_buckets;  // in all samples of the chunk
};

// Of the series that satisfy all `matchers`. `with_chunks` reads the chunks too.
base::Result<BlockAnalysis> AnalyzeBlock(const Block& block,
                                         const std::vector<model::Matcher>& matchers,
                                         bool with_chunks);

}  // namespace slurmscope::tsdb
