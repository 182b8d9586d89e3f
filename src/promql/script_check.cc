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

std::string Text(const model::Columns& points) {
  std::string out;
  for (size_t i = 0; i < points.size(); ++i)
    base::StrAppend(out, ' ', Text(points.v[i]), "@", points.t[i]);
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

// What a case expects, as the points of a matrix.
Result<std::map<model::Labels, model::Columns>> Wanted(const EvalCase& eval, int64_t start,
                                                       int64_t step) {
  std::map<model::Labels, model::Columns> wanted;
  for (const ScriptSeries& series : eval.series) {
    model::Columns points;
    for (size_t i = 0; i < series.points.size(); ++i) {
      const ScriptPoint& point = series.points[i];
      if (point.histogram)
        return base::Fail(base::ErrorCode::kInvalidArgument, "native histograms are not supported");
      if (point.omitted) continue;
      points.t.push_back(start + static_cast<int64_t>(i) * step);
      points.v.push_back(point.v);
    }
    if (points.size() > 0) wanted[series.labels] = std::move(points);
  }
  return wanted;
}

std::string ComparePoints(const model::Labels& labels, const model::Columns& want,
                          const model::Columns& got) {
  bool same =
      want.t == got.t && std::equal(want.v.begin(), want.v.end(), got.v.begin(), AlmostEqual);
  return same ? "" : StrCat(labels.ToString(), ": got", Text(got), ", wanted", Text(want));
}

std::string CompareMatrix(std::map<model::Labels, model::Columns> wanted, const MatrixResult& got) {
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
  auto wanted = Wanted(eval, eval.start, 1);
  if (!wanted) return wanted.error().message();
  if (eval.Expects(ExpectKind::kOrdered)) {
    for (size_t i = 0; i < got.samples.size() && i < eval.series.size(); ++i) {
      if (got.samples[i].labels == eval.series[i].labels) continue;
      return StrCat("at position ", i, ": got ", got.samples[i].labels.ToString(), ", wanted ",
                    eval.series[i].labels.ToString());
    }
  }
  MatrixResult matrix;
  for (const VectorSample& sample : got.samples)
    matrix.series.push_back({sample.labels, {{eval.start}, {sample.v}}});
  std::sort(matrix.series.begin(), matrix.series.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  return CompareMatrix(*std::move(wanted), matrix);
}

std::string CheckMatrix(const EvalCase& eval, const MatrixResult& got, int64_t start,
                        int64_t step) {
  auto wanted = Wanted(eval, start, step);
  if (!wanted) return wanted.error().message();
  return CompareMatrix(*std::move(wanted), got);
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

std::string CheckMiddleStep(const EvalCase& eval, const QueryResult& range) {
  const auto* matrix = std::get_if<MatrixResult>(&range.value);
  if (matrix == nullptr) return "the range query gave no matrix";
  VectorResult middle;
  middle.t = eval.start;
  for (const MatrixSeries& series : matrix->series) {
    auto at = std::find(series.points.t.begin(), series.points.t.end(), eval.start) -
              series.points.t.begin();
    if (static_cast<size_t>(at) == series.points.size()) continue;
    middle.samples.push_back({series.labels, series.points.v[static_cast<size_t>(at)]});
  }
  if (!eval.scalar) return CompareVector(eval, middle);
  bool same = middle.samples.size() == 1 && AlmostEqual(middle.samples[0].v, *eval.scalar);
  return same ? "" : "the scalar differs";
}

}  // namespace slurmscope::promql
