#include <algorithm>
#include <numeric>

#include "base/strings.h"
#include "promql/calls.h"

namespace slurmscope::promql {

using base::StrCat;
using model::LabelsBuilder;

namespace {

Result<void> CheckLabelName(std::string_view name, std::string_view role,
                            std::string_view function) {
  if (!name.empty() && base::IsValidUtf8(name)) return {};
  return ExecError(StrCat("invalid ", role, " label name in ", function, "(): ", name));
}

// Sets `label` on the series fn gives a value for. A new __name__ is one that stays.
template <typename Fn>
Result<Value> Relabel(VectorValue vector, const std::string& label, Fn fn) {
  LabelsBuilder builder;
  std::string value;
  for (SeriesMeta& meta : vector.series) {
    if (!fn(meta.labels, &value)) continue;
    builder.Reset(meta.labels);
    meta.labels = builder.Set(label, value).Build();
    if (label == model::kMetricName) meta.drop_name = false;
  }
  TRY(MergeSameLabels(vector));
  return VectorOf(std::move(vector));
}

Result<Value> LabelReplace(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::string label = TRY(evaluator.EvalString(*call.args[1]));
  std::string replacement = TRY(evaluator.EvalString(*call.args[2]));
  std::string source = TRY(evaluator.EvalString(*call.args[3]));
  std::string pattern = TRY(evaluator.EvalString(*call.args[4]));
  auto regex = model::Regex::Compile(pattern);
  if (!regex) return ExecError(StrCat("invalid regular expression in label_replace(): ", pattern));
  TRY(CheckLabelName(label, "destination", "label_replace"));
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  return Relabel(std::move(vector), label, [&](const model::Labels& labels, std::string* value) {
    value->clear();
    return regex->Expand(labels.Get(source), replacement, value);
  });
}

Result<Value> LabelJoin(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::string label = TRY(evaluator.EvalString(*call.args[1]));
  std::string separator = TRY(evaluator.EvalString(*call.args[2]));
  std::vector<std::string> sources;
  for (size_t i = 3; i < call.args.size(); ++i) {
    sources.push_back(TRY(evaluator.EvalString(*call.args[i])));
    TRY(CheckLabelName(sources.back(), "source", "label_join"));
  }
  TRY(CheckLabelName(label, "destination", "label_join"));
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  return Relabel(std::move(vector), label, [&](const model::Labels& labels, std::string* value) {
    value->clear();
    for (size_t i = 0; i < sources.size(); ++i) {
      if (i > 0) *value += separator;
      *value += labels.Get(sources[i]);
    }
    return true;
  });
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The digits at the front of `text`, without leading zeros.
std::string_view TakeNumber(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && IsDigit(text[n])) ++n;
  std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

// Runs of digits compare as numbers: "cpu9" before "cpu10".
int CompareNatural(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (IsDigit(a.front()) && IsDigit(b.front())) {
      std::string_view x = TakeNumber(a);
      std::string_view y = TakeNumber(b);
      if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
      if (int order = x.compare(y); order != 0) return order;
      continue;
    }
    if (a.front() != b.front()) {
      return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front()) ? -1 : 1;
    }
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

int CompareBy(const std::vector<std::string>& names, const model::Labels& a,
              const model::Labels& b) {
  for (const std::string& name : names) {
    if (int order = CompareNatural(a.Get(name), b.Get(name)); order != 0) return order;
  }
  return a.Compare(b);
}

template <bool kDescending>
Result<Value> SortByLabel(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::vector<std::string> names;
  for (size_t i = 1; i < call.args.size(); ++i)
    names.push_back(TRY(evaluator.EvalString(*call.args[i])));
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  if (vector.steps != 1) return VectorOf(std::move(vector));
  std::vector<size_t> order(vector.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    int compared = CompareBy(names, vector.series[a].labels, vector.series[b].labels);
    return kDescending ? compared > 0 : compared < 0;
  });
  VectorValue sorted;
  sorted.steps = 1;
  for (size_t i : order) {
    sorted.series.push_back(vector.series[i]);
    sorted.values.push_back(vector.values[i]);
  }
  sorted.charge = std::move(vector.charge);
  return VectorOf(std::move(sorted));
}

}  // namespace

CallHandler FindLabelCall(std::string_view name) {
  if (name == "label_replace") return LabelReplace;
  if (name == "label_join") return LabelJoin;
  if (name == "sort_by_label") return SortByLabel<false>;
  if (name == "sort_by_label_desc") return SortByLabel<true>;
  return nullptr;
}

}  // namespace slurmscope::promql
