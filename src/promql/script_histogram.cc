#include <optional>

#include "base/float_text.h"
#include "base/strings.h"
#include "model/histogram_sum.h"
#include "promql/script_parse.h"
#include "promql/script_text.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using model::FloatHistogram;
using model::HistogramBucket;
using model::ResetHint;

namespace {

struct Description {
  FloatHistogram histogram;
  std::vector<double> positive;
  std::vector<double> negative;
  int32_t positive_offset = 0;
  int32_t negative_offset = 0;
  bool has_hint = false;
};

Result<double> Number(std::string_view text) {
  auto v = base::ParseFloat(text);
  if (!v) return Fail(ErrorCode::kInvalidArgument, StrCat("bad number ", text));
  return *v;
}

Result<int32_t> Integer(std::string_view text) {
  auto v = base::ParseInt<int32_t>(text);
  if (!v || *v < -1'000'000 || *v > 1'000'000)
    return Fail(ErrorCode::kInvalidArgument, StrCat("bad number ", text));
  return *v;
}

Result<ResetHint> Hint(std::string_view text) {
  if (text == "unknown") return ResetHint::kUnknown;
  if (text == "reset") return ResetHint::kReset;
  if (text == "not_reset") return ResetHint::kNotReset;
  if (text == "gauge") return ResetHint::kGauge;
  return Fail(ErrorCode::kInvalidArgument, StrCat("unknown counter_reset_hint ", text));
}

// "[1 2 3]"
Result<std::vector<double>> Numbers(std::string_view text) {
  std::vector<double> numbers;
  text = text.substr(1, text.size() - 2);
  for (SkipSpace(text); !text.empty(); SkipSpace(text)) {
    std::string_view word = text.substr(0, text.find_first_of(" \t"));
    numbers.push_back(TRY(Number(word)));
    text.remove_prefix(word.size());
  }
  return numbers;
}

Result<void> SetList(Description& d, std::string_view key, std::string_view value) {
  auto numbers = TRY(Numbers(value));
  if (key == "buckets") {
    d.positive = std::move(numbers);
  } else if (key == "n_buckets") {
    d.negative = std::move(numbers);
  } else if (key == "custom_values") {
    d.histogram.custom_values = std::move(numbers);
  } else {
    return Fail(ErrorCode::kInvalidArgument, StrCat("unknown histogram list ", key));
  }
  return {};
}

Result<void> Set(Description& d, std::string_view key, std::string_view value) {
  if (value.starts_with('[')) return SetList(d, key, value);
  FloatHistogram& h = d.histogram;
  if (key == "schema") {
    h.schema = TRY(Integer(value));
  } else if (key == "sum") {
    h.sum = TRY(Number(value));
  } else if (key == "count") {
    h.count = TRY(Number(value));
  } else if (key == "z_bucket") {
    h.zero_count = TRY(Number(value));
  } else if (key == "z_bucket_w") {
    h.zero_threshold = TRY(Number(value));
  } else if (key == "offset") {
    d.positive_offset = TRY(Integer(value));
  } else if (key == "n_offset") {
    d.negative_offset = TRY(Integer(value));
  } else if (key == "counter_reset_hint") {
    h.hint = TRY(Hint(value));
    d.has_hint = true;
  } else {
    return Fail(ErrorCode::kInvalidArgument, StrCat("unknown histogram key ", key));
  }
  return {};
}

std::vector<HistogramBucket> Buckets(const std::vector<double>& counts, int32_t offset) {
  std::vector<HistogramBucket> buckets;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] != 0) buckets.push_back({offset + static_cast<int32_t>(i), counts[i]});
  }
  return buckets;
}

// "key:value" up to the next space outside of brackets.
Result<void> TakeEntry(std::string_view& rest, Description& d) {
  size_t colon = rest.find(':');
  if (colon == std::string_view::npos)
    return Fail(ErrorCode::kInvalidArgument, "expected key:value in a histogram");
  std::string_view key = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  size_t end = rest.starts_with('[') ? rest.find(']') : rest.find_first_of(" \t");
  if (rest.starts_with('[') && end == std::string_view::npos)
    return Fail(ErrorCode::kInvalidArgument, "list without end in a histogram");
  if (rest.starts_with('[')) ++end;
  TRY(Set(d, key, rest.substr(0, end)));
  rest.remove_prefix(std::min(end, rest.size()));
  return {};
}

}  // namespace

Result<ScriptPoint> TakeHistogram(std::string_view& rest) {
  size_t end = rest.find("}}");
  if (!rest.starts_with("{{") || end == std::string_view::npos)
    return Fail(ErrorCode::kInvalidArgument, "expected {{...}}");
  std::string_view text = rest.substr(2, end - 2);
  rest.remove_prefix(end + 2);
  Description d;
  for (SkipSpace(text); !text.empty(); SkipSpace(text)) TRY(TakeEntry(text, d));
  d.histogram.positive = Buckets(d.positive, d.positive_offset);
  d.histogram.negative = Buckets(d.negative, d.negative_offset);
  bool known = d.histogram.custom() || (d.histogram.schema >= FloatHistogram::kMinSchema &&
                                        d.histogram.schema <= FloatHistogram::kMaxSchema);
  bool in_bounds =
      !d.histogram.custom() || (d.negative.empty() && d.positive_offset >= 0 &&
                                static_cast<size_t>(d.positive_offset) + d.positive.size() <=
                                    d.histogram.custom_values.size() + 1);
  if (!known || !in_bounds)
    return Fail(ErrorCode::kInvalidArgument, "buckets that the schema does not have");
  return ScriptPoint{false, 0, std::make_shared<const FloatHistogram>(std::move(d.histogram)),
                     d.has_hint};
}

Result<std::vector<ScriptPoint>> ParseHistograms(std::string_view item) {
  std::vector<ScriptPoint> points{TRY(TakeHistogram(item))};
  std::optional<ScriptPoint> step;
  double sign = item.starts_with('-') ? -1 : 1;
  if (item.starts_with('+') || item.starts_with('-')) {
    item.remove_prefix(1);
    step = TRY(TakeHistogram(item));
  }
  if (item.empty()) return points;
  auto times = base::ParseInt<size_t>(item.substr(1));
  if (item.front() != 'x' || !times || *times > kMaxRepeat)
    return Fail(ErrorCode::kInvalidArgument, StrCat("bad repetition ", item));
  for (size_t i = 0; i < *times; ++i) {
    ScriptPoint next = points.back();
    if (step) {
      model::HistogramSum sum(*next.histogram);
      if (!sum.Add(*step->histogram, sign))
        return Fail(ErrorCode::kInvalidArgument, "histograms that do not add up");
      next.histogram = std::make_shared<const FloatHistogram>(sum.Result());
    }
    points.push_back(std::move(next));
  }
  return points;
}

}  // namespace slurmscope::promql
