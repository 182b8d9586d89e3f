#pragma once

#include <string>

#include "base/result.h"
#include "config/prometheus.h"

namespace slurmscope::scrape {

using base::Result;

// The grammar of a body.
enum class BodyFormat { kText, kOpenMetrics, kProtobuf };

// The Accept header that asks for the job's protocols in its order.
std::string AcceptHeader(const config::NegotiationConfig& config);

// How a body of this Content-Type is to be read. A page without a type is taken for text, one of an
// unknown type for what fallback_scrape_protocol says; kInvalidArgument without one.
Result<BodyFormat> FormatOf(std::string_view content_type, const config::NegotiationConfig& config);

}  // namespace slurmscope::scrape
