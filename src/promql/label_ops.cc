#include "promql/label_ops.h"

#include <algorithm>
#include <set>

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::promql {

using model::Labels;

namespace {

const std::vector<model::Matcher>* MatchersOf(const Expr& expr) {
  const Expr& inner = Unwrap(expr);
  if (inner.kind() == NodeKind::kVectorSelector)
    return &static_cast<const VectorSelector&>(inner).matchers;
  if (inner.kind() == NodeKind::kMatrixSelector) {
    return &static_cast<const MatrixSelector&>(inner).selector->matchers;
  }
  return nullptr;
}

Labels LabelsOfAbsent(const Expr& expr) {
  model::LabelsBuilder builder;
  std::set<std::string_view> seen;
  const auto* matchers = MatchersOf(expr);
  if (matchers == nullptr) return {};
  for (const model::Matcher& matcher : *matchers) {
    if (matcher.name() == model::kMetricName) continue;
    if (matcher.type() == model::MatchType::kEqual && seen.insert(matcher.name()).second) {
      builder.Set(matcher.name(), matcher.value());
    } else {
      builder.Remove(matcher.name());
    }
  }
  return builder.Build();
}

void AppendKeyPart(std::string& key, std::string_view part) {
  size_t n = part.size();
  for (; n >= 0x80; n >>= 7) key += static_cast<char>(0x80 | (n & 0x7f));
  key += static_cast<char>(n);
  key += part;
}

}  // namespace

Result<Value> AbsentVector(Evaluator& evaluator, const VectorValue& vector, const Expr& expr,
                           const StepGrid& grid) {
  VectorValue result = TRY(NewVector(evaluator.context().guard, 1, grid.count));
  std::fill(result.values.begin(), result.values.end(), 1.0);
  for (size_t i = 0; i < vector.size(); ++i) {
    for (size_t k = 0; k < grid.count; ++k) {
      if (!IsAbsent(vector.Row(i)[k])) result.values[k] = Absent();
    }
  }
  result.series[0].labels = LabelsOfAbsent(expr);
  DropEmptyRows(result);
  return VectorOf(std::move(result));
}

void WarnBadQuantiles(Annotations& notes, const std::vector<double>& quantiles, PosRange pos) {
  for (double q : quantiles) {
    if (q >= 0 && q <= 1) continue;
    notes.Warn(base::StrCat("quantile value should be between 0 and 1, got ",
                            base::FormatFloat(q, base::FloatStyle::kExposition)),
               pos);
  }
}

SignatureTable::SignatureTable(std::vector<std::string> names, bool on)
    : names_(std::move(names)), on_(on) {
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

bool SignatureTable::Counts(std::string_view name) const {
  bool listed = std::binary_search(names_.begin(), names_.end(), name);
  return on_ ? listed : !listed && name != model::kMetricName;
}

size_t SignatureTable::IdOf(const Labels& labels) {
  key_.clear();
  if (on_) {
    for (const std::string& name : names_) AppendKeyPart(key_, labels.Get(name));
  } else {
    for (model::Label label : labels) {
      if (!Counts(label.name)) continue;
      AppendKeyPart(key_, label.name);
      AppendKeyPart(key_, label.value);
    }
  }
  return ids_.try_emplace(key_, ids_.size()).first->second;
}

Labels SignatureTable::Project(const Labels& labels) const {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (model::Label label : labels) {
    if (Counts(label.name)) pairs.emplace_back(label.name, label.value);
  }
  return Labels::FromPairs(std::move(pairs));
}

}  // namespace slurmscope::promql
