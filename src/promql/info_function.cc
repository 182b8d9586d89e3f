#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/strings.h"
#include "promql/calls.h"
#include "promql/label_ops.h"

// info(v, {selector}): adds labels of info metrics to the series they describe.

namespace slurmscope::promql {

using base::StrCat;
using model::Labels;
using model::Matcher;
using model::MatchType;

namespace {

constexpr std::array<std::string_view, 2> kIdentifying = {"instance", "job"};

bool IsIdentifying(std::string_view name) {
  return std::find(kIdentifying.begin(), kIdentifying.end(), name) != kIdentifying.end();
}

bool IsPositive(const Matcher& matcher) {
  return matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kRegexp;
}

// Which info series are asked for, and which of their labels.
struct InfoSelector {
  std::vector<Matcher> names;
  std::vector<Matcher> data;

  bool Wants(std::string_view label) const {
    if (label == model::kMetricName || IsIdentifying(label)) return false;
    return data.empty() || std::any_of(data.begin(), data.end(),
                                       [label](const Matcher& m) { return m.name() == label; });
  }
  // Info metrics are not described themselves.
  bool IsInfo(const Labels& labels) const {
    return std::all_of(names.begin(), names.end(), [&](const Matcher& matcher) {
      return matcher.Matches(labels.Get(model::kMetricName));
    });
  }
  // Samples without an info series stay as they are.
  bool Optional() const {
    return std::all_of(data.begin(), data.end(),
                       [](const Matcher& matcher) { return matcher.MatchesEmpty(); });
  }
};

Result<InfoSelector> SelectorOf(const Call& call) {
  InfoSelector selector;
  if (call.args.size() > 1) {
    const Expr& arg = Unwrap(*call.args[1]);
    if (arg.kind() != NodeKind::kVectorSelector) return ExecError("expected label selectors only");
    for (const Matcher& matcher : static_cast<const VectorSelector&>(arg).matchers)
      (matcher.name() == model::kMetricName ? selector.names : selector.data).push_back(matcher);
  }
  if (selector.names.empty()) {
    selector.names.push_back(Matcher::Equal(model::kMetricName, "target_info"));
  } else if (std::none_of(selector.names.begin(), selector.names.end(), IsPositive)) {
    selector.names.push_back(TRY(Matcher::Make(MatchType::kRegexp, model::kMetricName, ".+_info")));
  }
  return selector;
}

// The first selector in an expression.
struct FirstSelector {
  Evaluator& evaluator;
  TimeShift shift;  // of the selector and of all subqueries around it

  Result<void> Apply(const TimeModifiers& time) {
    TimeShift inner = TRY(evaluator.Shift(time));
    if (!inner.fixed) {
      inner.fixed = shift.fixed;
      inner.at_ms = shift.at_ms;
      inner.offset_ms = SaturatingAdd(inner.offset_ms, shift.offset_ms);
    }
    shift = inner;
    return {};
  }

  Result<bool> Find(const Expr& expr) {
    switch (expr.kind()) {
      case NodeKind::kVectorSelector:
        TRY(Apply(static_cast<const VectorSelector&>(expr).time));
        return true;
      case NodeKind::kMatrixSelector:
        TRY(Apply(static_cast<const MatrixSelector&>(expr).selector->time));
        return true;
      case NodeKind::kSubquery:
        TRY(Apply(static_cast<const SubqueryExpr&>(expr).time));
        return Find(*static_cast<const SubqueryExpr&>(expr).expr);
      case NodeKind::kParen:
        return Find(*static_cast<const ParenExpr&>(expr).expr);
      case NodeKind::kUnary:
        return Find(*static_cast<const UnaryExpr&>(expr).expr);
      case NodeKind::kAggregate:
        return Find(*static_cast<const AggregateExpr&>(expr).expr);
      case NodeKind::kBinary:
        return Either(*static_cast<const BinaryExpr&>(expr).lhs,
                      *static_cast<const BinaryExpr&>(expr).rhs);
      case NodeKind::kCall:
        for (const ExprPtr& arg : static_cast<const Call&>(expr).args) {
          if (TRY(Find(*arg))) return true;
        }
        return false;
      default:
        return false;
    }
  }
  Result<bool> Either(const Expr& a, const Expr& b) {
    if (TRY(Find(a))) return true;
    return Find(b);
  }
};

// The info series, with their values and with the times of their samples.
struct InfoSeries {
  VectorValue times;
  std::vector<std::vector<size_t>> by_id;  // rows by identifying labels
};

// Describes the series of one vector.
class Describer {
 public:
  Describer(Evaluator& evaluator, const Call& call, InfoSelector selector)
      : evaluator_(evaluator),
        call_(call),
        selector_(std::move(selector)),
        ids_({kIdentifying.begin(), kIdentifying.end()}, true) {}

  Result<VectorValue> Run(const StepGrid& grid) &&;

 private:
  Result<void> LoadInfo(const StepGrid& grid);
  Result<void> Describe(const VectorValue& base, size_t row);
  Result<std::optional<Labels>> LabelsAt(const Labels& base, size_t id, size_t step) const;
  Result<std::vector<size_t>> MatchesAt(size_t id, size_t step) const;
  Result<size_t> RowOf(const SeriesMeta& meta, Labels labels);

