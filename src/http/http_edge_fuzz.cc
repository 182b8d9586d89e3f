// All of a request that comes from strangers before anyone is asked who they are: method, target,
// headers, Authorization, Host and body. The first line is "METHOD TARGET", then headers up to an
// empty line, then the body.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/access_impl.h"
#include "http/basic_auth.h"
#include "http/proxy.h"
#include "http/request_reader.h"

namespace {

using slurmscope::http::Request;
using slurmscope::http::RequestReader;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view TakeUntil(std::string_view& text, char end) {
  const size_t at = text.find(end);
  const std::string_view piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return piece;
}

void FillHead(std::string_view& text, Request& request) {
  std::string_view first = TakeUntil(text, '\n');
  request.method = TakeUntil(first, ' ');
  request.raw_target = first;
  while (!text.empty()) {
    std::string_view line = TakeUntil(text, '\n');
    if (line.empty()) return;
    std::string name(TakeUntil(line, ':'));
    request.headers.emplace_back(std::move(name), std::string(line));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  RequestReader reader(1024);
  Request& request = reader.request();
  FillHead(text, request);
  const auto given = slurmscope::http::ParseBasicAuth(request.Header("Authorization"));
  if (given) {
    Require(given->user.find(':') == std::string::npos);
    const auto again = slurmscope::http::ParseBasicAuth(
        slurmscope::http::BasicAuthHeader(given->user, given->password));
    Require(again && again->user == given->user && again->password == given->password);
  }
  const std::string host(request.Header("Host"));
  slurmscope::http::ClientOf(host);
  slurmscope::http::IsSpared(request.raw_target, host, "80");
  slurmscope::http::ProxyFor({"http://p", "http://p", host, true, {}}, request.raw_target);
  if (reader.CheckHead(4096)) return 0;
  Require(!request.path.empty());
  if (!reader.AddBody(text)) return 0;
  if (!reader.Finish()) Require(request.body.size() <= 1024);
  return 0;
}
