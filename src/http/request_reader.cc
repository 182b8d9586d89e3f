#include "http/request_reader.h"

#include <strings.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "http/form.h"

namespace slurmscope::http {

using base::StrCat;

namespace {

constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD",   "POST",
                                                      "PUT", "DELETE", "OPTIONS"};
constexpr size_t kMaxDroppedBytes = 1 << 20;
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

Response BadRequest(const base::Error& error) {
  return Response::Text(400, StrCat(error.message(), '\n'));
}

Response BodyTooLarge(size_t max_bytes) {
  return Response::Text(413, StrCat("the request body is longer than ", max_bytes, " bytes\n"));
}

bool EqualFold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool IsForm(std::string_view content_type) {
  const std::string_view type = base::TrimSpace(content_type.substr(0, content_type.find(';')));
  return EqualFold(type, kFormType);
}

// "http://host/path?query", as sent to a proxy, means the same as "/path?query".
std::string_view WithoutAuthority(std::string_view target) {
  if (target.starts_with('/')) return target;
  const size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || scheme > target.find_first_of("/?")) return target;
  const size_t path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

bool IsTokenByte(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), IsTokenByte);
}

bool IsHeaderValue(std::string_view value) {
  constexpr std::string_view kBreaks("\0\r\n", 3);
  return value.find_first_of(kBreaks) == std::string_view::npos;
}

size_t CountHeader(const Pairs& headers, std::string_view name) {
  return static_cast<size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [name](const auto& header) { return EqualFold(header.first, name); }));
}

// Why proxy and server could take the head in two ways, and so disagree where the next request
// begins or whom it is for (RFC 9112, sections 3.2, 5.1, 6.1 and 6.3); empty when they cannot.
std::string_view Ambiguity(const Request& request) {
  for (const auto& [name, value] : request.headers) {
    if (!IsHeaderName(name)) return "a header name that is not a token";
    if (!IsHeaderValue(value)) return "a control character in a header";
  }
  if (CountHeader(request.headers, "Host") > 1) return "more than one Host";
  const size_t lengths = CountHeader(request.headers, "Content-Length");
  if (lengths > 1) return "more than one Content-Length";
  const size_t encodings = CountHeader(request.headers, "Transfer-Encoding");
  if (encodings == 0) return {};
  if (lengths > 0) return "Content-Length beside Transfer-Encoding";
  if (encodings > 1 || !EqualFold(request.Header("Transfer-Encoding"), "chunked")) {
    return "a Transfer-Encoding other than chunked";
  }
  return {};
}

}  // namespace

std::optional<Response> RequestReader::CheckHead(size_t max_header_bytes) {
  if (std::find(kMethods.begin(), kMethods.end(), request_.method) == kMethods.end()) {
    Response response = Response::Text(405, "Method Not Allowed\n");
    response.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    return response;
  }
  size_t header_bytes = request_.raw_target.size();
  for (const auto& [name, value] : request_.headers) header_bytes += name.size() + value.size() + 4;
  if (header_bytes > max_header_bytes) {
    return Response::Text(
        431, StrCat("the request header is longer than ", max_header_bytes, " bytes\n"));
  }
  if (const std::string_view why = Ambiguity(request_); !why.empty()) {
    return Response::Text(400, StrCat("the request has ", why, '\n'));
  }
  const auto length = base::ParseInt<uint64_t>(request_.Header("Content-Length"));
  if (length && *length > max_body_bytes_) return BodyTooLarge(max_body_bytes_);
  if (length) request_.body.reserve(std::min<size_t>(*length, kMaxDroppedBytes));
  return ReadTarget();
}

std::optional<Response> RequestReader::ReadTarget() {
  const std::string_view target = WithoutAuthority(request_.raw_target);
  const size_t question = target.find('?');
  auto path = UrlDecode(target.substr(0, question), PlusSign::kPlusIsPlus);
  if (!path) return BadRequest(path.error());
  request_.path.assign(path->empty() ? "/" : *path);
  if (question == std::string_view::npos) return std::nullopt;
  const auto parsed = ParseForm(target.substr(question + 1), kMaxFormPairs, request_.params);
  if (!parsed) return BadRequest(parsed.error());
  return std::nullopt;
}

void RequestReader::Clear() {
  request_.params.clear();
  request_.body.clear();
  request_.secure = request_.hurried = false;
  request_.canceled = [] { return false; };
  headers_ = dropped_bytes_ = 0;
  refused_ = false;
}

void RequestReader::AddHeader(std::string_view name, std::string_view value) {
  if (headers_ == request_.headers.size()) request_.headers.emplace_back();
  auto& [header, text] = request_.headers[headers_++];
  header.assign(name);
  text.assign(value);
}

bool RequestReader::AddBody(std::string_view piece) {
  if (!refused_ && dropped_bytes_ == 0 && request_.body.size() + piece.size() <= max_body_bytes_) {
    request_.body.append(piece);
    return true;
  }
  dropped_bytes_ += piece.size();
  return dropped_bytes_ <= kMaxDroppedBytes;
}

void RequestReader::RefuseBody() {
  refused_ = true;
  request_.body = std::string();
}

std::optional<Response> RequestReader::Finish() {
  if (refused_) {
    Response busy = Response::Text(503, "too many large requests are under way; try again\n");
    busy.headers.emplace_back("Retry-After", "1");
    return busy;
  }
  if (dropped_bytes_ > 0) return BodyTooLarge(max_body_bytes_);
  if (!IsForm(request_.Header("Content-Type"))) return std::nullopt;
  const auto parsed = ParseForm(request_.body, kMaxFormPairs, request_.params);
  if (!parsed) return BadRequest(parsed.error());
  request_.body = std::string();
  return std::nullopt;
}

}  // namespace slurmscope::http
