#include "promql/script_parse.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "promql/script_text.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

namespace {

tl::unexpected<base::Error> Bad(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string_view TakeWord(std::string_view& rest) {
  SkipSpace(rest);
  size_t n = 0;
  while (n < rest.size() && !IsSpace(rest[n])) ++n;
  std::string_view word = rest.substr(0, n);
  rest.remove_prefix(n);
  SkipSpace(rest);
  return word;
}

bool TakeKeyword(std::string_view& rest, std::string_view keyword) {
  std::string_view after = rest;
  if (TakeWord(after) != keyword) return false;
  rest = after;
  return true;
}

Result<int64_t> TakeDuration(std::string_view& rest) {
  std::string_view word = TakeWord(rest);
  bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  int64_t ms = TRY(base::ParseDurationMs(word));
  return negative ? -ms : ms;
}

// "from A to B step S"
Result<void> TakeTimes(std::string_view& rest, int64_t& start, int64_t& end, int64_t& step) {
  if (!TakeKeyword(rest, "from")) return Bad("expected from");
  start = TRY(TakeDuration(rest));
  if (!TakeKeyword(rest, "to")) return Bad("expected to");
  end = TRY(TakeDuration(rest));
  if (!TakeKeyword(rest, "step")) return Bad("expected step");
  step = TRY(TakeDuration(rest));
  return {};
}

Result<Expectation> ParseExpect(std::string_view rest) {
  static const std::map<std::string_view, ExpectKind> kKinds = {
      {"ordered", ExpectKind::kOrdered},   {"fail", ExpectKind::kFail},
      {"warn", ExpectKind::kWarn},         {"no_warn", ExpectKind::kNoWarn},
      {"info", ExpectKind::kInfo},         {"no_info", ExpectKind::kNoInfo},
      {"range", ExpectKind::kRangeVector}, {"string", ExpectKind::kString},
  };
  auto kind = kKinds.find(TakeWord(rest));
  if (kind == kKinds.end()) return Bad("unknown expectation");
  Expectation expectation;
  expectation.kind = kind->second;
  if (expectation.kind == ExpectKind::kString) {
    expectation.text = TRY(TakeQuoted(rest));
    return expectation;
  }
  if (expectation.kind == ExpectKind::kRangeVector) {
    if (!TakeKeyword(rest, "vector")) return Bad("expected vector");
    TRY(TakeTimes(rest, expectation.start, expectation.end, expectation.step));
    return expectation;
  }
  if (rest.starts_with("msg:")) expectation.message = base::TrimSpace(rest.substr(4));
  if (rest.starts_with("regex:")) expectation.regex = base::TrimSpace(rest.substr(6));
  return expectation;
}

// The lines of a script, trimmed, comments made empty.
class Lines {
 public:
  explicit Lines(std::string_view text) : lines_(base::Split(text, '\n')) {}

  bool AtEnd() const { return next_ >= lines_.size(); }
  size_t number() const { return next_ + 1; }
  std::string_view Peek() const {
    std::string_view line = base::TrimSpace(lines_[next_]);
    return line.starts_with('#') ? std::string_view() : line;
  }
  void Advance() { ++next_; }

 private:
  std::vector<std::string_view> lines_;
  size_t next_ = 0;
};

std::vector<ScriptSeries>::iterator FindLabels(std::vector<ScriptSeries>& all,
                                               const model::Labels& labels) {
  return std::find_if(all.begin(), all.end(),
                      [&](const ScriptSeries& series) { return series.labels == labels; });
}

Result<LoadCommand> ParseLoad(std::string_view rest, Lines& lines, bool with_nhcb) {
  LoadCommand load;
  load.with_nhcb = with_nhcb;
  load.interval = TRY(TakeDuration(rest));
  std::vector<ScriptSeries> starts;
  for (lines.Advance(); !lines.AtEnd() && !lines.Peek().empty(); lines.Advance()) {
    ScriptSeries series = TRY(ParseSeriesLine(lines.Peek()));
    std::vector<ScriptSeries>& all = series.starts_only ? starts : load.series;
    auto same = FindLabels(all, series.labels);
    if (same == all.end()) {
      all.push_back(std::move(series));
    } else {
      *same = std::move(series);
    }
  }
  for (const ScriptSeries& given : starts) {
    auto series = FindLabels(load.series, given.labels);
    if (series == load.series.end())
      return Bad(StrCat("start times without samples: ", given.labels.ToString()));
    size_t count = std::min(series->points.size(), given.points.size());
    for (size_t i = 0; i < count; ++i) series->points[i].start = given.points[i].start;
  }
  return load;
}

Result<void> ParseEvalHead(std::string_view rest, EvalCase& eval) {
  std::string_view mode = TakeWord(rest);
  if (mode == "instant") {
    if (!TakeKeyword(rest, "at")) return Bad("expected at");
    eval.start = eval.end = TRY(TakeDuration(rest));
  } else if (mode == "range") {
    eval.range = true;
    TRY(TakeTimes(rest, eval.start, eval.end, eval.step));
  } else {
    return Bad(StrCat("expected instant or range, got ", mode));
  }
  eval.query = rest;
  return {};
}

Result<void> ParseEvalLine(std::string_view line, EvalCase& eval) {
  std::string_view rest = line;
  if (TakeKeyword(rest, "expect")) {
    eval.expectations.push_back(TRY(ParseExpect(rest)));
    return {};
  }
  for (auto [word, is_regex] :
       {std::pair("expected_fail_message", false), std::pair("expected_fail_regexp", true)}) {
    if (!TakeKeyword(rest, word)) continue;
    Expectation fail;
    fail.kind = ExpectKind::kFail;
    (is_regex ? fail.regex : fail.message) = rest;
    eval.expectations.push_back(fail);
    return {};
  }
  if (auto scalar = base::ParseFloat(line)) {
    eval.scalar = scalar;
    return {};
  }
  eval.series.push_back(TRY(ParseSeriesLine(line)));
  return {};
}

// The command word of older scripts tells what is expected.
void AddOldExpectation(std::string_view command, EvalCase& eval) {
  static const std::map<std::string_view, ExpectKind> kOld = {
      {"eval_fail", ExpectKind::kFail},
      {"eval_warn", ExpectKind::kWarn},
      {"eval_info", ExpectKind::kInfo},
      {"eval_ordered", ExpectKind::kOrdered}};
  auto found = kOld.find(command);
  if (found == kOld.end()) return;
  Expectation expectation;
  expectation.kind = found->second;
  eval.expectations.push_back(expectation);
}

Result<EvalCase> ParseEval(std::string_view command, std::string_view rest, Lines& lines) {
  EvalCase eval;
  eval.line = lines.number();
  AddOldExpectation(command, eval);
  TRY(ParseEvalHead(rest, eval));
  for (lines.Advance(); !lines.AtEnd() && !lines.Peek().empty(); lines.Advance()) {
    TRY(ParseEvalLine(lines.Peek(), eval));
  }
  return eval;
}

Result<bool> ParseSwitch(std::string_view word) {
  if (word == "on") return true;
  if (word == "off") return false;
  return Bad(StrCat("expected on or off, got ", word));
}

Result<ScriptCommand> ParseCommand(Lines& lines) {
  std::string_view rest = lines.Peek();
  std::string word(TakeWord(rest));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  ScriptCommand command;
  if (word == "clear") {
    lines.Advance();
    return command;
  }
  if (word == "load" || word == "load_with_nhcb") {
    command.kind = ScriptCommand::Kind::kLoad;
    command.load = TRY(ParseLoad(rest, lines, word != "load"));
    return command;
  }
  if (word == "delayed_name_removal") {
    command.kind = ScriptCommand::Kind::kDelayedNameRemoval;
    command.on = TRY(ParseSwitch(rest));
    lines.Advance();
    return command;
  }
  if (word.starts_with("eval")) {
    command.kind = ScriptCommand::Kind::kEval;
    command.eval = TRY(ParseEval(word, rest, lines));
    return command;
  }
  return Bad(StrCat("unknown command ", word));
}

}  // namespace

bool EvalCase::Expects(ExpectKind kind) const {
  return std::any_of(expectations.begin(), expectations.end(),
                     [kind](const Expectation& expectation) { return expectation.kind == kind; });
}

Result<std::vector<ScriptCommand>> ParseScript(std::string_view text) {
  Lines lines(text);
  std::vector<ScriptCommand> commands;
  while (!lines.AtEnd()) {
    if (lines.Peek().empty()) {
      lines.Advance();
      continue;
    }
    auto command = ParseCommand(lines);
    if (!command) return Bad(StrCat("line ", lines.number(), ": ", command.error().message()));
    commands.push_back(*std::move(command));
  }
  return commands;
}

}  // namespace slurmscope::promql
