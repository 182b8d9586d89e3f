#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/server.h"
#include "model/matcher.h"

namespace slurmscope::api {

using base::Result;

// The whole of time: what start and end mean when they are not given. Far enough from the ends of
// int64 that adding a range does not overflow.
inline constexpr int64_t kMinTimeMs = std::numeric_limits<int64_t>::min() / 1000 + 62135596801000;
inline constexpr int64_t kMaxTimeMs = std::numeric_limits<int64_t>::max() / 1000 - 62135596801000;

// Seconds since the epoch (decimals allowed) or RFC 3339, to ms.
Result<int64_t> ParseTimeMs(std::string_view text);
// Seconds (decimals allowed) or a duration like 5m, to ms.
Result<int64_t> ParseStepMs(std::string_view text);

// A time parameter, or `fallback` when it is absent. The error says which parameter it was.
Result<int64_t> TimeParam(const http::Request& request, std::string_view name, int64_t fallback);
// `limit`: 0 when absent (no limit).
Result<size_t> LimitParam(const http::Request& request, std::string_view name = "limit");
// Every match[]; empty when there is none.
Result<std::vector<std::vector<model::Matcher>>> MatchersParam(const http::Request& request,
                                                               std::string_view name = "match[]");

}  // namespace slurmscope::api
