#include "promql/script_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

std::string Text(double v) { return base::FormatFloat(v, base::FloatStyle::kApi); }

std::string Text(const model::FloatHistogram& h) {
  static constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  std::string bounds;
  for (double bound : h.custom_values) base::StrAppend(bounds, ' ', Text(bound));
  return StrCat(h.ToString(), "/schema:", h.schema, "/zero:", Text(h.zero_threshold),
                "/hint:", kHints[static_cast<size_t>(h.hint)], "/bounds:[", bounds, "]");
}

// What a case expects of one series.
struct WantedPoints {
  model::Times t;
  std::vector<ScriptPoint> points;
};

std::string Text(const model::Columns& points) {
  std::string out;
  for (size_t i = 0; i < points.size(); ++i) {
    const model::FloatHistogram* h = points.Histogram(i);
    base::StrAppend(out, ' ', h != nullptr ? Text(*h) : Text(points.v[i]), "@", points.t[i]);
  }
  return out;
}

std::string Text(const WantedPoints& wanted) {
  std::string out;
  for (size_t i = 0; i < wanted.t.size(); ++i) {
    const ScriptPoint& point = wanted.points[i];
    std::string value = point.histogram != nullptr ? Text(*point.histogram) : Text(point.v);
    base::StrAppend(out, ' ', value, "@", wanted.t[i]);
  }
  return out;
}

bool TextMatches(const Expectation& expectation, const std::string& text) {
  if (!expectation.message.empty()) return text == expectation.message;
  if (expectation.regex.empty()) return true;
  auto regex = model::Regex::Compile(StrCat(".*(?:", expectation.regex, ").*"));
  return regex && regex->Matches(text);
}

std::string CheckFailure(const EvalCase& eval, const base::Error& error) {
  for (const Expectation& expectation : eval.expectations) {
    if (expectation.kind == ExpectKind::kFail && !TextMatches(expectation, error.message())) {
      return StrCat("failed with ", base::Quote(error.message()), ", wanted ",
                    base::Quote(StrCat(expectation.message, expectation.regex)));
    }
  }
  return "";
}

// Every expectation must match a note; when texts are given, every note must match one of them.
std::string CheckNotes(const EvalCase& eval, ExpectKind some, ExpectKind none,
                       const std::vector<std::string>& notes, std::string_view what) {
  if (eval.Expects(none) && !notes.empty()) return StrCat("unexpected ", what, ": ", notes.front());
  bool has_text = false;
  for (const Expectation& expectation : eval.expectations) {
    if (expectation.kind != some) continue;
    has_text = has_text || !expectation.message.empty() || !expectation.regex.empty();
    bool found = std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
      return TextMatches(expectation, note);
    });
    if (!found) {
      return StrCat("no such ", what, ": ", expectation.message, expectation.regex, "; got [",
                    base::Join(notes, "; "), "]");
    }
  }
  for (const std::string& note : notes) {
    bool wanted =
        std::any_of(eval.expectations.begin(), eval.expectations.end(),
                    [&](const Expectation& e) { return e.kind == some && TextMatches(e, note); });
    if (has_text && !wanted) return StrCat("unexpected ", what, ": ", note);
  }
  return "";
}

using WantedMatrix = std::map<model::Labels, WantedPoints>;

WantedMatrix Wanted(const EvalCase& eval, int64_t start, int64_t step) {
  WantedMatrix wanted;
  for (const ScriptSeries& series : eval.series) {
    WantedPoints points;
    for (size_t i = 0; i < series.points.size(); ++i) {
      if (series.points[i].omitted) continue;
      points.t.push_back(start + static_cast<int64_t>(i) * step);
      points.points.push_back(series.points[i]);
    }
    if (!points.t.empty()) wanted[series.labels] = std::move(points);
  }
  return wanted;
}

bool SameBuckets(std::vector<model::HistogramBucket> a, std::vector<model::HistogramBucket> b) {
  std::erase_if(a, [](const auto& bucket) { return bucket.count == 0; });
  std::erase_if(b, [](const auto& bucket) { return bucket.count == 0; });
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.index == y.index && AlmostEqual(x.count, y.count);
  });
}

bool SameHistogram(const ScriptPoint& wanted, const model::FloatHistogram& got) {
  const model::FloatHistogram& want = *wanted.histogram;
  return want.schema == got.schema && AlmostEqual(want.count, got.count) &&
         AlmostEqual(want.sum, got.sum) && AlmostEqual(want.zero_threshold, got.zero_threshold) &&
         AlmostEqual(want.zero_count, got.zero_count) && SameBuckets(want.positive, got.positive) &&
         SameBuckets(want.negative, got.negative) && want.custom_values == got.custom_values &&
         (!wanted.has_hint || want.hint == got.hint);
}

bool SamePoint(const ScriptPoint& want, const model::Columns& got, size_t i) {
  const model::FloatHistogram* h = got.Histogram(i);
  if ((want.histogram == nullptr) != (h == nullptr)) return false;
  return h != nullptr ? SameHistogram(want, *h) : AlmostEqual(want.v, got.v[i]);
}

std::string ComparePoints(const model::Labels& labels, const WantedPoints& want,
                          const model::Columns& got) {
  bool same = want.t == got.t;
  for (size_t i = 0; same && i < got.size(); ++i) same = SamePoint(want.points[i], got, i);
  return same ? "" : StrCat(labels.ToString(), ": got", Text(got), ", wanted", Text(want));
}

