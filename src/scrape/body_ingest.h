#pragma once

#include <optional>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "exposition/item_reader.h"
#include "exposition/openmetrics_reader.h"
#include "model/sample.h"
#include "scrape/histogram_limits.h"
#include "scrape/line_index.h"
#include "scrape/series_labels.h"
#include "scrape/target_cache.h"

// How TargetCache takes in a body; not for others.
namespace slurmscope::scrape {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using exposition::Entry;
using exposition::HashText;
using exposition::KnownSample;
using model::AppendResult;
using model::AppendStatus;
using model::Labels;

// Flags of a line.
inline constexpr uint32_t kMeta = 1;          // a comment; hash and length are of the whole line
inline constexpr uint32_t kDropped = 2;       // by metric relabelling
inline constexpr uint32_t kExplicitTime = 4;  // had a timestamp that counted
inline constexpr uint32_t kDuplicate = 8;     // names the same series as another line

inline const Labels kNoLabels;

// Whether the series gets a stale marker when it ends.
inline bool Tracked(const CachedLine& line, bool track_explicit) {
  if (line.ref == 0 || (line.flags & (kMeta | kDropped))) return false;
  return !(line.flags & kExplicitTime) || track_explicit;
}

// The work on one body. The readers are used alike; they differ in what they have besides numbers.
template <typename Reader>
class BodyIngest {
 public:
  BodyIngest(TargetCache& cache, Reader reader, const TargetCache::Scrape& scrape,
             model::Appender& appender, IngestCounts& counts)
      : cache_(cache),
        reader_(std::move(reader)),
        scrape_(scrape),
        appender_(appender),
        counts_(counts) {}

  Result<void> Run() {
    if (cache_.forgotten_ || cache_.reread_metadata_) {
      Diverge();
      scrape_.metadata.Clear();
    }
    while (true) {
      if (TakeKnown()) continue;
      Entry entry = TRY(reader_.Next());
      if (entry.kind == Entry::Kind::kEnd) break;
      Diverge();
      TRY(entry.kind == Entry::Kind::kSample ? TakeSample(entry) : TakeComment(entry));
    }
    if (at_ < cache_.lines_.size()) Diverge();
    if (counts_.sample_limit_exceeded) {
      return Fail(ErrorCode::kResourceExhausted,
                  StrCat("sample limit exceeded (samples: ", counts_.after_relabel,
                         ", limit: ", scrape_.config.sample_limit, ")"));
    }
    if (counts_.bucket_limit_exceeded)
      return Fail(ErrorCode::kResourceExhausted, "histogram bucket limit exceeded");
    if (cache_.diverged_) MarkVanished();
    return {};
  }

 private:
  // From here on the new body is not the old one line by line: collect the new lines, note the old
  // ones seen.
  void Diverge() {
    if (cache_.diverged_) return;
    cache_.diverged_ = true;
    const auto& lines = cache_.lines_;
    cache_.staged_.assign(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(at_));
    seen_.assign(lines.size(), false);
    for (size_t i = 0; i < at_; ++i) seen_[i] = true;
  }

  // The quick way: the next line is the remembered one. False, with nothing read, when it is not.
  bool TakeKnown() {
    if (at_ == cache_.lines_.size() || cache_.forgotten_) return false;
    CachedLine& line = cache_.lines_[at_];
    if (line.flags & kMeta) {
      if (cache_.reread_metadata_ || !reader_.SkipKnown(line.hash, line.length)) return false;
      Keep(at_);
      return true;
    }
    // While nothing has differed, the line that a duplicate repeats is there too.
    bool repeats = (line.flags & kDuplicate) && !cache_.diverged_;
    if (!repeats && !Reusable(line)) return false;
    KnownSample sample;
    if (!reader_.NextKnown(line.hash, line.length, &sample)) return false;
    repeats ? TakeKnownDuplicate() : TakeKnownSample(at_, sample);
    return true;
  }

  static bool Reusable(const CachedLine& line) {
    return !(line.flags & (kMeta | kDuplicate)) && (line.ref != 0 || (line.flags & kDropped));
  }

