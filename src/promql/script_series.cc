#include <cctype>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "model/sample.h"
#include "promql/script_parse.h"
#include "promql/script_text.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

namespace {

bool IsNameByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':' || c == '.';
}

std::string_view TakeName(std::string_view& rest) {
  size_t n = 0;
  while (n < rest.size() && IsNameByte(rest[n])) ++n;
  std::string_view name = rest.substr(0, n);
  rest.remove_prefix(n);
  return name;
}

Result<std::string> TakeNameOrQuoted(std::string_view& rest) {
  if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) return TakeQuoted(rest);
  return std::string(TakeName(rest));
}

// {a="b", "quoted name"="c", "metric"}
Result<void> TakeLabels(std::string_view& rest, model::LabelsBuilder& builder) {
  rest.remove_prefix(1);
  while (true) {
    SkipSpace(rest);
    if (rest.empty()) return Fail(ErrorCode::kInvalidArgument, "labels without end");
    if (rest.front() == '}') break;
    if (rest.front() == ',') {
      rest.remove_prefix(1);
      continue;
    }
    std::string name = TRY(TakeNameOrQuoted(rest));
    SkipSpace(rest);
    if (rest.empty() || rest.front() != '=') {
      builder.Set(model::kMetricName, name);
      if (rest.empty() || (rest.front() != ',' && rest.front() != '}')) {
        return Fail(ErrorCode::kInvalidArgument, StrCat("expected = after label ", name));
      }
      continue;
    }
    rest.remove_prefix(1);
    SkipSpace(rest);
    builder.Set(name, TRY(TakeQuoted(rest)));
  }
  rest.remove_prefix(1);
  return {};
}

struct Repeat {
  std::string_view value;
  std::optional<size_t> times;
};

Result<Repeat> SplitRepeat(std::string_view item) {
  size_t x = item.rfind('x');
  if (x == std::string_view::npos) return Repeat{item, {}};
  auto times = base::ParseInt<size_t>(item.substr(x + 1));
  if (!times || *times > kMaxRepeat)
    return Fail(ErrorCode::kInvalidArgument, StrCat("bad repetition ", item));
  return Repeat{item.substr(0, x), times};
}

Result<double> Number(std::string_view text) {
  if (text == "stale") return model::StaleNan();
  auto v = base::ParseFloat(text);
  if (!v) return Fail(ErrorCode::kInvalidArgument, StrCat("bad number ", text));
  return *v;
}

// Where the step of a+bxN starts: a sign that belongs neither to the number's front nor to an
// exponent.
size_t FindStep(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    bool sign = text[i] == '+' || text[i] == '-';
    if (sign && text[i - 1] != 'e' && text[i - 1] != 'E') return i;
  }
  return std::string_view::npos;
}

Result<void> AddItem(std::string_view item, ScriptSeries& series) {
  if (item.find("{{") != std::string_view::npos) {
    auto points = TRY(ParseHistograms(item));
    series.points.insert(series.points.end(), points.begin(), points.end());
    return {};
  }
  Repeat repeat = TRY(SplitRepeat(item));
  if (repeat.value == "_") {
    series.points.insert(series.points.end(), repeat.times.value_or(1), ScriptPoint{true});
    return {};
  }
  size_t times = repeat.times.value_or(0);
  size_t at = repeat.times ? FindStep(repeat.value) : std::string_view::npos;
  double v = TRY(Number(repeat.value.substr(0, at)));
  double step = at == std::string_view::npos ? 0 : TRY(Number(repeat.value.substr(at)));
  // Added up one by one, as the scripts' expectations were.
  for (size_t i = 0; i <= times; ++i) {
    series.points.push_back({false, v});
    if (step != 0) v += step;
  }
  return {};
}

// 5m, -30s, +1m, 0: milliseconds.
Result<int64_t> SignedDuration(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  int64_t ms = TRY(base::ParseDurationMs(text));
  return negative ? -ms : ms;
}

// Start times, from the times of their samples: _ -30s 0-1mx4
Result<void> AddStartItem(std::string_view item, ScriptSeries& series) {
  Repeat repeat = TRY(SplitRepeat(item));
  if (repeat.value == "_") {
    series.points.insert(series.points.end(), repeat.times.value_or(1), ScriptPoint{});
    return {};
  }
  size_t at = repeat.times ? FindStep(repeat.value) : std::string_view::npos;
  ScriptPoint point;
  point.start = TRY(SignedDuration(repeat.value.substr(0, at)));
  int64_t step = at == std::string_view::npos ? 0 : TRY(SignedDuration(repeat.value.substr(at)));
  for (size_t i = 0; i <= repeat.times.value_or(0); ++i) {
    series.points.push_back(point);
    *point.start += step;
  }
  return {};
}

// Up to the next space, but {{...}} may hold spaces.
std::string_view TakeItem(std::string_view& rest) {
  size_t n = 0;
  int depth = 0;
  while (n < rest.size() && (depth > 0 || !IsSpace(rest[n]))) {
    depth += rest[n] == '{' ? 1 : rest[n] == '}' ? -1 : 0;
    ++n;
  }
  std::string_view item = rest.substr(0, n);
  rest.remove_prefix(n);
  return item;
}

}  // namespace

Result<ScriptSeries> ParseSeriesLine(std::string_view line) {
  ScriptSeries series;
  model::LabelsBuilder builder;
  SkipSpace(line);
  std::string_view name = TakeName(line);
  builder.Set(model::kMetricName, name);
  SkipSpace(line);
  bool has_labels = !line.empty() && line.front() == '{' && !line.starts_with("{{");
  if (has_labels) TRY(TakeLabels(line, builder));
  if (name.empty() && !has_labels) return Fail(ErrorCode::kInvalidArgument, "expected a series");
  series.labels = builder.Build();
  series.starts_only = line.starts_with("@st");
  if (series.starts_only) line.remove_prefix(3);
  for (SkipSpace(line); !line.empty(); SkipSpace(line)) {
    if (line.front() == '#') break;
    std::string_view item = TakeItem(line);
    TRY(series.starts_only ? AddStartItem(item, series) : AddItem(item, series));
  }
  return series;
}

}  // namespace slurmscope::promql
