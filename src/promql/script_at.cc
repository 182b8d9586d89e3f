#include "promql/script_at.h"

#include <algorithm>
#include <array>

#include "promql/functions.h"

namespace slurmscope::promql {

namespace {

constexpr std::array<std::string_view, 15> kTellTime = {
    "time",  "timestamp", "predict_linear", "minute",      "hour",
    "month", "year",      "day_of_week",    "start",       "end",
    "step",  "range",     "day_of_month",   "day_of_year", "days_in_month"};

// Puts `@ t` where there is none.
class Fixer {
 public:
  explicit Fixer(int64_t t) : t_(t) {}

  // False when the expression depends on the time of evaluation all the same.
  bool Fix(Expr& expr) {
    switch (expr.kind()) {
      case NodeKind::kVectorSelector:
        return Fix(static_cast<VectorSelector&>(expr).time);
      case NodeKind::kMatrixSelector:
        return !static_cast<MatrixSelector&>(expr).range.expr &&
               Fix(static_cast<MatrixSelector&>(expr).selector->time);
      case NodeKind::kSubquery:
        // What is inside follows the subquery's own times.
        return !static_cast<SubqueryExpr&>(expr).range.expr &&
               !static_cast<SubqueryExpr&>(expr).step.expr &&
               Fix(static_cast<SubqueryExpr&>(expr).time);
      case NodeKind::kParen:
        return Fix(*static_cast<ParenExpr&>(expr).expr);
      case NodeKind::kUnary:
        return Fix(*static_cast<UnaryExpr&>(expr).expr);
      case NodeKind::kAggregate:
        return FixAggregate(static_cast<AggregateExpr&>(expr));
      case NodeKind::kBinary:
        return Fix(*static_cast<BinaryExpr&>(expr).lhs) && Fix(*static_cast<BinaryExpr&>(expr).rhs);
      case NodeKind::kCall:
        return FixCall(static_cast<Call&>(expr));
      default:
        return true;
    }
  }

 private:
  bool Fix(TimeModifiers& time) const {
    if (time.offset.expr || time.at == AtModifier::kStart || time.at == AtModifier::kEnd)
      return false;
    if (time.at == AtModifier::kNone) {
      time.at = AtModifier::kTimestamp;
      time.at_ms = t_;
    }
    return true;
  }
  bool FixAggregate(AggregateExpr& expr) {
    return (!expr.param || Fix(*expr.param)) && Fix(*expr.expr);
  }
  bool FixCall(Call& call) {
    std::string_view name = call.function->name;
    if (std::find(kTellTime.begin(), kTellTime.end(), name) != kTellTime.end()) return false;
    // The second argument of info() is no selector of samples.
    if (name == "info") return Fix(*call.args[0]);
    return std::all_of(call.args.begin(), call.args.end(),
                       [this](const ExprPtr& arg) { return Fix(*arg); });
  }

  int64_t t_;
};

}  // namespace

std::string FixedAt(std::string_view query, int64_t t, const ParserOptions& options) {
  Result<ExprPtr> expr = ParseExpr(query, options);
  if (!expr || !Fixer(t).Fix(**expr)) return "";
  return ToString(**expr);
}

}  // namespace slurmscope::promql
