#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace slurmscope::app {

// What promtool prints, which is what Go's libraries print.

// time.Duration: "1m0.99s", "2h0m0s", "1ms", "0s".
std::string GoDuration(int64_t milliseconds);
// time.Time in UTC, whole seconds: "2019-08-06 23:21:53 +0000 UTC".
std::string GoTime(int64_t milliseconds);
// Powers of 1024, all of them: "1KiB500B".
std::string Base2Bytes(uint64_t bytes);
// {__name__="up", job="x"}; names that need it are quoted.
std::string GoLabels(const model::Labels& labels, std::string_view separator = ", ");

// Cells in columns: each column but the last as wide as its widest cell and two spaces, 13 at
// least. Ends with a newline.
std::string AlignColumns(const std::vector<std::vector<std::string>>& rows);

}  // namespace slurmscope::app
