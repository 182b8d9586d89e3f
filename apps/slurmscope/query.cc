// slurmscope query: asks a server with Prometheus' API.
#include <algorithm>
#include <cstdio>
#include <future>
#include <limits>

#include "base/clock.h"
#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "base/version.h"
#include "config/http_client.h"
#include "edge/client_auth.h"
#include "http/client.h"
#include "query_analyze.h"
#include "query_flags.h"
#include "query_verbs.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr const char* kHelp =
    R"(Usage: slurmscope query VERB [flags] SERVER ...

Asks a server with Prometheus' API. Also as `promtool query`, with promtool's arguments and output, when a link of that
name points to this program. SERVER is a URL; http:// may be left out.

  instant SERVER EXPR   the value of an expression now, or at --time
  range SERVER EXPR     its values from --start (5 minutes before the end) to --end (now), every --step (250 of them)
  series SERVER         the series that satisfy --match=SELECTOR, which may be repeated
  labels SERVER NAME    the values of a label, of all series or those that satisfy --match
  analyze SERVER        how many buckets are in use of the histograms that satisfy --match=SELECTOR, over --duration (1h)
                        up to --time

  -o, --format=FORMAT        table   aligned columns (default); of a range points, lowest, highest and last value
                             graph   a line of bars for each series of a range (default for it)
                             csv     one line for each sample
                             promql  promtool's text (default when called promtool)
                             json    promtool's JSON
      --time, --start, --end=TIME   seconds since 1970 or RFC 3339: 2026-11-29T10:00:00Z
      --step=DURATION        15s, 1m, 1h30m
      --duration=DURATION    of analyze
      --match=SELECTOR       e.g. 'up{job="node"}'
      --http.config.file=FILE  YAML with the keys of http_config: basic_auth, tls_config, proxy_url, ...
      --header=KEY=VALUE     a header to send; may be repeated

  slurmscope query instant localhost:9090 'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))'

Exit codes: 0 an answer, also an empty one; 1 none: standard error says why.
)";

constexpr int64_t kTimeoutMs = 120'000;
constexpr uint64_t kMaxAnswerBytes = 1ull << 30;
// How far series are looked for when no time is given: more than 400 days to both sides, as
// promtool.
constexpr int64_t kWideMs = int64_t{9999} * 3600 * 1000;
constexpr int64_t kDefaultRangeMs = 5 * 60 * 1000;
constexpr int64_t kDefaultPoints = 250;

std::string Seconds(int64_t ms) {
  return base::FormatFloat(static_cast<double>(ms) / 1000, base::FloatStyle::kFixed);
}

class Asker {
 public:
  explicit Asker(const QueryArgs& args) : args_(args) {}

  Result<void> Connect() {
    http::Client::Options options;
    options.user_agent = StrCat("Slurmscope/", base::Version());
    client_ = TRY(http::Client::Start(options));
    if (args_.http_config_file.empty()) return {};
    config::HttpClientConfig config = TRY(config::LoadHttpClientConfig(args_.http_config_file));
    follow_redirects_ = config.follow_redirects;
    settings_ = TRY(SettingsOf(std::move(config)));
    return {};
  }

  // The body of an answer that is JSON, whatever its status.
  Result<std::string> Ask(const std::string& path, const http::Pairs& params, bool post) {
    http::ClientRequest request;
    request.url = StrCat(args_.server, path);
    request.timeout_ms = kTimeoutMs;
    request.max_body_bytes = kMaxAnswerBytes;
    request.follow_redirects = follow_redirects_;
    for (const auto& header : args_.headers) request.headers.push_back(header);
    request.settings = settings_;
    const std::string form = http::EncodeForm(params);
    if (post) {
      request.method = "POST";
      request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
      request.body = form;
    } else {
      request.url += StrCat("?", form);
    }
    auto response = client_->FetchAndWait(std::move(request));
    if (!response) return Unreachable(response.error());
    // Old servers and proxies that only let readers pass.
    if (post && (response->status == 405 || response->status == 501)) {
      return Ask(path, params, false);
    }
    if (base::TrimSpace(response->body).starts_with('{')) return std::move(response->body);
    return Refused(*response);
  }

 private:
  Result<edge::ClientAuth::Settings> SettingsOf(config::HttpClientConfig config) {
    const auto promise = std::make_shared<std::promise<Result<edge::ClientAuth::Settings>>>();
    const auto auth = std::make_shared<edge::ClientAuth>(std::move(config), *client_);
    auth->Get([promise](const auto& settings) { promise->set_value(settings); });
    return promise->get_future().get();
  }

  tl::unexpected<base::Error> Unreachable(const base::Error& error) const {
    const std::string hint = error.code() == ErrorCode::kUnavailable
                                 ? "; is the server's URL right, and does it run?"
                                 : "";
    return Fail(error.code(), StrCat(args_.server, ": ", error.message(), hint));
  }

  static tl::unexpected<base::Error> Refused(const http::ClientResponse& response) {
    std::string_view text = base::TrimSpace(response.body);
    constexpr size_t kMost = 200;
    std::string hint;
    if (response.status == 401 || response.status == 403) {
      hint = "; say who asks with --http.config.file";
    } else if (response.status == 404) {
      hint = "; the server's URL goes up to, not including, /api/v1";
    }
    return Fail(ErrorCode::kUnavailable,
                StrCat("HTTP status ", response.status, ", no answer of a Prometheus API",
                       text.empty() ? "" : ": ", text.substr(0, kMost), hint));
  }

  const QueryArgs& args_;
  bool follow_redirects_ = true;
  std::unique_ptr<http::Client> client_;
  edge::ClientAuth::Settings settings_;
};

