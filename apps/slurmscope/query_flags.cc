#include "query_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Quote;
using base::Result;
using base::StrCat;

constexpr std::array<std::string_view, 5> kVerbs = {"instant", "range", "series", "labels",
                                                    "analyze"};
constexpr std::array<std::string_view, 5> kFormats = {"promql", "json", "table", "csv", "graph"};

Result<void> Parse(CLI::App& app, const std::vector<std::string>& args) {
  // CLI11 takes them from the back.
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Fail(ErrorCode::kNotFound, "");
  } catch (const CLI::ParseError& error) {
    return Fail(ErrorCode::kInvalidArgument, error.what());
  }
  return {};
}

Result<std::optional<int64_t>> TimeOf(const std::string& text, std::string_view what) {
  if (text.empty()) return std::optional<int64_t>();
  if (auto seconds = base::ParseFloat(text); seconds && std::fabs(*seconds) < 9e12)
    return std::optional<int64_t>(std::llround(*seconds * 1000));
  if (auto ms = base::ParseRfc3339Ms(text)) return std::optional<int64_t>(*ms);
  return Fail(ErrorCode::kOutOfRange, StrCat("error parsing ", what, " time: cannot parse ",
                                             Quote(text), " to a valid timestamp"));
}

Result<int64_t> PositiveDuration(std::string_view flag, const std::string& text, int64_t none) {
  if (text.empty()) return none;
  auto ms = base::ParseDurationMs(text);
  if (!ms) {
    if (auto ns = base::ParseGoDurationNs(text)) ms = *ns / 1'000'000;
  }
  if (ms && *ms > 0) return *ms;
  return Fail(ErrorCode::kInvalidArgument,
              StrCat(flag, " takes a duration such as 15s or 1m, not ", Quote(text)));
}

Result<std::string> ServerOf(std::string server) {
  if (server.find("://") == std::string::npos) server = "http://" + server;
  if (!server.starts_with("http://") && !server.starts_with("https://")) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("the server is a URL such as http://localhost:9090, not ", Quote(server)));
  }
  while (server.ends_with('/')) server.pop_back();
  return server;
}

Result<std::pair<std::string, std::string>> HeaderOf(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return Fail(ErrorCode::kInvalidArgument, StrCat("--header takes KEY=VALUE, not ", Quote(text)));
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

// Flags may stand before the verb, so it is the first word that is one.
Result<QueryArgs::Verb> TakeVerb(std::vector<std::string>* args) {
  auto is_verb = [](const std::string& arg) {
    return std::find(kVerbs.begin(), kVerbs.end(), arg) != kVerbs.end();
  };
  auto found = std::find_if(args->begin(), args->end(), is_verb);
  if (found != args->end()) {
    auto index = std::find(kVerbs.begin(), kVerbs.end(), *found) - kVerbs.begin();
    args->erase(found);
    return static_cast<QueryArgs::Verb>(index);
  }
  bool help = std::any_of(args->begin(), args->end(), [](const std::string& arg) {
    return arg == "-h" || arg == "--help" || arg == "help";
  });
  if (help) return Fail(ErrorCode::kNotFound, "");
  if (args->empty()) return Fail(ErrorCode::kInvalidArgument, "what to ask for is missing");
  std::string hint;
  std::vector<std::string_view> names(kVerbs.begin(), kVerbs.end());
  if (auto near = base::NearestWord(args->front(), names); !near.empty())
    hint = StrCat(", did you mean ", Quote(near), "?");
  return Fail(ErrorCode::kInvalidArgument, StrCat("unknown verb ", Quote(args->front()), hint));
}

// As they stand on the command line.
struct Texts {
  std::string time;
  std::string start;
  std::string end;
  std::string step;
  std::string duration;
  std::string format;
  std::vector<std::string> headers;
};

void AddFlags(CLI::App& app, QueryArgs* out, Texts* texts) {
  using enum QueryArgs::Verb;
  app.add_option("-o,--format", texts->format)
      ->check(CLI::IsMember(std::vector<std::string>(kFormats.begin(), kFormats.end())));
  app.add_option("--http.config.file", out->http_config_file);
  app.add_option("--header", texts->headers)->allow_extra_args(false);
  app.add_option_function<std::string>("--enable-feature", [](const std::string&) {});
  bool one_time = out->verb == kInstant || out->verb == kAnalyze;
  if (one_time) app.add_option("--time", texts->time);
  if (!one_time) {
    app.add_option("--start", texts->start);
    app.add_option("--end", texts->end);
  }
  if (out->verb == kRange) app.add_option("--step", texts->step);
  if (out->verb == kAnalyze) {
    app.add_option("--duration", texts->duration);
    app.add_option("--type")->check(CLI::IsMember({"histogram"}));
  }
  if (out->verb == kSeries || out->verb == kLabels || out->verb == kAnalyze) {
    auto* match = app.add_option("--match", out->match)->allow_extra_args(false);
    if (out->verb != kLabels) match->required();
  }
  app.add_option(out->verb == kAnalyze ? "--server,server" : "server", out->server)->required();
  if (out->verb == kSeries || out->verb == kAnalyze) return;
  app.add_option(out->verb == kLabels ? "name" : "expr", out->expr)->required();
}

}  // namespace

Result<QueryArgs> ParseQueryArgs(const std::vector<std::string>& args) {
  std::vector<std::string> rest = args;
  QueryArgs out;
  out.verb = TRY(TakeVerb(&rest));
  Texts texts;
  CLI::App app;
  AddFlags(app, &out, &texts);
  TRY(Parse(app, rest));
  out.server = TRY(ServerOf(std::move(out.server)));
  out.time_ms = TRY(TimeOf(texts.time, "evaluation"));
  out.end_ms = TRY(TimeOf(texts.end, "end"));
  out.start_ms = TRY(TimeOf(texts.start, "start"));
  out.step_ms = TRY(PositiveDuration("--step", texts.step, 0));
  out.duration_ms = TRY(PositiveDuration("--duration", texts.duration, out.duration_ms));
  for (const std::string& header : texts.headers) out.headers.push_back(TRY(HeaderOf(header)));
  if (texts.format.empty()) return out;
  auto format = std::find(kFormats.begin(), kFormats.end(), texts.format) - kFormats.begin();
  out.format = static_cast<QueryFormat>(format);
  return out;
}

}  // namespace slurmscope::app
