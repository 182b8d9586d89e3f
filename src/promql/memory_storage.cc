#include "promql/memory_storage.h"

#include <algorithm>
#include <mutex>
#include <set>

namespace slurmscope::promql {

using base::Result;
using model::Columns;
using model::Labels;

namespace {

using Entry = std::pair<Labels, std::shared_ptr<const Columns>>;

class MemorySeriesSet final : public model::SeriesSet {
 public:
  explicit MemorySeriesSet(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  size_t size() const override { return entries_.size(); }
  Labels LabelsAt(size_t index) const override { return entries_[index].first; }
  Result<void> Decode(size_t index, int64_t mint, int64_t maxt, Columns* out) const override {
    const Columns& all = *entries_[index].second;
    auto first = std::lower_bound(all.t.begin(), all.t.end(), mint) - all.t.begin();
    auto last = std::upper_bound(all.t.begin(), all.t.end(), maxt) - all.t.begin();
    last = std::max(first, last);
    out->Assign(all, static_cast<size_t>(first), static_cast<size_t>(last));
    return {};
  }

 private:
  std::vector<Entry> entries_;
};

bool MatchesAll(const Labels& labels, const std::vector<model::Matcher>& matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

std::vector<std::string> Limited(const std::set<std::string>& values, size_t limit) {
  std::vector<std::string> result(values.begin(), values.end());
  if (limit > 0 && result.size() > limit) result.resize(limit);
  return result;
}

// Sample `i` of `from` at its place in time.
void Insert(Columns& columns, const Columns& from, size_t i) {
  int64_t t = from.t[i];
  model::HistogramPtr histogram = from.has_histograms() ? from.h[i] : nullptr;
  auto at = std::lower_bound(columns.t.begin(), columns.t.end(), t) - columns.t.begin();
  auto index = static_cast<size_t>(at);
  if (index == columns.size() || columns.t[index] != t) {
    columns.t.insert(columns.t.begin() + at, t);
    columns.v.insert(columns.v.begin() + at, 0);
    if (columns.has_histograms()) columns.h.insert(columns.h.begin() + at, nullptr);
    if (!columns.st.empty()) columns.st.insert(columns.st.begin() + at, 0);
  }
  columns.v[index] = from.v[i];
  if (!from.st.empty()) columns.SetStart(index, from.st[i]);
  if (histogram != nullptr && !columns.has_histograms()) columns.h.resize(columns.size());
  if (columns.has_histograms()) columns.h[index] = histogram;
}

// Whether a storage would put both into one chunk.
bool Continues(const model::FloatHistogram& h, const model::FloatHistogram* previous) {
  return previous != nullptr && previous->hint != model::ResetHint::kGauge &&
         h.schema == previous->schema && h.zero_threshold == previous->zero_threshold &&
         h.custom_values == previous->custom_values && !h.IsResetFrom(*previous);
}

// The hints a storage of Prometheus gives: it knows that there was no reset inside a chunk, and a
// reset begins a new chunk, of whose first histogram it knows nothing.
void SetHints(Columns& columns) {
  using enum model::ResetHint;
  for (size_t i = columns.size(); columns.has_histograms() && i-- > 0;) {
    const model::FloatHistogram* h = columns.Histogram(i);
    if (h == nullptr || h->hint == kGauge) continue;
    bool continues = i > 0 && Continues(*h, columns.Histogram(i - 1));
    auto hinted = std::make_shared<model::FloatHistogram>(*h);
    hinted->hint = continues ? kNotReset : kUnknown;
    columns.h[i] = std::move(hinted);
  }
}

}  // namespace

class MemoryQuerier final : public model::Querier {
 public:
  MemoryQuerier(const MemoryStorage& storage, int64_t mint, int64_t maxt)
      : storage_(storage), mint_(mint), maxt_(maxt) {}

  Result<std::unique_ptr<model::SeriesSet>> Select(
      bool /*sorted: always*/, const model::SelectHints&,
      const std::vector<model::Matcher>& matchers) override {
    return std::make_unique<MemorySeriesSet>(Matching(matchers));
  }

  Result<std::vector<std::string>> LabelValues(const std::string& name,
                                               const std::vector<model::Matcher>& matchers,
                                               size_t limit) override {
    std::set<std::string> values;
    for (const Entry& entry : Matching(matchers)) {
      if (entry.first.Has(name)) values.emplace(entry.first.Get(name));
    }
    return Limited(values, limit);
  }

  Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>& matchers,
                                              size_t limit) override {
    std::set<std::string> names;
    for (const Entry& entry : Matching(matchers)) {
      for (model::Label label : entry.first) names.emplace(label.name);
    }
    return Limited(names, limit);
  }

 private:
  std::vector<Entry> Matching(const std::vector<model::Matcher>& matchers) const {
    std::shared_lock lock(storage_.mutex_);
    std::vector<Entry> entries;
    for (const auto& [labels, samples] : storage_.series_) {
      bool in_time =
          !samples->t.empty() && samples->t.front() <= maxt_ && samples->t.back() >= mint_;
      if (in_time && MatchesAll(labels, matchers)) entries.emplace_back(labels, samples);
    }
    return entries;
  }

  const MemoryStorage& storage_;
  int64_t mint_;
  int64_t maxt_;
};

void MemoryStorage::Add(const Labels& labels, int64_t t, double v) {
  Add(labels, Columns{{t}, {v}});
}

void MemoryStorage::Add(const Labels& labels, const Columns& samples) {
  std::unique_lock lock(mutex_);
  std::shared_ptr<const Columns>& stored = series_[labels];
  auto grown = stored ? std::make_shared<Columns>(*stored) : std::make_shared<Columns>();
  for (size_t i = 0; i < samples.size(); ++i) {
    Insert(*grown, samples, i);
  }
  SetHints(*grown);
  stored = std::move(grown);
}

void MemoryStorage::Clear() {
  std::unique_lock lock(mutex_);
  series_.clear();
}

Result<std::unique_ptr<model::Querier>> MemoryStorage::NewQuerier(int64_t mint, int64_t maxt) {
  return std::make_unique<MemoryQuerier>(*this, mint, maxt);
}

}  // namespace slurmscope::promql
