// /query, /query_range, /format_query, /parse_query
#include "api/api.h"
#include "api/ast_json.h"
#include "api/params.h"
#include "api/response.h"
#include "api/result_json.h"
#include "base/strings.h"
#include "promql/parser.h"

namespace slurmscope::api {
namespace {

constexpr int64_t kMaxPointsPerSeries = 11'000;

using promql::StatsWanted;

// For the query log.
promql::QueryOrigin OriginOf(const http::Request& request) {
  std::string_view address = request.remote_address;
  std::string_view ip = address.substr(0, address.rfind(':'));
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  return {std::string(ip), request.method, request.path, {}, {}};
}

Result<promql::QueryOptions> QueryOptionsOf(const http::Request& request) {
  promql::QueryOptions options;
  options.canceled = request.canceled;
  if (std::string_view timeout = request.Param("timeout"); !timeout.empty()) {
    options.timeout_ms = TRY_CONTEXT(ParseStepMs(timeout), "invalid parameter \"timeout\"");
    // Zero would mean the engine's own limit.
    if (options.timeout_ms <= 0) {
      return base::Fail(base::ErrorCode::kTimeout, "query timed out in query execution");
    }
  }
  // Not above zero means the engine's own, as in Prometheus.
  if (std::string_view lookback = request.Param("lookback_delta"); !lookback.empty()) {
    options.lookback_ms =
        TRY_CONTEXT(ParseStepMs(lookback), "error parsing lookback delta duration");
  }
  std::string_view stats = request.Param("stats");
  if (!stats.empty()) options.stats = stats == "all" ? StatsWanted::kPerStep : StatsWanted::kTotal;
  return options;
}

// A parse error is the query's fault; the others have their own types.
http::Response QueryError(const base::Error& error) {
  if (error.code() == base::ErrorCode::kInvalidArgument)
    return BadParameter("query", error.message());
  return ErrorResponse(error);
}

// Text of an answer that is held at once.
constexpr size_t kPieceBytes = 256 * 1024;

http::Response QueryAnswer(const http::Request& request, promql::QueryResult result, size_t limit) {
  AnswerOptions options{.with_stats = !request.Param("stats").empty(), .limit = limit};
  auto writer = std::make_shared<AnswerWriter>(std::move(result), options);
  http::Response response = http::Response::Json(200, {});
  if (!writer->Next(response.body, kPieceBytes)) return response;
  response.rest = [writer](std::string& out) { return writer->Next(out, kPieceBytes); };
  return response;
}

}  // namespace

http::Response Api::Query(const http::Request& request) const {
  auto limit = LimitParam(request);
  if (!limit) return ErrorResponse(limit.error());
  auto time = TimeParam(request, "time", deps_.clock.NowMs());
  if (!time) return ErrorResponse(time.error());
  auto options = QueryOptionsOf(request);
  if (!options) return ErrorResponse(options.error());
  const promql::QueryOrigin origin = OriginOf(request);
  options->origin = &origin;
  options->at_once = request.hurried;
  auto result = deps_.engine.Instant(deps_.storage(), request.Param("query"), *time, *options);
  if (!result && request.hurried && result.error().code() == base::ErrorCode::kUnavailable) {
    http::Response response;
    response.later = true;
    return response;
  }
  if (!result) return QueryError(result.error());
  return QueryAnswer(request, *std::move(result), *limit);
}

http::Response Api::QueryRange(const http::Request& request) const {
  auto limit = LimitParam(request);
  if (!limit) return ErrorResponse(limit.error());
  auto start = ParseTimeMs(request.Param("start"));
  if (!start) return BadParameter("start", start.error().message());
  auto end = ParseTimeMs(request.Param("end"));
  if (!end) return BadParameter("end", end.error().message());
  if (*end < *start) return BadParameter("end", "end timestamp must not be before start time");
  auto step = ParseStepMs(request.Param("step"));
  if (!step) return BadParameter("step", step.error().message());
  if (*step <= 0) {
    return BadParameter(
        "step",
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if ((*end - *start) / *step > kMaxPointsPerSeries) {
    return ErrorResponse(
        ErrorType::kBadData,
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  auto options = QueryOptionsOf(request);
  if (!options) return ErrorResponse(options.error());
  const promql::QueryOrigin origin = OriginOf(request);
  options->origin = &origin;
  auto result =
      deps_.engine.Range(deps_.storage(), request.Param("query"), *start, *end, *step, *options);
  if (!result) return QueryError(result.error());
  return QueryAnswer(request, *std::move(result), *limit);
}

http::Response Api::FormatQuery(const http::Request& request) const {
  auto expr = promql::ParseExpr(request.Param("query"), deps_.engine.options().parser);
  if (!expr) return BadParameter("query", expr.error().message());
  return SuccessResponse([&](base::JsonWriter& json) { json.String(promql::Prettify(**expr)); });
}

http::Response Api::ParseQuery(const http::Request& request) const {
  auto expr = promql::ParseExpr(request.Param("query"), deps_.engine.options().parser);
  if (!expr) return BadParameter("query", expr.error().message());
  return SuccessResponse([&](base::JsonWriter& json) { WriteAst(json, **expr); });
}

}  // namespace slurmscope::api
