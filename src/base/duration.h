#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::base {

// Prometheus durations in milliseconds: "5m", "1h30m", "100ms", "1d"; units y w d h m s ms in that
// order, a year is 365 days, "0" needs no unit. Errors word the problem as Prometheus does: `not a
// valid duration string: "x"`.
Result<int64_t> ParseDurationMs(std::string_view text);

// The shortest Prometheus spelling: 90000 -> "1m30s", 0 -> "0s".
std::string FormatDurationMs(int64_t milliseconds);

// Go durations in nanoseconds, as node_exporter's flags take them: "1.5s", "300ms", "2h45m", "1us".
Result<int64_t> ParseGoDurationNs(std::string_view text);

// Bytes: "512MB", "1GiB", "100", units of 1024 as Prometheus' flags and limits count them.
Result<uint64_t> ParseBytes(std::string_view text);

// RFC 3339 ("2026-11-23T05:41:46.123Z", offsets allowed) to milliseconds since the epoch.
Result<int64_t> ParseRfc3339Ms(std::string_view text);

// Milliseconds since the epoch as RFC 3339 in UTC with as many decimals as needed:
// "2026-11-23T05:41:46.123Z".
std::string FormatRfc3339Ms(int64_t milliseconds);

}  // namespace slurmscope::base
