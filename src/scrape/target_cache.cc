#include "scrape/target_cache.h"

#include <utility>

#include "exposition/created_source.h"
#include "exposition/nhcb_source.h"
#include "exposition/proto_source.h"
#include "scrape/body_ingest.h"

namespace slurmscope::scrape {

Result<void> TargetCache::Ingest(std::string_view body, const Scrape& scrape,
                                 model::Appender& appender, IngestCounts* counts) {
  diverged_ = false;
  track_explicit_ = scrape.config.track_timestamps_staleness;
  const config::NegotiationConfig& options = scrape.config.negotiation;
  const bool keep_classic = options.always_classic_histograms;
  auto ingest_items = [&](exposition::ItemReader::Source source) {
    exposition::ItemReader items(std::move(source));
    return BodyIngest(*this, std::move(items), scrape, appender, *counts).Run();
  };
  if (scrape.format == BodyFormat::kProtobuf) {
    auto source = exposition::ProtoSource(
        body, {options.native_histograms, keep_classic || options.convert_to_nhcb});
    return ingest_items(options.convert_to_nhcb
                            ? exposition::NhcbOfItems(std::move(source), keep_classic)
                            : std::move(source));
  }
  const bool text = scrape.format == BodyFormat::kText;
  if (!text && scrape.start_times) {
    auto source = exposition::CreatedOfOpenMetrics(body);
    return ingest_items(options.convert_to_nhcb
                            ? exposition::NhcbOfItems(std::move(source), keep_classic)
                            : std::move(source));
  }
  if (options.convert_to_nhcb) {
    return ingest_items(text ? exposition::NhcbOfText(body, keep_classic)
                             : exposition::NhcbOfOpenMetrics(body, keep_classic));
  }
  if (text) {
    return BodyIngest(*this, exposition::TextReader(body), scrape, appender, *counts).Run();
  }
  return BodyIngest(*this, exposition::OpenMetricsReader(body), scrape, appender, *counts).Run();
}

void TargetCache::Accept() {
  if (diverged_) {
    lines_ = std::vector<CachedLine>(staged_.begin(), staged_.end());
    forgotten_ = false;
    // Those of series that are gone; a zero that is tried again is refused.
    if (starts_.size() > 2 * lines_.size()) starts_.clear();
  }
  live_ = true;
  Discard();
}

void TargetCache::Discard() {
  diverged_ = false;
  std::vector<CachedLine>().swap(staged_);
}

void TargetCache::MarkAllStale(model::Appender& appender, int64_t time_ms) {
  if (!live_) return;
  live_ = false;
  for (const CachedLine& line : lines_) {
    if (!Tracked(line, track_explicit_) || (line.flags & kDuplicate)) continue;
    appender.Append(line.ref, kNoLabels, time_ms, model::StaleNan());
  }
}

}  // namespace slurmscope::scrape
