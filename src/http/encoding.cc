#include "http/encoding.h"

#include <algorithm>
#include <array>

#include "base/float_text.h"
#include "base/strings.h"
#include "http/gzip.h"
#include "http/stream_encoder.h"

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

// The weight among parameters, 1 when there is none that can be read.
double WeightOf(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view piece = base::TrimSpace(base::TakePiece(parameters, ';'));
    if (!piece.starts_with("q=")) continue;
    return std::clamp(base::ParseFloat(piece.substr(2)).value_or(1), 0.0, 1.0);
  }
  return 1;
}

// Weights of what this server can make; below 0 where nothing is said.
struct Weights {
  double gzip = -1;
  double zstd = -1;
  double identity = -1;
  double any = -1;

  double Gzip() const { return std::max(gzip < 0 ? any : gzip, 0.0); }
  double Zstd() const { return std::max(zstd < 0 ? any : zstd, 0.0); }
};

Weights ReadWeights(std::string_view accept_encoding) {
  Weights weights;
  const std::string lower = Lower(accept_encoding);
  for (std::string_view rest = lower; !rest.empty();) {
    const std::string_view piece = base::TakePiece(rest, ',');
    const size_t semicolon = piece.find(';');
    const std::string_view name = base::TrimSpace(piece.substr(0, semicolon));
    const double weight =
        semicolon == std::string_view::npos ? 1 : WeightOf(piece.substr(semicolon + 1));
    if (name == "gzip" || name == "x-gzip") weights.gzip = weight;
    if (name == "zstd") weights.zstd = weight;
    if (name == "identity") weights.identity = weight;
    if (name == "*") weights.any = weight;
  }
  return weights;
}

void MarkCoding(Response& response, Coding coding) {
  response.headers.emplace_back("Content-Encoding", ToString(coding));
}

bool HasCoding(const Response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [](const auto& header) { return Lower(header.first) == "content-encoding"; });
}

std::string Pack(Coding coding, std::string_view body) {
  return coding == Coding::kZstd ? ZstdCompress(body) : GzipCompress(body);
}

}  // namespace

std::string_view ToString(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return "gzip";
    case Coding::kZstd:
      return "zstd";
    case Coding::kIdentity:
      break;
  }
  return "";
}

Coding ChooseCoding(std::string_view accept_encoding) {
  const Weights weights = ReadWeights(accept_encoding);
  const double best = std::max(weights.Gzip(), weights.Zstd());
  if (best == 0 || weights.identity > best) return Coding::kIdentity;
  return weights.Zstd() == best ? Coding::kZstd : Coding::kGzip;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  return ReadWeights(accept_encoding).Gzip() > 0;
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
  if (HasCoding(response)) return;
  response.varies_by_encoding = true;
  const std::string_view accepted = request.Header("Accept-Encoding");
  if (!response.gzipped) {
    const Coding coding = ChooseCoding(accepted);
    if (coding == Coding::kIdentity) return;
    std::string packed = Pack(coding, body);
    if (packed.empty()) return;
    response.body.swap(packed);
    if (response.take_back) response.take_back(std::move(packed));
    return MarkCoding(response, coding);
  }
  if (AcceptsGzip(accepted)) return MarkCoding(response, Coding::kGzip);
  auto plain = GzipDecompress(body, kMaxUnpackedBytes);
  if (!plain) {
    response = Response::Text(500, "the stored page cannot be unpacked\n");
    return;
  }
  response.body = *std::move(plain);
  response.static_body = {};
}

Coding PrepareStream(const Request& request, Response& response) {
  if (!IsCompressible(response.content_type) || HasCoding(response)) return Coding::kIdentity;
  response.varies_by_encoding = true;
  const Coding coding = ChooseCoding(request.Header("Accept-Encoding"));
  if (coding != Coding::kIdentity) MarkCoding(response, coding);
  return coding;
}

}  // namespace slurmscope::http
