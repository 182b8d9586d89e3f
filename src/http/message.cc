#include <strings.h>

#include "base/strings.h"
#include "http/server.h"

namespace slurmscope::http {

namespace {

bool EqualFold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string_view Request::Param(std::string_view name) const {
  for (const auto& [key, value] : params) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string_view> Request::ParamAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : params) {
    if (key == name) values.push_back(value);
  }
  return values;
}

bool Request::HasParam(std::string_view name) const {
  for (const auto& [key, value] : params) {
    if (key == name) return true;
  }
  return false;
}

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualFold(key, name)) return value;
  }
  return {};
}

std::string_view Request::Cookie(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (!EqualFold(key, "Cookie")) continue;
    for (std::string_view piece : base::Split(value, ';')) {
      piece = base::TrimSpace(piece);
      const size_t equals = piece.find('=');
      if (equals == std::string_view::npos || piece.substr(0, equals) != name) continue;
      piece.remove_prefix(equals + 1);
      const bool quoted = piece.size() >= 2 && piece.front() == '"' && piece.back() == '"';
      return quoted ? piece.substr(1, piece.size() - 2) : piece;
    }
  }
  return {};
}

Response Response::Text(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response Response::Json(int status, std::string body) {
  Response response = Text(status, std::move(body));
  response.content_type = "application/json";
  return response;
}

Response Response::Redirect(std::string location, int status) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Location", std::move(location));
  return response;
}

}  // namespace slurmscope::http
