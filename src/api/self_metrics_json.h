#pragma once

#include <string_view>

#include "base/json_writer.h"
#include "base/result.h"
#include "model/matcher.h"

namespace slurmscope::api {

// Writes the families of a page in text format whose names match, as a JSON array of
// io.prometheus.client.MetricFamily in protobuf's JSON form (64-bit integers are strings).
base::Result<void> WriteFamiliesJson(std::string_view page, const model::Regex& names,
                                     base::JsonWriter& json);

}  // namespace slurmscope::api
