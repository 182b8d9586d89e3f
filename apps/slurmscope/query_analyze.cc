#include "query_analyze.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "base/float_text.h"
#include "base/strings.h"
#include "query_print.h"

namespace slurmscope::app {
namespace {

using base::StrAppend;
using base::StrCat;

constexpr std::string_view kLe = "le";

const std::string* Find(const AnswerLabels& labels, std::string_view name) {
  auto found = std::find_if(labels.begin(), labels.end(),
                            [name](const auto& label) { return label.first == name; });
  return found == labels.end() ? nullptr : &found->second;
}

double UpperBound(const AnswerSeries& bucket) {
  return base::ParseFloat(*Find(bucket.labels, kLe)).value_or(0);
}

bool IsClassicBucket(const AnswerSeries& series) {
  const std::string* name = Find(series.labels, "__name__");
  return name != nullptr && name->ends_with("_bucket") && Find(series.labels, kLe) != nullptr;
}

// Without `le`, and always with braces.
std::string ClassicName(AnswerLabels labels) {
  std::erase_if(labels, [](const auto& label) { return label.first == kLe; });
  std::string text = MetricText(labels);
  return text.ends_with('}') ? text : text + "{}";
}

std::string ThreeDecimals(double v) {
  std::array<char, 32> text{};
  int size = std::snprintf(text.data(), text.size(), "%.3f", v);
  return {text.data(), static_cast<size_t>(size)};
}

std::string ThreeFigures(size_t least, double average, size_t most) {
  return StrCat(least, "/", ThreeDecimals(average), "/", most);
}

}  // namespace

void HistogramUse::Use::Count(size_t used) {
  least = std::min(least, used);
  most = std::max(most, used);
  total += used;
  ++samples;
}

void HistogramUse::Spread::Count(size_t figure) {
  least = std::min(least, figure);
  most = std::max(most, figure);
  total += static_cast<double>(figure);
}

std::string HistogramUse::Spread::Text(size_t count) const {
  return ThreeFigures(least, total / static_cast<double>(count), most);
}

void HistogramUse::Totals::Count(const Use& use) {
  ++histograms;
  least.Count(use.least);
  average.Count(static_cast<size_t>(use.average()));
  most.Count(use.most);
  buckets.Count(use.buckets);
}

std::string HistogramUse::Totals::Text(std::string_view kind) const {
  if (histograms == 0) return {};
  std::string out = StrCat("\n", kind, " histogram series (", histograms,
                           " in total):\n- min populated: ", least.Text(histograms),
                           "\n- avg populated: ", average.Text(histograms),
                           "\n- max populated: ", most.Text(histograms), "\n");
  if (most != buckets) StrAppend(out, "- total: ", buckets.Text(histograms), "\n");
  return out;
}

void HistogramUse::AddLine(const std::string& name, std::string_view kind, const Use& use,
                           Totals& totals) {
  if (use.samples < 2) return;
  StrAppend(lines_, "- ", name, " (", kind,
            "): ", ThreeFigures(use.least, use.average(), use.most));
  if (use.most != use.buckets) StrAppend(lines_, "/", use.buckets);
  lines_ += '\n';
  totals.Count(use);
}

void HistogramUse::AddNative(const AnswerSeries& series) {
  Use use;
  std::set<std::tuple<double, double, int>> seen;
  for (const AnswerPoint& point : series.points) {
    if (!point.histogram) continue;
    use.Count(point.histogram->buckets.size());
    for (const AnswerBucket& bucket : point.histogram->buckets)
      seen.emplace(bucket.lower, bucket.upper, bucket.boundaries);
  }
  use.buckets = seen.size();
  AddLine(MetricText(series.labels), "native", use, native_);
}

// Counts are cumulative: a bucket is in use where its count is above that of the one before. Only
// times at which all buckets have a sample tell.
void HistogramUse::AddClassic(const std::string& name, std::vector<const AnswerSeries*> buckets) {
  std::stable_sort(
      buckets.begin(), buckets.end(),
      [](const AnswerSeries* a, const AnswerSeries* b) { return UpperBound(*a) < UpperBound(*b); });
  std::map<int64_t, std::vector<double>> by_time;
  for (const AnswerSeries* bucket : buckets) {
    for (const AnswerPoint& point : bucket->points) by_time[point.t].push_back(point.v);
  }
  Use use;
  use.buckets = buckets.size();
  for (const auto& [t, counts] : by_time) {
    if (counts.size() != buckets.size()) continue;
    double before = 0;
    size_t used = 0;
    for (double count : counts) {
      used += std::fabs(count - before) >= 1 ? 1 : 0;
      before = count;
    }
    use.Count(used);
  }
  AddLine(name, "classic", use, classic_);
}

void HistogramUse::Add(const QueryAnswer& matrix) {
  std::vector<const AnswerSeries*> order;
  for (const AnswerSeries& series : matrix.series) order.push_back(&series);
  std::stable_sort(order.begin(), order.end(), [](const AnswerSeries* a, const AnswerSeries* b) {
    return a->labels < b->labels;
  });
  std::map<std::string, std::vector<const AnswerSeries*>> classic;
  for (const AnswerSeries* series : order) {
    bool floats = std::any_of(series->points.begin(), series->points.end(),
                              [](const AnswerPoint& point) { return !point.histogram; });
    if (!floats) {
      AddNative(*series);
    } else if (IsClassicBucket(*series)) {
      classic[ClassicName(series->labels)].push_back(series);
    }
  }
  for (auto& [name, buckets] : classic) AddClassic(name, std::move(buckets));
}

std::string HistogramUse::Report() const {
  if (lines_.empty()) return "no histograms with two samples or more\n";
  return StrCat(
      "Buckets in use, by histogram: fewest/average/most at one time, and how many there are where"
      " never all are in use\n\n",
      lines_, "\nOver these histograms: lowest/average/highest\n", native_.Text("Native"),
      classic_.Text("Classic"));
}

}  // namespace slurmscope::app
