#include "promql/script.h"

#include <optional>

#include "base/strings.h"
#include "promql/memory_storage.h"
#include "promql/script_at.h"
#include "promql/script_check.h"
#include "promql/script_parse.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

constexpr int64_t kMaxSamples = 5'000'000;
constexpr int64_t kMinute = 60'000;

EngineOptions OptionsFor(const ScriptOptions& options, bool delayed_name_removal) {
  EngineOptions engine;
  engine.max_samples = kMaxSamples;
  engine.threads = options.threads;
  engine.delayed_name_removal = delayed_name_removal;
  engine.parser = options.parser;
  return engine;
}

// These ask for the query's own times, so they differ in a range query by design.
bool DependsOnQueryTimes(std::string_view query) {
  for (std::string_view call : {"start()", "end()", "step()", "range()", "STEP()", "STep()"}) {
    if (query.find(call) != std::string_view::npos) return true;
  }
  return false;
}

class ScriptRunner {
 public:
  ScriptRunner(const std::string& name, const ScriptOptions& options)
      : name_(name), options_(options) {
    SetDelayedNameRemoval(options.delayed_name_removal);
  }

  void Load(const LoadCommand& load);
  void Clear() { storage_.Clear(); }
  void SetDelayedNameRemoval(bool on) { engine_.emplace(OptionsFor(options_, on)); }
  void Eval(const EvalCase& eval);
  const ScriptReport& report() const { return report_; }

 private:
  void LoadSeries(const std::vector<ScriptSeries>& all, int64_t interval);
  std::string Run(const EvalCase& eval);
  std::string RecheckAsRange(const EvalCase& eval);
  std::string RecheckAtOtherTimes(const EvalCase& eval);

  const std::string& name_;
  const ScriptOptions& options_;
  std::optional<Engine> engine_;
  MemoryStorage storage_;
  ScriptReport report_;
};

void ScriptRunner::Load(const LoadCommand& load) {
  LoadSeries(load.series, load.interval);
  if (load.with_nhcb) LoadSeries(CustomBucketHistograms(load.series), load.interval);
}

void ScriptRunner::LoadSeries(const std::vector<ScriptSeries>& all, int64_t interval) {
  for (const ScriptSeries& series : all) {
    model::Columns samples;
    for (size_t i = 0; i < series.points.size(); ++i) {
      const ScriptPoint& point = series.points[i];
      if (point.omitted) continue;
      int64_t t = static_cast<int64_t>(i) * interval;
      if (point.histogram != nullptr) {
        samples.Append(t, point.histogram);
      } else {
        samples.Append(t, point.v);
      }
      if (point.start) samples.SetStart(samples.size() - 1, t + *point.start);
    }
    storage_.Add(series.labels, samples);
  }
}

std::string ScriptRunner::RecheckAsRange(const EvalCase& eval) {
  auto range =
      engine_->Range(storage_, eval.query, eval.start - kMinute, eval.start + kMinute, kMinute);
  if (!range) return StrCat("as a range query: failed: ", range.error().message());
  std::string text = CheckMiddleStep(eval, *range);
  return text.empty() ? "" : StrCat("as a range query: ", text);
}

std::string ScriptRunner::RecheckAtOtherTimes(const EvalCase& eval) {
  std::string fixed = FixedAt(eval.query, eval.start, engine_->options().parser);
  if (fixed.empty()) return "";
  for (int64_t away : {-1000 * kMinute, -kMinute / 2, kMinute, 20'000 * kMinute}) {
    auto got = engine_->Instant(storage_, fixed, eval.start + away);
    if (!got) return StrCat("as ", fixed, ": failed: ", got.error().message());
    std::string text = CheckAnswer(eval, *got);
    if (!text.empty()) return StrCat("as ", fixed, ": ", text);
  }
  return "";
}

std::string ScriptRunner::Run(const EvalCase& eval) {
  if (eval.range)
    return CheckCase(eval, engine_->Range(storage_, eval.query, eval.start, eval.end, eval.step));
  int64_t t = eval.start;
  for (const Expectation& expectation : eval.expectations) {
    if (expectation.kind == ExpectKind::kRangeVector) t = expectation.end;
  }
  std::string text = CheckCase(eval, engine_->Instant(storage_, eval.query, t));
  bool plain = !eval.Expects(ExpectKind::kFail) && !eval.Expects(ExpectKind::kRangeVector) &&
               !eval.Expects(ExpectKind::kString) && !eval.Expects(ExpectKind::kOrdered);
  if (!text.empty() || !plain || !options_.recheck || DependsOnQueryTimes(eval.query)) return text;
  text = RecheckAsRange(eval);
  return text.empty() ? RecheckAtOtherTimes(eval) : text;
}

void ScriptRunner::Eval(const EvalCase& eval) {
  std::string text = Run(eval);
  if (text.empty()) {
    ++report_.passed;
    return;
  }
  ++report_.failed;
  options_.on_failure(StrCat(name_, ":", eval.line, ": ", eval.query, ": ", text));
}

}  // namespace

ScriptReport RunScript(std::string_view text, const std::string& name,
                       const ScriptOptions& options) {
  auto commands = ParseScript(text);
  if (!commands) {
    ScriptReport report;
    report.error = StrCat(name, ": ", commands.error().message());
    return report;
  }
  ScriptRunner runner(name, options);
  for (const ScriptCommand& command : *commands) {
    switch (command.kind) {
      case ScriptCommand::Kind::kClear:
        runner.Clear();
        break;
      case ScriptCommand::Kind::kDelayedNameRemoval:
        runner.SetDelayedNameRemoval(command.on);
        break;
      case ScriptCommand::Kind::kLoad:
        runner.Load(command.load);
        break;
      case ScriptCommand::Kind::kEval:
        runner.Eval(command.eval);
        break;
    }
  }
  return runner.report();
}

}  // namespace slurmscope::promql
