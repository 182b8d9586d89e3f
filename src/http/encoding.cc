#include "http/encoding.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "http/gzip.h"

namespace slurmscope::http {

namespace {

constexpr uint64_t kMaxUnpackedBytes = 256u << 20;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "q=0", "q=0.", "q=0.000".
bool IsZeroWeight(std::string_view parameters) {
  for (std::string_view piece : base::Split(parameters, ';')) {
    piece = base::TrimSpace(piece);
    if (!piece.starts_with("q=")) continue;
    piece.remove_prefix(2);
    return piece.starts_with('0') && piece.find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

void MarkGzip(Response& response) { response.headers.emplace_back("Content-Encoding", "gzip"); }

}  // namespace

bool AcceptsGzip(std::string_view accept_encoding) {
  bool any = false;
  const std::string lower = Lower(accept_encoding);
  for (std::string_view piece : base::Split(lower, ',')) {
    const size_t semicolon = piece.find(';');
    const std::string_view name = base::TrimSpace(piece.substr(0, semicolon));
    const bool taken =
        semicolon == std::string_view::npos || !IsZeroWeight(piece.substr(semicolon + 1));
    if (name == "gzip" || name == "x-gzip") return taken;
    if (name == "*") any = taken;
  }
  return any;
}

bool IsCompressible(std::string_view content_type) {
  constexpr std::array<std::string_view, 8> kTypes = {
      "application/json",         "application/javascript",
      "application/xml",          "application/openmetrics-text",
      "application/x-javascript", "application/wasm",
      "application/yaml",         "image/svg+xml"};
  const std::string type = Lower(base::TrimSpace(content_type.substr(0, content_type.find(';'))));
  return type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml") ||
         std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

void EncodeBody(const Request& request, size_t min_gzip_bytes, Response& response) {
  const std::string_view body =
      response.body.empty() ? response.static_body : std::string_view(response.body);
  const bool worth_it = body.size() >= min_gzip_bytes && IsCompressible(response.content_type);
  if (!response.gzipped && !worth_it) return;
  for (const auto& header : response.headers) {
    if (Lower(header.first) == "content-encoding") return;
  }
  response.headers.emplace_back("Vary", "Accept-Encoding");
  const bool wanted = AcceptsGzip(request.Header("Accept-Encoding"));
  if (wanted && response.gzipped) return MarkGzip(response);
  if (!wanted && !response.gzipped) return;
  if (wanted) {
    std::string packed = GzipCompress(body);
    if (packed.empty()) return;
    response.body = std::move(packed);
    return MarkGzip(response);
  }
  auto plain = GzipDecompress(body, kMaxUnpackedBytes);
  if (!plain) {
    response = Response::Text(500, "the stored page cannot be unpacked\n");
    return;
  }
  response.body = *std::move(plain);
  response.static_body = {};
}

}  // namespace slurmscope::http
