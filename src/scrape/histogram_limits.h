#pragma once

#include "config/prometheus.h"
#include "exposition/item_reader.h"
#include "model/appender.h"

namespace slurmscope::scrape {

// Makes a histogram as coarse as the job's native_histogram_bucket_limit and
// native_histogram_min_bucket_factor ask for; false when it has too many buckets however coarse.
bool LimitBuckets(const config::ScrapeConfig& config, exposition::HistogramValue* histogram);

// One without observations, in the same layout.
exposition::HistogramValue EmptyLike(const exposition::HistogramValue& histogram);

model::AppendResult AppendHistogramValue(model::Appender& appender, model::SeriesRef ref,
                                         const model::Labels& labels, int64_t t,
                                         const exposition::HistogramValue& histogram);

}  // namespace slurmscope::scrape
