#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/labels.h"

// Texts of series, in the form that ParseSeries reads and that can hold any name.
namespace slurmscope::exposition {

// {"name_suffix","label"="value",extra}; `extra` is written as it is.
std::string SeriesText(std::string_view name, std::string_view suffix,
                       const std::vector<std::pair<std::string_view, std::string_view>>& labels,
                       std::string_view extra);
std::string SeriesText(const model::Labels& labels);

// The value of a label le or quantile: "1.0", "+Inf".
std::string FloatLabelText(double value);

}  // namespace slurmscope::exposition
