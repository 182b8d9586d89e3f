#include "exposition/created_source.h"

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/strings.h"
#include "exposition/openmetrics_reader.h"

namespace slurmscope::exposition {
namespace {

constexpr std::string_view kCreated = "_created";
constexpr double kMaxSeconds = 9e15;

bool HasStart(model::MetricType type) {
  return type == model::MetricType::kCounter || type == model::MetricType::kHistogram ||
         type == model::MetricType::kSummary;
}

std::string_view NameOf(std::string_view series) {
  const size_t brace = series.find('{');
  if (brace != 0) return series.substr(0, brace);
  const size_t begin = std::min(series.find('"'), series.size() - 1) + 1;
  return series.substr(begin, series.find('"', begin) - begin);
}

bool IsCreated(std::string_view series) { return NameOf(series).ends_with(kCreated); }

// What the samples of one metric and its start time have in common.
Result<std::string> MetricKey(const Item& item) {
  constexpr std::array<std::string_view, 5> kSuffixes = {kCreated, "_count", "_sum", "_bucket",
                                                         "_total"};
  auto parsed = ParseSeries(item.raw, 1);
  if (!parsed) {
    return base::Fail(parsed.error().code(),
                      base::StrCat("line ", item.line, ", ", parsed.error().message()));
  }
  std::string_view name = parsed->Get(model::kMetricName);
  for (std::string_view suffix : kSuffixes) {
    if (!name.ends_with(suffix)) continue;
    name.remove_suffix(suffix.size());
    break;
  }
  return model::LabelsBuilder(*parsed)
      .Set(model::kMetricName, std::string(name))
      .Remove("le")
      .Build()
      .ToString();
}

int64_t Milliseconds(double seconds) {
  return seconds > 0 && seconds < kMaxSeconds ? static_cast<int64_t>(seconds * 1000) : 0;
}

// Gives the samples of one family at a time: start times come behind them.
class Source {
 public:
  explicit Source(std::string_view body) : reader_(std::make_shared<OpenMetricsReader>(body)) {}

  Result<bool> operator()(std::vector<Item>* items) {
    while (true) {
      const Entry entry = TRY(reader_->Next());
      const bool sample = entry.kind == Entry::Kind::kSample;
      if (!sample) TRY(Flush(items));
      if (entry.kind == Entry::Kind::kEnd) return false;
      if (sample) {
        Item item = ItemOf(entry, *reader_);
        const bool created = HasStart(type_) && IsCreated(item.raw);
        (created ? created_ : samples_).push_back(std::move(item));
        if (HasStart(type_)) continue;
        TRY(Flush(items));
        return true;
      }
      // HELP and UNIT may follow TYPE.
      if (entry.kind == Entry::Kind::kType) {
        type_ = entry.type;
        typed_ = entry.metric;
      } else if (entry.metric != typed_) {
        type_ = model::MetricType::kUnknown;
      }
      items->push_back(ItemOf(entry, *reader_));
      return true;
    }
  }

 private:
  Result<void> Flush(std::vector<Item>* items) {
    TRY(SetStarts());
    for (Item& item : samples_) items->push_back(std::move(item));
    samples_.clear();
    created_.clear();
    return {};
  }

  Result<void> SetStarts() {
    if (created_.empty()) return {};
    std::unordered_map<std::string, int64_t> starts;
    for (const Item& item : created_) starts[TRY(MetricKey(item))] = Milliseconds(item.value);
    for (Item& item : samples_) {
      const auto start = starts.find(TRY(MetricKey(item)));
      if (start != starts.end()) item.created_ms = start->second;
    }
    return {};
  }

  std::shared_ptr<OpenMetricsReader> reader_;
  model::MetricType type_ = model::MetricType::kUnknown;
  std::string typed_;          // the family that has it
  std::vector<Item> samples_;  // of that family
  std::vector<Item> created_;
};

}  // namespace

ItemReader::Source CreatedOfOpenMetrics(std::string_view body) { return Source(body); }

}  // namespace slurmscope::exposition
