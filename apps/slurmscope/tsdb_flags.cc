#include "tsdb_flags.h"

#include <CLI/CLI.hpp>

#include "base/duration.h"
#include "base/strings.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

Result<void> Parse(CLI::App& app, const Args& args) {
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

void AddHumanReadable(CLI::App& app, bool* value) { app.add_flag("-r,--human-readable", *value); }

// Go's durations, as promtool takes them, or Prometheus'.
Result<int64_t> ParseDuration(const std::string& text) {
  if (auto ms = base::ParseDurationMs(text)) return *ms;
  auto ns = base::ParseGoDurationNs(text);
  if (!ns) return Fail(ErrorCode::kInvalidArgument, StrCat(base::Quote(text), " is no duration"));
  return *ns / 1'000'000;
}

Result<std::pair<std::string, std::string>> ParseLabel(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || !base::IsValidUtf8(text)) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--label takes name=value, not ", base::Quote(text)));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

}  // namespace

Result<ListArgs> ParseListArgs(const Args& args) {
  ListArgs out;
  CLI::App app;
  AddHumanReadable(app, &out.human_readable);
  app.add_option("path", out.path);
  TRY(Parse(app, args));
  return out;
}

Result<AnalyzeArgs> ParseAnalyzeArgs(const Args& args) {
  AnalyzeArgs out;
  CLI::App app;
  app.add_option("--limit", out.limit);
  app.add_flag("--extended", out.extended);
  app.add_option("--match", out.match);
  app.add_option("path", out.path);
  app.add_option("block", out.block);
  TRY(Parse(app, args));
  return out;
}

Result<DumpArgs> ParseDumpArgs(const Args& args, bool formats) {
  DumpArgs out;
  std::string format = "prom";
  std::string sandbox;
  CLI::App app;
  app.add_option("--min-time", out.min_time);
  app.add_option("--max-time", out.max_time);
  app.add_option("--match", out.match)->allow_extra_args(false);
  // Where promtool puts chunks while it reads the log; this reads it in memory.
  app.add_option("--sandbox-dir-root", sandbox);
  if (formats) app.add_option("--format", format)->check(CLI::IsMember({"prom", "seriesjson"}));
  app.add_option("path", out.path);
  TRY(Parse(app, args));
  if (out.match.empty()) out.match = {"{__name__=~'(?s:.*)'}"};
  out.series_only = format == "seriesjson";
  return out;
}

Result<CreateBlocksArgs> ParseCreateBlocksArgs(const Args& args) {
  CreateBlocksArgs out;
  std::string duration = "2h";
  std::vector<std::string> labels;
  CLI::App app;
  AddHumanReadable(app, &out.human_readable);
  app.add_flag("-q,--quiet", out.quiet);
  app.add_option("--max-block-duration", duration);
  app.add_option("--label", labels)->allow_extra_args(false);
  app.add_option("input", out.input)->required();
  app.add_option("output", out.output);
  TRY(Parse(app, args));
  out.max_block_ms = TRY_CONTEXT(ParseDuration(duration), "--max-block-duration");
  for (const std::string& label : labels) out.labels.push_back(TRY(ParseLabel(label)));
  return out;
}

Result<VerifyArgs> ParseVerifyArgs(const Args& args) {
  VerifyArgs out;
  CLI::App app;
  app.add_flag("-q,--quiet", out.quiet);
  app.add_option("path", out.path);
  TRY(Parse(app, args));
  return out;
}

}  // namespace slurmscope::app
