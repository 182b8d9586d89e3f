#include "api/params.h"

#include <cmath>
#include <string>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "promql/parser.h"

namespace slurmscope::api {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

std::string InvalidParameter(std::string_view name) {
  return StrCat("invalid parameter ", base::Quote(name));
}

}  // namespace

Result<int64_t> ParseTimeMs(std::string_view text) {
  if (auto seconds = base::ParseFloat(text)) {
    double ms = std::round(*seconds * 1000);
    if (ms >= static_cast<double>(kMinTimeMs) && ms <= static_cast<double>(kMaxTimeMs)) {
      return static_cast<int64_t>(ms);
    }
  } else if (auto time = base::ParseRfc3339Ms(text)) {
    return *time;
  }
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("cannot parse ", base::Quote(text), " to a valid timestamp"));
}

Result<int64_t> ParseStepMs(std::string_view text) {
  if (auto seconds = base::ParseFloat(text)) {
    double ms = *seconds * 1000;
    if (std::fabs(ms) < 9.2e15) return static_cast<int64_t>(ms);
    return Fail(ErrorCode::kInvalidArgument, StrCat("cannot parse ", base::Quote(text),
                                                    " to a valid duration. It overflows int64"));
  }
  if (auto duration = base::ParseDurationMs(text)) return *duration;
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("cannot parse ", base::Quote(text), " to a valid duration"));
}

Result<int64_t> TimeParam(const http::Request& request, std::string_view name, int64_t fallback) {
  std::string_view text = request.Param(name);
  if (text.empty()) return fallback;
  return TRY_CONTEXT(ParseTimeMs(text), InvalidParameter(name));
}

Result<size_t> LimitParam(const http::Request& request, std::string_view name) {
  std::string_view text = request.Param(name);
  if (text.empty()) return size_t{0};
  if (auto limit = base::ParseInt<int64_t>(text); limit && *limit >= 0)
    return static_cast<size_t>(*limit);
  return Fail(ErrorCode::kInvalidArgument,
              StrCat(InvalidParameter(name), ": limit must be a non-negative number, got ",
                     base::Quote(text)));
}

Result<std::vector<std::vector<model::Matcher>>> MatchersParam(const http::Request& request,
                                                               std::string_view name) {
  std::vector<std::vector<model::Matcher>> sets;
  for (std::string_view selector : request.ParamAll(name)) {
    sets.push_back(TRY_CONTEXT(promql::ParseMetricSelector(selector), InvalidParameter(name)));
  }
  return sets;
}

}  // namespace slurmscope::api
