#include "rules/rule.h"

#include <unordered_set>

#include "base/strings.h"
#include "promql/parser.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

// What is enabled in the language does not change how an expression that parses is printed.
std::string Printed(const std::string& text) {
  promql::ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  auto expr = promql::ParseExpr(text, options);
  return expr ? promql::ToString(**expr) : text;
}

}  // namespace

std::string_view ToString(RuleHealth health) {
  switch (health) {
    case RuleHealth::kUnknown:
      return "unknown";
    case RuleHealth::kOk:
      return "ok";
    case RuleHealth::kErr:
      return "err";
  }
  return "unknown";
}

std::string_view ToString(AlertState state) {
  switch (state) {
    case AlertState::kInactive:
      return "inactive";
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
  }
  return "inactive";
}

Rule::Rule(const config::RuleConfig& config, std::map<std::string, std::string> labels)
    : config_(config), labels_(std::move(labels)), query_(Printed(config.expr)) {}

void Rule::SetOutcome(RuleHealth health, std::string error) {
  std::lock_guard lock(mutex_);
  health_ = health;
  last_error_ = std::move(error);
}

void Rule::SetTiming(double seconds, int64_t at_ms) {
  std::lock_guard lock(mutex_);
  evaluation_seconds_ = seconds;
  last_evaluation_ms_ = at_ms;
}

RuleStatus Rule::status() const {
  RuleStatus status;
  status.alerting = config_.alerting();
  status.name = config_.name();
  status.query = query_;
  status.labels = labels_;
  status.annotations = config_.annotations;
  status.for_ms = config_.for_ms;
  status.keep_firing_for_ms = config_.keep_firing_for_ms;
  std::lock_guard lock(mutex_);
  status.health = health_;
  status.last_error = last_error_;
  status.evaluation_seconds = evaluation_seconds_;
  status.last_evaluation_ms = last_evaluation_ms_;
  return status;
}

Result<std::vector<RuleSample>> RecordingRule::Evaluate(const RuleContext& context, int64_t ts) {
  promql::VectorResult result = TRY(context.query(query(), ts - context.query_offset_ms));
  std::vector<RuleSample> samples;
  std::unordered_set<model::Labels> seen;
  for (promql::VectorSample& sample : result.samples) {
    model::LabelsBuilder builder(sample.labels);
    builder.Set(model::kMetricName, config().record);
    for (const auto& [name, value] : labels()) builder.Set(name, value);
    samples.push_back({builder.Build(), result.t, sample.v, std::move(sample.histogram)});
    if (!seen.insert(samples.back().labels).second) {
      return Fail(ErrorCode::kInvalidArgument,
                  "vector contains metrics with the same labelset after applying rule labels");
    }
  }
  if (context.limit > 0 && samples.size() > context.limit) {
    return Fail(ErrorCode::kResourceExhausted,
                StrCat("exceeded limit of ", context.limit, " with ", samples.size(), " series"));
  }
  return samples;
}

}  // namespace slurmscope::rules
