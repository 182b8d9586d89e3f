#include "promql/eval.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "promql/calls.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

// Below this much work the threads cost more than they bring.
constexpr size_t kParallelWork = 50'000;
constexpr size_t kPieceWork = 20'000;

struct QueryTimes {
  double step_s = 0;
  double range_s = 0;
};

double EvalDuration(const DurationExpr& expr, const QueryTimes& times) {
  double lhs = expr.lhs ? EvalDuration(*expr.lhs, times) : 0;
  double rhs = expr.rhs ? EvalDuration(*expr.rhs, times) : 0;
  switch (expr.op) {
    case DurationOp::kLiteral:
      return expr.seconds;
    case DurationOp::kAdd:
      return expr.rhs ? lhs + rhs : lhs;
    case DurationOp::kSub:
      return lhs - rhs;
    case DurationOp::kMul:
      return lhs * rhs;
    case DurationOp::kDiv:
      return rhs == 0 ? NAN : lhs / rhs;
    case DurationOp::kMod:
      return rhs == 0 ? NAN : std::fmod(lhs, rhs);
    case DurationOp::kPow:
      return std::pow(lhs, rhs);
    case DurationOp::kNegate:
      return -(expr.lhs ? lhs : rhs);
    case DurationOp::kStep:
      return times.step_s;
    case DurationOp::kRange:
      return times.range_s;
    case DurationOp::kMin:
      return std::min(lhs, rhs);
    case DurationOp::kMax:
      return std::max(lhs, rhs);
  }
  return NAN;
}

}  // namespace

const Expr& Unwrap(const Expr& expr) {
  const Expr* inner = &expr;
  while (inner->kind() == NodeKind::kParen)
    inner = static_cast<const ParenExpr*>(inner)->expr.get();
  return *inner;
}

Value VectorOf(VectorValue vector) {
  Value value;
  value.vector = std::move(vector);
  return value;
}

Value ScalarOf(std::vector<double> column) {
  Value value;
  value.type = ValueType::kScalar;
  value.scalar = std::move(column);
  return value;
}

Result<Value> Evaluator::Eval(const Expr& expr, const StepGrid& grid) {
  TRY(context_.guard.Check());
  switch (expr.kind()) {
    case NodeKind::kNumber:
      return ScalarOf(
          std::vector<double>(grid.count, static_cast<const NumberLiteral&>(expr).value));
    case NodeKind::kString: {
      Value value;
      value.type = ValueType::kString;
      value.text = static_cast<const StringLiteral&>(expr).value;
      return value;
    }
    case NodeKind::kVectorSelector:
      return VectorOf(TRY(
          EvalVectorSelector(static_cast<const VectorSelector&>(expr), grid, SampleField::kValue)));
    case NodeKind::kMatrixSelector:
    case NodeKind::kSubquery:
      return EvalRangeVector(expr, grid);
    case NodeKind::kCall:
      return EvalCall(static_cast<const Call&>(expr), grid);
    case NodeKind::kAggregate:
      return VectorOf(TRY(EvalAggregate(static_cast<const AggregateExpr&>(expr), grid)));
    case NodeKind::kBinary:
      return EvalBinary(static_cast<const BinaryExpr&>(expr), grid);
    case NodeKind::kUnary:
      return EvalUnary(static_cast<const UnaryExpr&>(expr), grid);
    case NodeKind::kParen:
      return Eval(*static_cast<const ParenExpr&>(expr).expr, grid);
    case NodeKind::kDuration:
      break;
  }
  return ExecError("a duration is not an expression");
}

Result<VectorValue> Evaluator::EvalVector(const Expr& expr, const StepGrid& grid) {
  return std::move(TRY(Eval(expr, grid)).vector);
}

Result<std::vector<double>> Evaluator::EvalScalar(const Expr& expr, const StepGrid& grid) {
  return std::move(TRY(Eval(expr, grid)).scalar);
}

Result<std::string> Evaluator::EvalString(const Expr& expr) {
  const Expr& inner = Unwrap(expr);
  if (inner.kind() != NodeKind::kString) return ExecError("expected a string");
  return static_cast<const StringLiteral&>(inner).value;
}

Result<Value> Evaluator::EvalUnary(const UnaryExpr& expr, const StepGrid& grid) {
  Value value = TRY(Eval(*expr.expr, grid));
  if (!expr.negative) return value;
  for (double& v : value.scalar) v = -v;
  if (value.type != ValueType::kVector) return value;
  MapSamples(value.vector, [](double v) { return -v; });
  ScaleHistograms(value.vector, -1);
  TRY(DropNames(value.vector, SameLabels::kRefuse));
  return value;
}

Result<Value> Evaluator::EvalCall(const Call& call, const StepGrid& grid) {
  CallHandler handler = FindCallHandler(call.function->name);
  if (handler == nullptr) {
    return ExecError(
        StrCat("function ", base::Quote(call.function->name), " is not supported yet"));
  }
  return handler(*this, call, grid);
}

Result<int64_t> Evaluator::Duration(const DurationValue& duration) const {
  if (!duration.expr) return duration.ms;
  double range_ms = static_cast<double>(context_.end) - static_cast<double>(context_.grid.start);
  QueryTimes times{static_cast<double>(context_.interval) / 1000, range_ms / 1000};
  double ms = std::round(EvalDuration(*duration.expr, times) * 1000);
  if (!(std::fabs(ms) < 9.2e18)) return ExecError("duration is out of range");
  return static_cast<int64_t>(ms);
}

Result<TimeShift> Evaluator::Shift(const TimeModifiers& time) const {
  TimeShift shift;
  shift.offset_ms = TRY(Duration(time.offset));
  shift.fixed = time.at != AtModifier::kNone;
  if (time.at == AtModifier::kTimestamp) shift.at_ms = time.at_ms;
  if (time.at == AtModifier::kStart) shift.at_ms = context_.grid.start;
  if (time.at == AtModifier::kEnd) shift.at_ms = context_.end;
  return shift;
}

Result<void> Evaluator::DropNames(VectorValue& vector, SameLabels same) {
  if (!context_.delayed_name_removal) return RemoveNames(vector, false, same);
  for (SeriesMeta& meta : vector.series) meta.drop_name = true;
  return {};
}

Result<void> Evaluator::ForEachSeries(size_t n, size_t work,
                                      const std::function<Result<void>(size_t, size_t)>& body) {
  if (n == 0) return {};
  work = std::max<size_t>(work, 1);
  size_t piece = std::clamp<size_t>(kPieceWork / work, 1, 4096);
  size_t pieces = (n + piece - 1) / piece;
  std::vector<Result<void>> results(pieces);
  std::atomic<bool> failed{false};
  auto run = [&](size_t index) {
    if (failed.load(std::memory_order_relaxed)) return;
    results[index] = context_.guard.Check();
    if (results[index]) results[index] = body(index * piece, std::min(n, (index + 1) * piece));
    if (!results[index]) failed.store(true, std::memory_order_relaxed);
  };
  bool parallel = context_.pool != nullptr && pieces > 1 && work * n >= kParallelWork;
  if (parallel) {
    context_.pool->ParallelFor(pieces, run);
  } else {
    for (size_t i = 0; i < pieces; ++i) run(i);
  }
  auto error =
      std::find_if(results.begin(), results.end(), [](const auto& r) { return !r.has_value(); });
  if (error != results.end()) return std::move(*error);
  return {};
}

}  // namespace slurmscope::promql