  Evaluator& evaluator_;
  const Call& call_;
  InfoSelector selector_;
  SignatureTable ids_;
  InfoSeries info_;
  VectorValue result_;
};

Result<void> Describer::LoadInfo(const StepGrid& grid) {
  FirstSelector first{evaluator_, {}};
  TRY(first.Find(*call_.args[0]));
  VectorSelector selector;
  selector.matchers = selector_.names;
  selector.matchers.insert(selector.matchers.end(), selector_.data.begin(), selector_.data.end());
  selector.time.offset.ms = first.shift.offset_ms;
  if (first.shift.fixed) selector.time.at = AtModifier::kTimestamp;
  selector.time.at_ms = first.shift.at_ms;
  VectorValue values = TRY(evaluator_.EvalVectorSelector(selector, grid, SampleField::kValue));
  if (values.has_histograms())
    return ExecError("info metrics must have float samples, but some are histograms");
  info_.times = TRY(evaluator_.EvalVectorSelector(selector, grid, SampleField::kTime));
  for (size_t i = 0; i < info_.times.size(); ++i) {
    size_t id = ids_.IdOf(info_.times.series[i].labels);
    info_.by_id.resize(ids_.size());
    info_.by_id[id].push_back(i);
  }
  return {};
}

// One series of each info metric: the one with the newest sample.
Result<std::vector<size_t>> Describer::MatchesAt(size_t id, size_t step) const {
  std::map<std::string_view, size_t> newest;
  for (size_t row : info_.by_id[id]) {
    double t = info_.times.Row(row)[step];
    if (IsAbsent(t)) continue;
    std::string_view name = info_.times.series[row].labels.Get(model::kMetricName);
    auto [found, added] = newest.try_emplace(name, row);
    if (added) continue;
    double other = info_.times.Row(found->second)[step];
    if (t == other) {
      return ExecError(StrCat("found duplicate series for info metric: existing ",
                              info_.times.series[found->second].labels.ToString(), ", new ",
                              info_.times.series[row].labels.ToString()));
    }
    if (t > other) found->second = row;
  }
  std::vector<size_t> rows;
  for (const auto& [name, row] : newest) rows.push_back(row);
  return rows;
}

// Nothing when the sample goes.
Result<std::optional<Labels>> Describer::LabelsAt(const Labels& base, size_t id,
                                                  size_t step) const {
  std::vector<size_t> rows = TRY(MatchesAt(id, step));
  if (rows.empty()) return selector_.Optional() ? std::optional(base) : std::nullopt;
  model::LabelsBuilder builder(base);
  for (size_t row : rows) {
    for (model::Label label : info_.times.series[row].labels) {
      if (!selector_.Wants(label.name) || base.Has(label.name)) continue;
      std::string_view other = builder.Get(label.name);
      if (!other.empty() && other != label.value)
        return ExecError(StrCat("conflicting label: ", label.name));
      builder.Set(label.name, label.value);
    }
  }
  return std::optional(builder.Build());
}

Result<size_t> Describer::RowOf(const SeriesMeta& meta, Labels labels) {
  TRY(result_.charge.Add(evaluator_.context().guard, static_cast<int64_t>(result_.steps)));
  result_.AddRow({std::move(labels), meta.drop_name});
  return result_.size() - 1;
}

Result<void> Describer::Describe(const VectorValue& base, size_t row) {
  const SeriesMeta& meta = base.series[row];
  size_t id = ids_.IdOf(meta.labels);
  if (id >= info_.by_id.size()) info_.by_id.resize(id + 1);
  std::map<Labels, size_t> rows;
  for (size_t s = 0; s < base.steps; ++s) {
    if (IsAbsent(base.Row(row)[s])) continue;
    std::optional<Labels> labels = TRY(LabelsAt(meta.labels, id, s));
    if (!labels) continue;
    auto found = rows.find(*labels);
    if (found == rows.end()) found = rows.emplace(*labels, TRY(RowOf(meta, *labels))).first;
    result_.Row(found->second)[s] = base.Row(row)[s];
    if (base.Histogram(row, s) != nullptr)
      result_.Set(found->second, s, base.histograms[row * base.steps + s]);
  }
  return {};
}

Result<VectorValue> Describer::Run(const StepGrid& grid) && {
  VectorValue base = TRY(evaluator_.EvalVector(*call_.args[0], grid));
  TRY(LoadInfo(grid));
  result_.steps = base.steps;
  for (size_t i = 0; i < base.size(); ++i) {
    if (i % 256 == 255) TRY(evaluator_.context().guard.Check());
    if (selector_.IsInfo(base.series[i].labels)) {
      result_.AddRow(base.series[i], base, i);
    } else {
      TRY(Describe(base, i));
    }
  }
  TRY(MergeSameLabels(result_));
  return std::move(result_);
}

Result<Value> Info(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  InfoSelector selector = TRY(SelectorOf(call));
  return VectorOf(TRY(Describer(evaluator, call, std::move(selector)).Run(grid)));
}

}  // namespace

CallHandler FindInfoCall(std::string_view name) { return name == "info" ? Info : nullptr; }

}  // namespace slurmscope::promql
