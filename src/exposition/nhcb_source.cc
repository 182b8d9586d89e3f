#include "exposition/nhcb_source.h"

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/openmetrics_reader.h"
#include "exposition/series_text.h"

namespace slurmscope::exposition {
namespace {

// Counts up to here are whole as doubles.
constexpr double kMaxWhole = 9007199254740992.0;

bool IsWhole(double value) {
  return value >= 0 && value <= kMaxWhole && std::floor(value) == value;
}

// One histogram on its way: what its lines have said.
struct Gathered {
  model::Labels labels;              // with the family's name, without le
  std::map<double, double> buckets;  // counts up to each bound
  std::optional<double> count;
  double sum = 0;
  std::optional<int64_t> timestamp;
  std::vector<model::Exemplar> exemplars;
  int64_t created_ms = 0;
};

template <typename Histogram, typename Count>
Histogram Build(const Gathered& from, double total) {
  Histogram h;
  h.schema = model::FloatHistogram::kCustomSchema;
  h.sum = from.sum;
  h.count = static_cast<Count>(total);
  double before = 0;
  int32_t index = 0;
  for (const auto& [bound, count] : from.buckets) {
    if (!std::isinf(bound)) h.custom_values.push_back(bound);
    if (count > before)
      h.positive.push_back({index, static_cast<Count>(count) - static_cast<Count>(before)});
    before = count;
    ++index;
  }
  return h;
}

// nullopt when the counts go down or are not those of a histogram.
std::optional<HistogramValue> Convert(Gathered from) {
  double before = 0;
  bool whole = true;
  for (const auto& [unused, count] : from.buckets) {
    if (!(count >= before) || std::isinf(count)) return std::nullopt;
    whole = whole && IsWhole(count);
    before = count;
  }
  const double total = from.count.value_or(before);
  if (!(total >= before) || std::isinf(total)) return std::nullopt;
  // What is above the last bound.
  from.buckets.emplace(std::numeric_limits<double>::infinity(), total);
  if (whole && IsWhole(total))
    return HistogramValue(Build<model::IntHistogram, int64_t>(from, total));
  return HistogramValue(Build<model::FloatHistogram, double>(from, total));
}

enum class Part { kNone, kBucket, kSum, kCount };

Part PartOf(std::string_view suffix) {
  if (suffix == "_bucket") return Part::kBucket;
  if (suffix == "_sum") return Part::kSum;
  return suffix == "_count" ? Part::kCount : Part::kNone;
}

// With what the readers give besides the entry.
Item ItemWithExtras(const Entry& entry, const TextReader&) { return ItemOf(entry); }
Item ItemWithExtras(const Entry& entry, const OpenMetricsReader& reader) {
  return ItemOf(entry, reader);
}
Item ItemWithExtras(const Entry& entry, const ItemReader& reader) {
  Item item = ItemOf(entry);
  if (reader.item() == nullptr) return item;
  item.histogram = reader.item()->histogram;
  item.exemplars = reader.item()->exemplars;
  item.created_ms = reader.item()->created_ms;
  return item;
}

template <typename Reader>
class Source {
 public:
  Source(std::shared_ptr<Reader> reader, bool keep_classic)
      : reader_(std::move(reader)), keep_classic_(keep_classic) {}

  Result<bool> operator()(std::vector<Item>* items) {
    const Entry entry = TRY(reader_->Next());
    if (entry.kind == Entry::Kind::kEnd) {
      Flush(items);
      return false;
    }
    if (entry.kind == Entry::Kind::kType) {
      Flush(items);
      family_ = entry.metric;
      histogram_ = entry.type == model::MetricType::kHistogram;
      native_.clear();
    }
    Item item = ItemWithExtras(entry, *reader_);
    if (entry.kind == Entry::Kind::kSample && TRY(Gather(entry, item, items))) {
      if (!keep_classic_) return true;
    }
    if (item.histogram) native_ = item.raw;
    items->push_back(std::move(item));
    return true;
  }

 private:
  // True when the sample is a part of a histogram that is to be made.
  Result<bool> Gather(const Entry& entry, const Item& item, std::vector<Item>* items) {
    if (!histogram_ || item.histogram) return false;
    auto parsed = ParseSeries(entry.series, entry.column);
    if (!parsed) {
      return base::Fail(parsed.error().code(),
                        base::StrCat("line ", entry.line, ", ", parsed.error().message()));
    }
    const std::string_view name = parsed->Get(model::kMetricName);
    if (!name.starts_with(family_)) return false;
    const Part part = PartOf(name.substr(family_.size()));
    if (part == Part::kNone || (part == Part::kBucket && !parsed->Has("le"))) return false;
    model::LabelsBuilder own(*parsed);
    own.Set(model::kMetricName, family_).Remove("le");
    model::Labels labels = own.Build();
    if (!native_.empty() && SeriesText(labels) == native_) return false;
    if (!gathered_ || gathered_->labels != labels) {
      Flush(items);
      gathered_.emplace().labels = std::move(labels);
    }
    Take(part, parsed->Get("le"), item);
    return true;
  }

  void Take(Part part, std::string_view le, const Item& item) {
    Gathered& to = *gathered_;
    to.timestamp = item.timestamp;
    if (item.created_ms != 0) to.created_ms = item.created_ms;
    if (part == Part::kSum) {
      to.sum = item.value;
    } else if (part == Part::kCount) {
      to.count = item.value;
    } else if (const auto bound = base::ParseFloat(le); bound && !std::isnan(*bound)) {
      to.buckets[*bound] = item.value;
      for (const model::Exemplar& exemplar : item.exemplars) {
        if (exemplar.has_timestamp) to.exemplars.push_back(exemplar);
      }
    }
  }

  void Flush(std::vector<Item>* items) {
    if (!gathered_) return;
    Gathered done = *std::exchange(gathered_, std::nullopt);
    Item item;
    item.raw = SeriesText(done.labels);
    item.timestamp = done.timestamp;
    item.created_ms = done.created_ms;
    item.exemplars = std::move(done.exemplars);
    item.histogram = Convert(std::move(done));
    if (item.histogram) items->push_back(std::move(item));
  }

  std::shared_ptr<Reader> reader_;
  const bool keep_classic_;
  std::string family_;
  bool histogram_ = false;
  std::string native_;  // the series that has a native form, which came last
  std::optional<Gathered> gathered_;
};

}  // namespace

ItemReader::Source NhcbOfText(std::string_view body, bool keep_classic) {
  return Source<TextReader>(std::make_shared<TextReader>(body), keep_classic);
}

ItemReader::Source NhcbOfOpenMetrics(std::string_view body, bool keep_classic) {
  return Source<OpenMetricsReader>(std::make_shared<OpenMetricsReader>(body), keep_classic);
}

ItemReader::Source NhcbOfItems(ItemReader::Source items, bool keep_classic) {
  return Source<ItemReader>(std::make_shared<ItemReader>(std::move(items)), keep_classic);
}

}  // namespace slurmscope::exposition
