// Layout of long expressions: a part that does not fit into a line is split at its own level only,
// and its parts in turn.
#include "base/strings.h"
#include "promql/functions.h"
#include "promql/parser.h"
#include "promql/printer.h"

namespace slurmscope::promql {
namespace {

using base::StrAppend;

constexpr size_t kLineLength = 100;

// A layout prints each part once to measure it and once to write it; both are bounded by the height
// of the tree times the length of its text.
class Layout {
 public:
  explicit Layout(std::string& out) : out_(out) {}

  void Print(const Expr& expr, int level) {
    Indent(level);
    PrintHere(expr, level);
  }

 private:
  void Indent(int level) { out_.append(static_cast<size_t>(level) * 2, ' '); }

  // The rest of the line is the expression's, and lines after it if need be.
  void PrintHere(const Expr& expr, int level) {
    if (expr.kind() == NodeKind::kUnary)
      return PrintUnary(static_cast<const UnaryExpr&>(expr), level);
    std::string line = ToString(expr);
    if (line.size() <= kLineLength) {
      out_ += line;
      return;
    }
    switch (expr.kind()) {
      case NodeKind::kAggregate:
        return PrintAggregate(static_cast<const AggregateExpr&>(expr), level);
      case NodeKind::kBinary:
        return PrintBinary(static_cast<const BinaryExpr&>(expr), level);
      case NodeKind::kCall:
        return PrintCall(static_cast<const Call&>(expr), level);
      case NodeKind::kParen:
        out_ += "(\n";
        Print(*static_cast<const ParenExpr&>(expr).expr, level + 1);
        return Close(level);
      case NodeKind::kSubquery: {
        const auto& subquery = static_cast<const SubqueryExpr&>(expr);
        PrintHere(*subquery.expr, level);
        return AppendSubqueryTime(out_, subquery);
      }
      default:
        out_ += line;
    }
  }

  void PrintUnary(const UnaryExpr& unary, int level) {
    out_ += unary.negative ? '-' : '+';
    size_t begin = out_.size();
    PrintHere(*unary.expr, level);
    // A split operand starts further in, but not behind a sign.
    out_.erase(begin, out_.find_first_not_of(' ', begin) - begin);
  }

  void PrintAggregate(const AggregateExpr& expr, int level) {
    AppendAggregateHead(out_, expr);
    out_ += "(\n";
    if (expr.param) {
      Print(*expr.param, level + 1);
      out_ += ",\n";
    }
    Print(*expr.expr, level + 1);
    Close(level);
  }

  void PrintBinary(const BinaryExpr& expr, int level) {
    // The left side begins where the whole would have begun, one level further in.
    Indent(1);
    PrintHere(*expr.lhs, level + 1);
    out_ += '\n';
    Indent(level);
    std::string op;
    AppendOperator(op, expr);
    StrAppend(out_, std::string_view(op).substr(1), "\n");
    Print(*expr.rhs, level + 1);
  }

  void PrintCall(const Call& call, int level) {
    StrAppend(out_, call.function->name, "(\n");
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (i > 0) out_ += ",\n";
      Print(*call.args[i], level + 1);
    }
    Close(level);
  }

  void Close(int level) {
    out_ += '\n';
    Indent(level);
    out_ += ')';
  }

  std::string& out_;
};

}  // namespace

std::string Prettify(const Expr& expr) {
  std::string out;
  Layout(out).Print(expr, 0);
  return out;
}

}  // namespace slurmscope::promql
