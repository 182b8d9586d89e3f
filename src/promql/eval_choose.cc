#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/float_text.h"
#include "base/strings.h"
#include "promql/eval_aggregate.h"
#include "promql/label_ops.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

std::string Text(double v) { return base::FormatFloat(v, base::FloatStyle::kExposition); }

Result<void> CheckCounts(const std::vector<double>& k) {
  for (double v : k) {
    if (std::isnan(v)) return ExecError("Parameter value is NaN");
    if (v >= 9223372036854775808.0)
      return ExecError(StrCat("Scalar value ", Text(v), " overflows int64"));
    if (v < -9223372036854775808.0)
      return ExecError(StrCat("Scalar value ", Text(v), " underflows int64"));
  }
  return {};
}

Result<void> CheckRatios(Annotations& notes, const std::vector<double>& ratios, PosRange pos) {
  for (double r : ratios) {
    if (std::isnan(r)) return ExecError("Ratio value is NaN");
    if (r >= -1 && r <= 1) continue;
    notes.Warn(StrCat("ratio value should be between -1 and 1, got ", Text(r), ", capping to ",
                      r > 0 ? "1" : "-1"),
               pos);
  }
  return {};
}

// Best first; NaN comes last, equal values in the order of the series.
struct Better {
  const VectorValue& input;
  size_t step;
  bool largest;
  bool operator()(size_t a, size_t b) const {
    double x = input.Row(a)[step];
    double y = input.Row(b)[step];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
    if (x != y && !std::isnan(x)) return largest ? x > y : x < y;
    return a < b;
  }
};

// Keeps at one step only the chosen samples of one group; `present` holds the group's rows with a
// sample.
size_t ChooseBest(std::vector<size_t>& present, size_t k, const Better& better) {
  k = std::min(k, present.size());
  auto middle = present.begin() + static_cast<std::ptrdiff_t>(k);
  std::partial_sort(present.begin(), middle, present.end(), better);
  return k;
}

// The part of [0, 1) that a label set falls on; the same in every run.
double HashRatio(const model::Labels& labels) {
  return static_cast<double>(labels.Hash()) /
         static_cast<double>(std::numeric_limits<uint64_t>::max());
}

void KeepRatio(VectorValue& input, const std::vector<double>& ratios) {
  for (size_t i = 0; i < input.size(); ++i) {
    double at = HashRatio(input.series[i].labels);
    double* row = input.Row(i);
    for (size_t s = 0; s < input.steps; ++s) {
      double r = std::clamp(ratios[s], -1.0, 1.0);
      bool keep = r >= 0 ? at < r || r == 1 : at >= 1 + r;
      if (!keep) row[s] = Absent();
    }
  }
}

// Rows in the order given.
VectorValue Reordered(VectorValue input, const std::vector<size_t>& order) {
  VectorValue result;
  result.steps = input.steps;
  for (size_t i : order) {
    result.series.push_back(std::move(input.series[i]));
    result.values.insert(result.values.end(), input.Row(i), input.Row(i) + input.steps);
  }
  result.charge = std::move(input.charge);
  return result;
}

// Drops what was not chosen. For an instant query `order` gets the rows in the order of choice.
Result<void> KeepBest(Evaluator& evaluator, AggregateOp op, VectorValue& input,
                      const Grouping& grouping, const std::vector<double>& param,
                      std::vector<size_t>& order) {
  std::vector<std::vector<size_t>> members(grouping.groups.size());
  for (size_t i = 0; i < input.size(); ++i) members[grouping.group_of[i]].push_back(i);
  std::vector<size_t> present;
  for (const auto& rows : members) {
    TRY(evaluator.context().guard.Check());
    for (size_t s = 0; s < input.steps; ++s) {
      present.clear();
      std::copy_if(rows.begin(), rows.end(), std::back_inserter(present),
                   [&](size_t row) { return !IsAbsent(input.Row(row)[s]); });
      size_t k = param[s] < 1 ? 0 : static_cast<size_t>(param[s]);
      k = op == AggregateOp::kLimitk
              ? std::min(k, present.size())
              : ChooseBest(present, k, Better{input, s, op == AggregateOp::kTopk});
      for (size_t i = k; i < present.size(); ++i) input.Row(present[i])[s] = Absent();
      if (input.steps == 1)
        order.insert(order.end(), present.begin(),
                     present.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
  return {};
}

}  // namespace

Result<VectorValue> AggregateChoosing(Evaluator& evaluator, const AggregateExpr& expr,
                                      VectorValue input, const std::vector<double>& param) {
  if (expr.op == AggregateOp::kLimitRatio) {
    TRY(CheckRatios(evaluator.context().notes, param, expr.param->pos));
    KeepRatio(input, param);
    DropEmptyRows(input);
    return input;
  }
  TRY(CheckCounts(param));
  std::vector<size_t> order;
  TRY(KeepBest(evaluator, expr.op, input, GroupSeries(input, expr), param, order));
  if (input.steps == 1) return Reordered(std::move(input), order);
  DropEmptyRows(input);
  return input;
}

Result<VectorValue> AggregateCountValues(Evaluator& evaluator, const AggregateExpr& expr,
                                         const VectorValue& input) {
  std::string label = TRY(evaluator.EvalString(*expr.param));
  if (label.empty() || !base::IsValidUtf8(label)) {
    return ExecError(StrCat("invalid label name ", base::Quote(label)));
  }
  AggregateExpr grouped;
  grouped.without = expr.without;
  for (const std::string& name : expr.grouping) {
    if (expr.without || name != label) grouped.grouping.push_back(name);
  }
  if (expr.without) grouped.grouping.push_back(label);
  Grouping grouping = GroupSeries(input, grouped);

  VectorValue result;
  result.steps = input.steps;
  std::unordered_map<std::string, size_t> rows;  // by group and value
  std::string key;
  for (size_t i = 0; i < input.size(); ++i) {
    if (i % 1024 == 1023) TRY(evaluator.context().guard.Check());
    for (size_t s = 0; s < input.steps; ++s) {
      double v = input.Row(i)[s];
      if (IsAbsent(v)) continue;
      std::string text = base::FormatFloat(v, base::FloatStyle::kFixed);
      key = StrCat(grouping.group_of[i], ' ', text);
      auto [found, added] = rows.try_emplace(key, result.size());
      if (added) {
        TRY(result.charge.Add(evaluator.context().guard, static_cast<int64_t>(input.steps)));
        const SeriesMeta& group = grouping.groups[grouping.group_of[i]];
        model::LabelsBuilder builder(group.labels);
        result.series.push_back({builder.Set(label, text).Build(), group.drop_name});
        result.values.resize(result.values.size() + input.steps, Absent());
      }
      double& cell = result.Row(found->second)[s];
      cell = IsAbsent(cell) ? 1 : cell + 1;
    }
  }
  return result;
}

}  // namespace slurmscope::promql
