#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "config/prometheus.h"
#include "exposition/text_reader.h"
#include "model/appender.h"
#include "model/labels.h"
#include "scrape/metadata_table.h"
#include "scrape/negotiation.h"

namespace slurmscope::scrape {

using base::Result;

// What came of the lines of one body.
struct IngestCounts {
  uint64_t scraped = 0;        // samples in the body
  uint64_t after_relabel = 0;  // that metric relabelling left
  uint64_t appended = 0;       // that storage took
  uint64_t series_added = 0;   // series not in the body before
  uint64_t out_of_order = 0;
  uint64_t duplicate = 0;
  uint64_t out_of_bounds = 0;
  uint64_t exemplar_out_of_order = 0;
  bool sample_limit_exceeded = false;
  bool label_limit_exceeded = false;
  bool bucket_limit_exceeded = false;
};

// A line of the last body. Instead of its text, a 64-bit hash and the length: two different texts
// of one length in the same place of a body, or anywhere in a body of n lines, are taken for the
// same with odds of 2^-64 and n^2 / 2^65: for a million targets of 10,000 lines each some 3e-6 over
// all of them.
struct CachedLine {
  uint64_t hash = 0;
  model::SeriesRef ref = 0;
  uint32_t length = 0;
  uint32_t flags = 0;
};

// Remembers the lines of a target's last body with their series references: bodies hardly change
// from scrape to scrape, so line i mostly is the remembered line i, and only its value has to be
// read. Where it is not, a table over the remembered hashes finds it, and only for new series
// labels are parsed. Knows which series have ended. Not thread-safe.
class TargetCache {
 public:
  struct Scrape {
    const config::ScrapeConfig& config;
    const model::Labels& target;
    BodyFormat format = BodyFormat::kText;
    int64_t time_ms = 0;
    MetadataTable& metadata;
    bool start_times = false;  // a counter that began gets a zero at that time
  };

  // Appends the samples of `body`, and stale markers for the series that it no longer has. After an
  // error (malformed text, a limit) the caller must roll `appender` back and call Discard;
  // otherwise Accept. `counts` are set even then.
  Result<void> Ingest(std::string_view body, const Scrape& scrape, model::Appender& appender,
                      IngestCounts* counts);
  void Accept();
  void Discard();

  // Stale markers for all series that had samples in the last accepted body, once.
  void MarkAllStale(model::Appender& appender, int64_t time_ms);

  // The settings have changed: the next body is parsed anew; what was before only counts for
  // staleness.
  void Forget() { forgotten_ = true; }

  size_t size() const { return lines_.size(); }

 private:
  template <typename Reader>
  friend class BodyIngest;

  std::vector<CachedLine> lines_;
  std::vector<CachedLine> staged_;  // the new lines, where they differ
  bool diverged_ = false;
  bool live_ = false;  // the series of lines_ have no stale markers yet
  bool forgotten_ = false;
  bool reread_metadata_ = false;
  bool track_explicit_ = false;
  std::unordered_map<model::SeriesRef, int64_t> starts_;  // the zeros that were appended
};

}  // namespace slurmscope::scrape