void PrintWarnings(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    std::fprintf(stderr, "query warning: %s\n", warning.c_str());
}

Result<void> Print(const std::string& text) {
  bool good = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (good && std::fflush(stdout) == 0) return {};
  return Fail(ErrorCode::kIo, "the answer cannot be written");
}

Result<void> PrintQuery(const std::string& body, QueryFormat format, bool warn) {
  QueryAnswer answer = TRY(ParseQueryAnswer(body));
  if (warn) PrintWarnings(answer.warnings);
  return Print(PrintAnswer(answer, format));
}

Result<void> AskInstant(Asker& asker, const QueryArgs& args, bool as_promtool) {
  http::Pairs params{{"query", args.expr}};
  params.emplace_back("time", Seconds(args.time_ms.value_or(base::SystemClock().NowMs())));
  const std::string body = TRY(asker.Ask("/api/v1/query", params, true));
  auto format = args.format.value_or(as_promtool ? QueryFormat::kPromql : QueryFormat::kTable);
  return PrintQuery(body, format, !as_promtool);
}

Result<void> AskRange(Asker& asker, const QueryArgs& args, bool as_promtool) {
  int64_t end = args.end_ms.value_or(base::SystemClock().NowMs());
  int64_t start = args.start_ms.value_or(end - kDefaultRangeMs);
  if (start >= end) return Fail(ErrorCode::kOutOfRange, "start time is not before end time");
  int64_t step = args.step_ms;
  if (step == 0) step = std::max<int64_t>((end - start) / 1000 / kDefaultPoints, 1) * 1000;
  const http::Pairs params{{"query", args.expr},
                           {"start", Seconds(start)},
                           {"end", Seconds(end)},
                           {"step", Seconds(step)}};
  const std::string body = TRY(asker.Ask("/api/v1/query_range", params, true));
  auto format = args.format.value_or(as_promtool ? QueryFormat::kPromql : QueryFormat::kGraph);
  return PrintQuery(body, format, !as_promtool);
}

http::Pairs ListParams(const QueryArgs& args) {
  const int64_t now = base::SystemClock().NowMs();
  http::Pairs params{{"start", Seconds(args.start_ms.value_or(now - kWideMs))},
                     {"end", Seconds(args.end_ms.value_or(now + kWideMs))}};
  for (const std::string& match : args.match) params.emplace_back("match[]", match);
  return params;
}

Result<void> AskSeries(Asker& asker, const QueryArgs& args) {
  const std::string body = TRY(asker.Ask("/api/v1/series", ListParams(args), true));
  ListAnswer answer = TRY(ParseSeriesAnswer(body));
  PrintWarnings(answer.warnings);
  return Print(PrintSeriesList(answer.series, args.format.value_or(QueryFormat::kPromql)));
}

// What a path may not hold by itself, or Prometheus would take for its end.
std::string PathPart(std::string_view name) { return http::UrlEncode(name); }

Result<void> AskLabels(Asker& asker, const QueryArgs& args) {
  const std::string path = StrCat("/api/v1/label/", PathPart(args.expr), "/values");
  const std::string body = TRY(asker.Ask(path, ListParams(args), false));
  ListAnswer answer = TRY(ParseValuesAnswer(body));
  PrintWarnings(answer.warnings);
  return Print(PrintValues(answer.values, args.format.value_or(QueryFormat::kPromql)));
}

Result<void> AskAnalyze(Asker& asker, const QueryArgs& args) {
  const int64_t end = args.time_ms.value_or(base::SystemClock().NowMs());
  HistogramUse use;
  for (const std::string& match : args.match) {
    const std::string query = StrCat(match, "[", base::FormatDurationMs(args.duration_ms), "]");
    const http::Pairs params{{"query", query}, {"time", Seconds(end)}};
    const std::string body = TRY(asker.Ask("/api/v1/query", params, true));
    QueryAnswer answer = TRY(ParseQueryAnswer(body));
    PrintWarnings(answer.warnings);
    if (answer.type != QueryAnswer::Type::kMatrix)
      return Fail(ErrorCode::kOutOfRange, StrCat("--match takes a selector, not ", match));
    use.Add(answer);
  }
  return Print(use.Report());
}

Result<void> Ask(const QueryArgs& args, bool as_promtool) {
  Asker asker(args);
  TRY(asker.Connect());
  switch (args.verb) {
    case QueryArgs::Verb::kInstant:
      return AskInstant(asker, args, as_promtool);
    case QueryArgs::Verb::kRange:
      return AskRange(asker, args, as_promtool);
    case QueryArgs::Verb::kSeries:
      return AskSeries(asker, args);
    case QueryArgs::Verb::kLabels:
      return AskLabels(asker, args);
    case QueryArgs::Verb::kAnalyze:
      return AskAnalyze(asker, args);
  }
  return {};
}

}  // namespace

int RunQuery(const std::vector<std::string>& args, bool as_promtool) {
  auto parsed = ParseQueryArgs(args);
  if (!parsed && parsed.error().code() == ErrorCode::kNotFound) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (!parsed && parsed.error().code() == ErrorCode::kInvalidArgument) {
    std::fprintf(stderr, "slurmscope query: %s\nTry slurmscope query --help\n",
                 parsed.error().message().c_str());
    return 1;
  }
  if (!parsed) {
    std::fprintf(stderr, "%s\n", parsed.error().message().c_str());
    return 1;
  }
  auto asked = Ask(*parsed, as_promtool);
  if (asked) return 0;
  bool mistake = asked.error().code() == ErrorCode::kOutOfRange;  // of the command line
  std::fprintf(stderr, "%s%s\n", mistake ? "" : "query error: ", asked.error().message().c_str());
  return 1;
}

}  // namespace slurmscope::app
