// What stands before the handlers: who may come, on which addresses, under which paths.
#include "server_web.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/log.h"
#include "base/strings.h"
#include "edge/web_access.h"
#include "server.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

http::Response NotReady() { return http::Response::Text(503, "Service Unavailable"); }

// Pages that Prometheus serves on 9090 and that live on the UI's port here.
constexpr std::array<std::string_view, 7> kUiPages = {
    "/", "/graph", "/query", "/targets", "/alerts", "/status", "/service-discovery"};

std::string UiPathOf(std::string_view path) {
  if (path == "/targets" || path == "/service-discovery") return "/targets";
  if (path == "/graph" || path == "/query") return "/explore";
  return "/";
}

bool IsHostCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == ':' ||
         c == '[' || c == ']';
}

// As Prometheus answers: any origin, or the one that asks.
void AddCorsHeaders(const model::Regex& allowed, const http::Request& request,
                    http::Response& response) {
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return;
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Accept, Authorization, Content-Type, Origin");
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.headers.emplace_back("Access-Control-Expose-Headers", "Date");
  response.headers.emplace_back("Vary", "Origin");
  if (allowed.pattern() == ".*") {
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  } else if (allowed.Matches(origin)) {
    response.headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  }
}

}  // namespace

std::string HostWithoutPort(std::string_view host) {
  size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
    host = host.substr(0, colon);
  return std::all_of(host.begin(), host.end(), IsHostCharacter) ? std::string(host) : std::string();
}

Result<void> Server::OpenAccess() {
  auto opened = TRY(edge::OpenWebAccess(flags_.web_config_file));
  for (const std::string& warning : opened.warnings) base::LogWarn(warning);
  access_ = std::move(opened.access);
  if (!flags_.cors_origin.empty())
    cors_origin_ = TRY_CONTEXT(model::Regex::Compile(flags_.cors_origin), "--web.cors.origin");
  const bool safe = access_ && access_->has_tls() && access_->knows_clients();
  const auto open = edge::OpenAddresses(flags_.listen_addresses);
  if (safe || open.empty()) return {};
  if (!flags_.insecure) {
    return Fail(ErrorCode::kPermissionDenied,
                StrCat("--web.listen-address=", open.front(),
                       " would open the API to the network without TLS and users: give "
                       "--web.config.file with tls_server_config and basic_auth_users, listen on "
                       "127.0.0.1, or say --web.insecure"));
  }
  base::LogWarn("the API is open to the network without TLS and users (--web.insecure)",
                {{"address", open.front()}});
  return {};
}

Result<void> Server::Listen() {
  http::ServerOptions options;
  options.listen_addresses = flags_.listen_addresses;
  options.max_connections = flags_.max_connections;
  options.max_connections_per_client = flags_.max_connections_per_client;
  options.max_requests_per_client = flags_.max_requests_per_client;
  options.idle_timeout_seconds =
      static_cast<int>(std::max<int64_t>(1, flags_.read_timeout_ms / 1000));
  options.access = access_;
  options.path_prefix = flags_.route_prefix;
  // Many instant queries are about a few series of the head.
  options.hurry = [](const http::Request& request) {
    return request.path.ends_with("/api/v1/query");
  };
  api_server_ = TRY(http::Server::Start(
      options, [this](const http::Request& request) { return HandleApiPort(request); }));
  for (const std::string& address : api_server_->addresses())
    base::LogInfo("API listens", {{"address", address}});
  if (flags_.ui_listen_address.empty()) return {};
  options.listen_addresses = {flags_.ui_listen_address};
  options.path_prefix.clear();
  options.hurry = nullptr;      // sessions are looked up in a database
  options.check_users = false;  // the UI has its own
  auto ui = http::Server::Start(options,
                                [this](const http::Request& request) { return HandleUi(request); });
  if (!ui && flags_.ui_optional) {
    base::LogWarn("no web UI: its port is taken, by a Grafana perhaps (--ui.listen-address)",
                  {{"error", ui.error()}});
    flags_.ui_listen_address.clear();
    return {};
  }
  ui_server_ = TRY(std::move(ui));
  for (const std::string& address : ui_server_->addresses()) {
    base::LogInfo("web UI listens", {{"address", address}});
  }
  if (!edge::IsLoopbackAddress(flags_.ui_listen_address) && !(access_ && access_->has_tls()))
    base::LogWarn("the web UI is open to the network without TLS: passwords can be read on the way",
                  {{"address", flags_.ui_listen_address}});
  return {};
}

void Server::AddUiPages() {
  for (std::string_view page : kUiPages) {
    router_.Add("GET", std::string(page),
                [this](const http::Request& request) { return RedirectToUi(request); });
  }
}

http::Response Server::RedirectToUi(const http::Request& request) const {
  std::string host = HostWithoutPort(request.Header("Host"));
  if (!ui_server_ || host.empty()) {
    return http::Response::Text(
        200, "Slurmscope. The API is below /api/v1, this server's metrics at /metrics.\n");
  }
  return http::Response::Redirect(StrCat(request.secure ? "https://" : "http://", host, ":",
                                         ui_server_->port(), UiPathOf(request.path)));
}

http::Response Server::HandleApiPort(const http::Request& request) {
  if (!cors_origin_ || !request.path.starts_with("/api/v1/")) return HandleApi(request);
  http::Response response;
  if (request.method == "OPTIONS") {
    response.status = 204;
  } else {
    response = HandleApi(request);
  }
  AddCorsHeaders(*cors_origin_, request, response);
  return response;
}

http::Response Server::HandleApi(const http::Request& request) {
  if (request.path == "/-/healthy")
    return http::Response::Text(200, "Prometheus Server is Healthy.\n");
  if (ready_) return http_metrics_.Serve(router_, request);
  if (!early_router_.PatternOf(request).empty()) return early_router_.Handle(request);
  return NotReady();
}

// What every user may ask for; deleting and writing data is not among it.
http::Response Server::HandleUiApi(const http::Request& request) {
  if (request.path == "/api/v1/write") {
    return http::Response::Text(403, "Remote write is on the API's port only.\n");
  }
  if (request.path.starts_with("/api/v1/admin/")) {
    return http::Response::Text(403, "The admin API is on the API's port only.\n");
  }
  return HandleApi(request);
}

http::Response Server::HandleUi(const http::Request& request) {
  if (!ready_) return NotReady();
  return ui_->Handle(request);
}

}  // namespace slurmscope::app
