#include "rules/dependencies.h"

#include <algorithm>
#include <optional>
#include <set>

#include "promql/parser.h"

namespace slurmscope::rules {
namespace {

using Batches = std::vector<std::vector<size_t>>;
using Names = std::set<std::string, std::less<>>;

// The metric names that an expression reads; nothing when one of its selectors has none.
class Reads {
 public:
  // False when it may read anything.
  bool Visit(const promql::Expr& expr) {
    using promql::NodeKind;
    switch (expr.kind()) {
      case NodeKind::kVectorSelector:
        return Selector(static_cast<const promql::VectorSelector&>(expr));
      case NodeKind::kMatrixSelector:
        return Selector(*static_cast<const promql::MatrixSelector&>(expr).selector);
      case NodeKind::kSubquery:
        return Visit(*static_cast<const promql::SubqueryExpr&>(expr).expr);
      case NodeKind::kCall: {
        const auto& args = static_cast<const promql::Call&>(expr).args;
        return std::all_of(args.begin(), args.end(), [&](const auto& arg) { return Visit(*arg); });
      }
      case NodeKind::kAggregate: {
        const auto& aggregate = static_cast<const promql::AggregateExpr&>(expr);
        return Visit(*aggregate.expr) && (!aggregate.param || Visit(*aggregate.param));
      }
      case NodeKind::kBinary: {
        const auto& binary = static_cast<const promql::BinaryExpr&>(expr);
        return Visit(*binary.lhs) && Visit(*binary.rhs);
      }
      case NodeKind::kUnary:
        return Visit(*static_cast<const promql::UnaryExpr&>(expr).expr);
      case NodeKind::kParen:
        return Visit(*static_cast<const promql::ParenExpr&>(expr).expr);
      default:
        return true;
    }
  }
  const Names& names() const { return names_; }

 private:
  bool Selector(const promql::VectorSelector& selector) {
    for (const model::Matcher& matcher : selector.matchers) {
      bool named = matcher.name() == model::kMetricName &&
                   matcher.type() == model::MatchType::kEqual && !matcher.value().empty();
      if (!named) continue;
      names_.insert(matcher.value());
      return true;
    }
    return false;
  }

  Names names_;
};

std::optional<Names> ReadBy(const Rule& rule) {
  promql::ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  auto expr = promql::ParseExpr(rule.config().expr, options);
  Reads reads;
  if (!expr || !reads.Visit(**expr)) return std::nullopt;
  return reads.names();
}

bool Writes(const Rule& rule, const Names& names) {
  if (!rule.config().alerting()) return names.contains(rule.config().record);
  return names.contains("ALERTS") || names.contains("ALERTS_FOR_STATE");
}

Batches Sequential(size_t n) {
  Batches batches;
  for (size_t i = 0; i < n; ++i) batches.push_back({i});
  return batches;
}

}  // namespace

std::vector<std::vector<size_t>> PlanBatches(const std::vector<std::shared_ptr<Rule>>& rules,
                                             bool concurrent) {
  size_t n = rules.size();
  if (!concurrent || n < 2) return Sequential(n);
  std::vector<Names> reads;
  for (const auto& rule : rules) {
    auto names = ReadBy(*rule);
    if (!names) return Sequential(n);
    reads.push_back(*std::move(names));
  }
  std::vector<bool> depends(n);
  std::vector<bool> needed(n);
  for (size_t reader = 0; reader < n; ++reader) {
    for (size_t writer = 0; writer < n; ++writer) {
      if (reader == writer || !Writes(*rules[writer], reads[reader])) continue;
      depends[reader] = true;
      needed[writer] = true;
    }
  }
  std::vector<size_t> first;
  std::vector<size_t> last;
  Batches batches;
  for (size_t i = 0; i < n; ++i) {
    if (!depends[i]) {
      first.push_back(i);
    } else if (!needed[i]) {
      last.push_back(i);
    } else {
      batches.push_back({i});
    }
  }
  if (!first.empty()) batches.insert(batches.begin(), std::move(first));
  if (!last.empty()) batches.push_back(std::move(last));
  return batches;
}

}  // namespace slurmscope::rules
