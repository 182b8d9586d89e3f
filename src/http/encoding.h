#pragma once

#include <string_view>

#include "http/server.h"

namespace slurmscope::http {

// RFC 9110 12.5.3: gzip (or x-gzip, or "*") is named in Accept-Encoding with a weight above 0.
bool AcceptsGzip(std::string_view accept_encoding);

// Text, JSON, JavaScript, SVG and the like; not images, fonts or archives.
bool IsCompressible(std::string_view content_type);

// Brings the body into the coding that the client takes: compresses one that is worth it, unpacks
// one that is gzip for a client that cannot read that. Sets Content-Encoding and Vary.
void EncodeBody(const Request& request, size_t min_gzip_bytes, Response& response);

}  // namespace slurmscope::http