model::Columns PointOf(const VectorSample& sample, int64_t t) {
  model::Columns point;
  if (sample.histogram != nullptr) {
    point.Append(t, sample.histogram);
  } else {
    point.Append(t, sample.v);
  }
  return point;
}

std::string CompareMatrix(WantedMatrix wanted, const MatrixResult& got) {
  for (size_t i = 0; i < got.series.size(); ++i) {
    const MatrixSeries& series = got.series[i];
    if (i > 0 && !(got.series[i - 1].labels < series.labels))
      return "matrix is not sorted by labels";
    auto found = wanted.find(series.labels);
    if (found == wanted.end())
      return StrCat("unexpected series ", series.labels.ToString(), Text(series.points));
    if (std::string text = ComparePoints(series.labels, found->second, series.points);
        !text.empty())
      return text;
    wanted.erase(found);
  }
  return wanted.empty() ? "" : StrCat("missing series ", wanted.begin()->first.ToString());
}

std::string CompareVector(const EvalCase& eval, const VectorResult& got) {
  if (eval.Expects(ExpectKind::kOrdered)) {
    for (size_t i = 0; i < got.samples.size() && i < eval.series.size(); ++i) {
      if (got.samples[i].labels == eval.series[i].labels) continue;
      return StrCat("at position ", i, ": got ", got.samples[i].labels.ToString(), ", wanted ",
                    eval.series[i].labels.ToString());
    }
  }
  MatrixResult matrix;
  for (const VectorSample& sample : got.samples)
    matrix.series.push_back({sample.labels, PointOf(sample, eval.start)});
  std::sort(matrix.series.begin(), matrix.series.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  return CompareMatrix(Wanted(eval, eval.start, 1), matrix);
}

std::string CheckMatrix(const EvalCase& eval, const MatrixResult& got, int64_t start,
                        int64_t step) {
  return CompareMatrix(Wanted(eval, start, step), got);
}

std::string CheckValue(const EvalCase& eval, const QueryResult& got) {
  for (const Expectation& expectation : eval.expectations) {
    if (expectation.kind == ExpectKind::kString) {
      const auto* text = std::get_if<StringResult>(&got.value);
      return text != nullptr && text->v == expectation.text ? "" : "wanted another string";
    }
    if (expectation.kind == ExpectKind::kRangeVector) {
      const auto* matrix = std::get_if<MatrixResult>(&got.value);
      if (matrix == nullptr) return "wanted a range vector";
      return CheckMatrix(eval, *matrix, expectation.start, expectation.step);
    }
  }
  if (const auto* matrix = std::get_if<MatrixResult>(&got.value)) {
    return CheckMatrix(eval, *matrix, eval.start, eval.step);
  }
  if (const auto* scalar = std::get_if<ScalarResult>(&got.value)) {
    if (!eval.scalar) return StrCat("got scalar ", Text(scalar->v));
    bool same = AlmostEqual(*eval.scalar, scalar->v);
    return same ? "" : StrCat("got ", Text(scalar->v), ", wanted ", Text(*eval.scalar));
  }
  if (eval.scalar) return "wanted a scalar";
  if (const auto* vector = std::get_if<VectorResult>(&got.value))
    return CompareVector(eval, *vector);
  return "unexpected string";
}

}  // namespace

bool AlmostEqual(double a, double b) {
  constexpr double kEpsilon = 1e-6;
  constexpr double kNormal = std::numeric_limits<double>::min();
  if (model::IsStale(a) || model::IsStale(b)) return model::IsStale(a) && model::IsStale(b);
  if ((std::isnan(a) && std::isnan(b)) || a == b) return true;
  double sum = std::fabs(a) + std::fabs(b);
  double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kNormal) return difference < kEpsilon * kNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kEpsilon;
}

std::string CheckCase(const EvalCase& eval, const Result<QueryResult>& got) {
  if (eval.Expects(ExpectKind::kFail))
    return got ? "should have failed" : CheckFailure(eval, got.error());
  if (!got) return StrCat("failed: ", got.error().message());
  if (std::string text = CheckValue(eval, *got); !text.empty()) return text;
  std::string text =
      CheckNotes(eval, ExpectKind::kWarn, ExpectKind::kNoWarn, got->warnings, "warning");
  if (!text.empty()) return text;
  return CheckNotes(eval, ExpectKind::kInfo, ExpectKind::kNoInfo, got->infos, "info");
}

std::string CheckAnswer(const EvalCase& eval, const QueryResult& got) {
  return CheckValue(eval, got);
}

std::string CheckMiddleStep(const EvalCase& eval, const QueryResult& range) {
  const auto* matrix = std::get_if<MatrixResult>(&range.value);
  if (matrix == nullptr) return "the range query gave no matrix";
  VectorResult middle;
  middle.t = eval.start;
  for (const MatrixSeries& series : matrix->series) {
    const model::Columns& points = series.points;
    auto at = static_cast<size_t>(std::find(points.t.begin(), points.t.end(), eval.start) -
                                  points.t.begin());
    if (at == points.size()) continue;
    middle.samples.push_back(
        {series.labels, points.v[at], points.has_histograms() ? points.h[at] : nullptr});
  }
  if (!eval.scalar) return CompareVector(eval, middle);
  bool same = middle.samples.size() == 1 && AlmostEqual(middle.samples[0].v, *eval.scalar);
  return same ? "" : "the scalar differs";
}

}  // namespace slurmscope::promql
