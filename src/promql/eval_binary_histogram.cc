#include "base/strings.h"
#include "model/histogram_stats.h"
#include "model/histogram_sum.h"
#include "promql/eval_binary.h"
#include "promql/histogram_notes.h"

namespace slurmscope::promql {

namespace {

Combined Of(FloatHistogram histogram) {
  return {0, std::make_shared<const FloatHistogram>(std::move(histogram))};
}

Combined Incompatible(Annotations& notes, const BinaryExpr& expr, const Operand& left,
                      const Operand& right) {
  auto type = [](const Operand& operand) {
    return operand.histogram == nullptr ? "float" : "histogram";
  };
  notes.Info(
      base::StrCat("incompatible sample types encountered for binary operator \"",
                   ToString(expr.op), "\": ", type(left), " ", ToString(expr.op), " ", type(right)),
      expr.pos);
  return {};
}

Combined AddOrSubtract(Annotations& notes, const BinaryExpr& expr, const FloatHistogram& left,
                       const FloatHistogram& right) {
  bool subtract = expr.op == BinaryOp::kSub;
  std::string_view operation = subtract ? "subtraction" : "addition";
  model::HistogramSum sum(left);
  if (!sum.Add(right, subtract ? -1 : 1)) {
    notes.Warn(base::StrCat("incompatible bucket layout encountered for binary operator ",
                            ToString(expr.op)),
               expr.pos);
    return {};
  }
  HistogramNotes about(notes, expr.pos, "");
  if (sum.hints_conflict()) about.ConflictingResets(operation);
  if (sum.reconciled()) about.Reconciled(operation);
  FloatHistogram result = sum.Result();
  if (subtract) result.hint = model::ResetHint::kGauge;
  return Of(std::move(result));
}

Combined Compare(const BinaryExpr& expr, const Operand& left, const Operand& right) {
  bool equal = (*left.histogram)->Equals(**right.histogram);
  bool holds = equal == (expr.op == BinaryOp::kEqual);
  if (expr.return_bool) return {holds ? 1.0 : 0.0};
  return holds ? Combined{0, *left.histogram} : Combined{};
}

}  // namespace

Combined CombineHistograms(Annotations& notes, const BinaryExpr& expr, const Operand& left,
                           const Operand& right) {
  bool left_histogram = left.histogram != nullptr;
  bool right_histogram = right.histogram != nullptr;
  if (left_histogram && right_histogram) {
    if (expr.op == BinaryOp::kAdd || expr.op == BinaryOp::kSub)
      return AddOrSubtract(notes, expr, **left.histogram, **right.histogram);
    if (expr.op == BinaryOp::kEqual || expr.op == BinaryOp::kNotEqual)
      return Compare(expr, left, right);
    return Incompatible(notes, expr, left, right);
  }
  bool scales = expr.op == BinaryOp::kMul || (expr.op == BinaryOp::kDiv && left_histogram);
  if (scales && (left_histogram || right_histogram)) {
    FloatHistogram result = left_histogram ? **left.histogram : **right.histogram;
    double factor = left_histogram ? right.v : left.v;
    expr.op == BinaryOp::kMul ? result.Scale(factor) : result.Divide(factor);
    return Of(std::move(result));
  }
  if (!left_histogram) return Incompatible(notes, expr, left, right);
  if (expr.op == BinaryOp::kTrimUpper)
    return Of(model::Trimmed(**left.histogram, model::TrimSide::kUpper, right.v));
  if (expr.op == BinaryOp::kTrimLower)
    return Of(model::Trimmed(**left.histogram, model::TrimSide::kLower, right.v));
  return Incompatible(notes, expr, left, right);
}

}  // namespace slurmscope::promql