  void TakeKnownDuplicate() {
    ++counts_.scraped;
    ++counts_.after_relabel;
    ++counts_.duplicate;
    Keep(at_);
  }

  void TakeKnownSample(size_t index, const KnownSample& sample) {
    ++counts_.scraped;
    CachedLine& line = cache_.lines_[index];
    uint32_t time_flag = Explicit(sample.timestamp) ? kExplicitTime : 0;
    if ((line.flags & kExplicitTime) != time_flag) Diverge();
    if (!(line.flags & kDropped)) {
      AppendKnown(line, sample);
      TakeExemplar(line.ref);
    }
    Keep(index);
    if (cache_.diverged_) {
      CachedLine& staged = cache_.staged_.back();
      staged.flags = (staged.flags & ~kExplicitTime) | time_flag;
    }
  }

  void Keep(size_t index) {
    at_ = index + 1;
    if (!cache_.diverged_) return;
    seen_[index] = true;
    cache_.staged_.push_back(cache_.lines_[index]);
    if (collect_refs_) refs_.insert(cache_.lines_[index].ref);
  }

  // A body that had duplicates differs: which lines repeat others has to be found again.
  void CollectRefs() {
    if (std::exchange(collect_refs_, true)) return;
    for (const CachedLine& line : cache_.staged_) refs_.insert(line.ref);
  }

  void AppendKnown(CachedLine& line, const KnownSample& sample) {
    AppendResult result = Append(line.ref, kNoLabels, sample.timestamp, sample.value);
    if (result.status == AppendStatus::kUnknownSeries) {
      --counts_.after_relabel;
      // The storage has dropped the series since; its text was well-formed the first time.
      Result<std::optional<Labels>> labels = LabelsOf(sample.series, 1);
      if (!labels || !*labels) return;
      result = Append(0, **labels, sample.timestamp, sample.value);
    }
    Count(result.status);
    if (result.ref != 0) line.ref = result.ref;
  }

  // What there is besides a number, where the format has it.
  const exposition::Item* item() const {
    if constexpr (std::is_same_v<Reader, exposition::ItemReader>) return reader_.item();
    return nullptr;
  }

  // Of the sample that was read last, which storage has by this ref.
  void TakeExemplar(model::SeriesRef ref) {
    if (ref == 0 || exemplars_disabled_) return;
    if constexpr (std::is_same_v<Reader, exposition::OpenMetricsReader>) {
      const exposition::ExemplarEntry* entry = reader_.exemplar();
      if (entry == nullptr) return;
      // Prometheus drops an exemplar that it cannot read, and keeps the sample.
      auto labels = exposition::ParseExemplarLabels(entry->labels);
      if (!labels) return;
      AppendExemplar(ref, {*std::move(labels), entry->value, entry->timestamp.value_or(0),
                           entry->timestamp.has_value()});
    } else if (item() != nullptr) {
      for (const model::Exemplar& exemplar : item()->exemplars) AppendExemplar(ref, exemplar);
    }
  }

  void AppendExemplar(model::SeriesRef ref, model::Exemplar exemplar) {
    if (!exemplar.has_timestamp) exemplar.t = scrape_.time_ms;
    switch (appender_.AppendExemplar(ref, kNoLabels, exemplar)) {
      case model::ExemplarStatus::kDisabled:
        exemplars_disabled_ = true;
        break;
      case model::ExemplarStatus::kOutOfOrder:
        ++counts_.exemplar_out_of_order;
        break;
      case model::ExemplarStatus::kOk:
      case model::ExemplarStatus::kTooLong:
      case model::ExemplarStatus::kUnknownSeries:
        break;
    }
  }

  Result<void> TakeComment(const Entry& entry) {
    scrape_.metadata.Update(entry);
    uint64_t hash = HashText(entry.raw);
    if (std::optional<size_t> index = Find(hash, entry.raw.size()); index && !seen_[*index]) {
      Keep(*index);
      return {};
    }
    Stage(hash, entry.raw.size(), 0, kMeta);
    return {};
  }

