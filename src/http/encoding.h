#pragma once

#include <string_view>

#include "http/server.h"

namespace slurmscope::http {

enum class Coding { kIdentity, kGzip, kZstd };
std::string_view ToString(Coding coding);  // as Content-Encoding has it; identity is ""

// RFC 9110 12.5.3: what Accept-Encoding gives the highest weight above 0; of equals zstd before
// gzip before neither. "*" stands for those not named, "x-gzip" for gzip.
Coding ChooseCoding(std::string_view accept_encoding);
// Whether gzip may be sent, whatever else is preferred.
bool AcceptsGzip(std::string_view accept_encoding);

// Text, JSON, JavaScript, SVG and the like; not images, fonts or archives.
bool IsCompressible(std::string_view content_type);

// Brings a body without a rest into a coding that the client takes: compresses one that is worth
// it, unpacks one that is gzip for a client that cannot read that. Sets Content-Encoding and Vary.
void EncodeBody(const Request& request, size_t min_gzip_bytes, Response& response);

// The coding for a response that has a rest, whose body is left as it is. Sets Content-Encoding and
// Vary.
Coding PrepareStream(const Request& request, Response& response);

}  // namespace slurmscope::http