  Result<void> TakeSample(const Entry& entry) {
    uint64_t hash = HashText(entry.series);
    std::optional<size_t> index = Find(hash, entry.series.size());
    if (index && !seen_[*index] && Reusable(cache_.lines_[*index])) {
      TakeKnownSample(*index, {entry.series, entry.value, entry.timestamp});
      return {};
    }
    if (index && !seen_[*index]) {
      seen_[*index] = true;
      at_ = *index + 1;
      if (cache_.lines_[*index].flags & kDuplicate) CollectRefs();
    }
    return TakeNewSample(entry, hash, index.has_value());
  }

  Result<void> TakeNewSample(const Entry& entry, uint64_t hash, bool known_text) {
    ++counts_.scraped;
    Result<std::optional<Labels>> labels = LabelsOf(entry.series, entry.column);
    if (!labels) return FailSample(entry, std::move(labels).error());
    uint32_t flags = Explicit(entry.timestamp) ? kExplicitTime : 0;
    if (!*labels) {
      Stage(hash, entry.series.size(), 0, flags | kDropped);
      return {};
    }
    AppendResult result = Append(0, **labels, entry.timestamp, entry.value);
    TakeExemplar(result.ref);
    bool twice = result.ref != 0 && !refs_.insert(result.ref).second && !(flags & kExplicitTime);
    Count(twice ? AppendStatus::kDuplicate : result.status);
    if (!twice && !known_text && result.status == AppendStatus::kOk) ++counts_.series_added;
    Stage(hash, entry.series.size(), result.ref, flags | (twice ? kDuplicate : 0));
    return {};
  }

  Result<void> FailSample(const Entry& entry, base::Error error) {
    if (error.code() == ErrorCode::kResourceExhausted) {
      counts_.label_limit_exceeded = true;
      return Fail(std::move(error));
    }
    return Fail(error.code(), StrCat("line ", entry.line, ", ", error.message()));
  }

  void Stage(uint64_t hash, size_t length, model::SeriesRef ref, uint32_t flags) {
    cache_.staged_.push_back({hash, ref, static_cast<uint32_t>(length), flags});
  }

  // A series that came back a few lines further is found without the table: most changes drop a
  // line or two.
  std::optional<size_t> Find(uint64_t hash, size_t length) {
    constexpr size_t kLookAhead = 8;
    const auto& lines = cache_.lines_;
    if (cache_.forgotten_ || lines.empty()) return std::nullopt;
    for (size_t i = at_; i < lines.size() && i < at_ + kLookAhead; ++i) {
      if (lines[i].hash == hash && lines[i].length == length) return i;
    }
    if (!index_.built()) index_.Build(lines);
    return index_.Find(lines, hash, length);
  }

  Result<std::optional<Labels>> LabelsOf(std::string_view series, size_t column) {
    Labels scraped = TRY(exposition::ParseSeries(series, column));
    return SeriesLabels(scrape_.config, scrape_.target, Normalized(scraped));
  }

  Labels Normalized(const Labels& scraped) const {
    std::string_view metric = scraped.Get(model::kMetricName);
    constexpr std::string_view kBucket = "_bucket";
    if (metric.ends_with(kBucket) && scraped.Has("le")) {
      metric.remove_suffix(kBucket.size());
      bool histogram = scrape_.metadata.TypeOf(metric) == model::MetricType::kHistogram;
      return histogram ? WithFloatLabel(scraped, "le") : scraped;
    }
    if (!scraped.Has("quantile")) return scraped;
    bool summary = scrape_.metadata.TypeOf(metric) == model::MetricType::kSummary;
    return summary ? WithFloatLabel(scraped, "quantile") : scraped;
  }

  bool Explicit(const std::optional<int64_t>& timestamp) const {
    return timestamp.has_value() && scrape_.config.honor_timestamps;
  }

  AppendResult Append(model::SeriesRef ref, const Labels& labels,
                      const std::optional<int64_t>& timestamp, double value) {
    ++counts_.after_relabel;
    uint64_t limit = scrape_.config.sample_limit;
    if (limit > 0 && counts_.after_relabel > limit) {
      counts_.sample_limit_exceeded = true;
      return {AppendStatus::kOk, ref};
    }
    const int64_t t = Explicit(timestamp) ? *timestamp : scrape_.time_ms;
    const exposition::Item* more = item();
    if (more == nullptr) return appender_.Append(ref, labels, t, value);
    if (scrape_.start_times && more->created_ms > 0) {
      ref = AppendStart(ref, labels, t, *more);
      // By its ref it is found without its labels, which may be none.
    }
    if (!more->histogram) return appender_.Append(ref, labels, t, value);
    exposition::HistogramValue histogram = *more->histogram;
    if (!LimitBuckets(scrape_.config, &histogram)) {
      counts_.bucket_limit_exceeded = true;
      return {AppendStatus::kOk, ref};
    }
    return AppendHistogramValue(appender_, ref, labels, t, histogram);
  }

  // A zero at the time when the counter began, once; what storage cannot put there is left out.
  // Gives the ref of the series.
  model::SeriesRef AppendStart(model::SeriesRef ref, const Labels& labels, int64_t t,
                               const exposition::Item& more) {
    auto known = cache_.starts_.find(ref);
    if (known != cache_.starts_.end() && known->second == more.created_ms) return ref;
    if (more.created_ms >= t) return ref;
    if (appender_.CheckInOrder(ref, labels, more.created_ms) == AppendStatus::kOk) {
      AppendResult result = more.histogram
                                ? AppendHistogramValue(appender_, ref, labels, more.created_ms,
                                                       EmptyLike(*more.histogram))
                                : appender_.Append(ref, labels, more.created_ms, 0);
      if (result.status == AppendStatus::kUnknownSeries) return ref;
      if (result.ref != 0) ref = result.ref;
    }
    if (ref != 0) cache_.starts_[ref] = more.created_ms;
    return ref;
  }

  void Count(AppendStatus status) {
    switch (status) {
      case AppendStatus::kOk:
        ++counts_.appended;
        break;
      case AppendStatus::kOutOfOrder:
        ++counts_.out_of_order;
        break;
      case AppendStatus::kDuplicate:
        ++counts_.duplicate;
        break;
      case AppendStatus::kOutOfBounds:
      case AppendStatus::kTooOld:
        ++counts_.out_of_bounds;
        break;
      case AppendStatus::kUnknownSeries:
      case AppendStatus::kInvalidLabels:
      case AppendStatus::kInvalidHistogram:
        break;
    }
  }

  void MarkVanished() {
    bool vanished = false;
    bool vanished_metadata = false;
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (seen_[i]) continue;
      const CachedLine& line = cache_.lines_[i];
      if (line.flags & kMeta) vanished_metadata = true;
      vanished |= Tracked(line, cache_.track_explicit_);
    }
    cache_.reread_metadata_ = vanished_metadata && !cache_.forgotten_;
    if (!vanished || !cache_.live_) return;
    // Another text may name the same series now (labels in another order): that one goes on.
    std::unordered_set<model::SeriesRef> present;
    for (const CachedLine& line : cache_.staged_) present.insert(line.ref);
    for (size_t i = 0; i < seen_.size(); ++i) {
      const CachedLine& line = cache_.lines_[i];
      if (seen_[i] || !Tracked(line, cache_.track_explicit_) || present.contains(line.ref))
        continue;
      appender_.Append(line.ref, kNoLabels, scrape_.time_ms, model::StaleNan());
    }
  }

  TargetCache& cache_;
  Reader reader_;
  const TargetCache::Scrape& scrape_;
  model::Appender& appender_;
  IngestCounts& counts_;
  size_t at_ = 0;  // in the remembered lines
  LineIndex index_;
  std::vector<bool> seen_;                     // of the remembered lines, once the bodies differ
  std::unordered_set<model::SeriesRef> refs_;  // of new lines; with collect_refs_ of all lines
  bool collect_refs_ = false;
  bool exemplars_disabled_ = false;
};

}  // namespace slurmscope::scrape
