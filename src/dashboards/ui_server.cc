#include "dashboards/ui_server.h"

#include <algorithm>
#include <memory>

#include <simdjson.h>

#include "base/json_writer.h"
#include "base/strings.h"
#include "base/version.h"
#include "dashboards/assets.h"
#include "dashboards/secrets.h"

namespace slurmscope::dashboards {
namespace {

using base::ErrorCode;
using base::JsonWriter;
using base::StrCat;

constexpr std::string_view kCookie = "slurmscope_session";
constexpr std::string_view kNoncePlaceholder = "__CSP_NONCE__";

http::Response Message(int status, std::string_view message) {
  std::string body;
  JsonWriter(body).BeginObject().Field("message", message).EndObject();
  return http::Response::Json(status, std::move(body));
}

http::Response ErrorAnswer(const base::Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return Message(400, error.message());
    case ErrorCode::kPermissionDenied:
      return Message(403, error.message());
    case ErrorCode::kNotFound:
      return Message(404, error.message());
    case ErrorCode::kAlreadyExists:
      return Message(412, error.message());
    case ErrorCode::kResourceExhausted:
      return Message(429, error.message());
    default:
      return Message(500, error.message());
  }
}

std::string HostOf(std::string_view address) {
  return std::string(address.substr(0, address.rfind(':')));
}

// A page of another site may make the browser send a request with our cookie: only our own pages
// may change things. Browsers say where a request comes from; programs without a browser send
// neither header and have no stray cookie.
bool IsSameOrigin(const http::Request& request) {
  std::string_view site = request.Header("Sec-Fetch-Site");
  if (!site.empty()) return site == "same-origin" || site == "none";
  std::string_view origin = request.Header("Origin");
  if (origin.empty()) return true;
  size_t scheme_end = origin.find("://");
  return scheme_end != std::string_view::npos &&
         origin.substr(scheme_end + 3) == request.Header("Host");
}

bool IsJson(const http::Request& request) {
  return request.Header("Content-Type").starts_with("application/json");
}

void AddSecurityHeaders(http::Response& response, std::string_view nonce) {
  std::string style = nonce.empty() ? "'self'" : StrCat("'self' 'nonce-", nonce, "'");
  response.headers.emplace_back(
      "Content-Security-Policy",
      StrCat("default-src 'none'; script-src 'self'; style-src ", style,
             "; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
             "base-uri 'none'; "
             "object-src 'none'; form-action 'self'; frame-ancestors 'none'"));
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
}

std::string SessionCookie(const http::Request& request, std::string_view token,
                          int64_t max_age_seconds) {
  return StrCat(kCookie, "=", token, "; Path=/; HttpOnly; SameSite=Lax; Max-Age=", max_age_seconds,
                request.secure ? "; Secure" : "");
}

http::Response IndexPage() {
  const Asset* index = FindAsset("/index.html");
  if (index == nullptr) {
    return http::Response::Text(404, "This build has no web UI: build it with ./dev build\n");
  }
  std::string nonce = RandomToken(18);
  std::string page(index->data);
  for (size_t at = page.find(kNoncePlaceholder); at != std::string::npos;
       at = page.find(kNoncePlaceholder, at)) {
    page.replace(at, kNoncePlaceholder.size(), nonce);
  }
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = std::move(page);
  response.headers.emplace_back("Cache-Control", "no-store");
  AddSecurityHeaders(response, nonce);
  return response;
}

void WriteInfo(JsonWriter& json, const DashboardInfo& info) {
  json.BeginObject().Field("uid", info.uid).Field("title", info.title);
  json.Field("url", StrCat("/d/", info.uid, "/", SlugOf(info.title))).Field("type", "dash-db");
  json.Key("tags").BeginArray();
  for (const std::string& tag : info.tags) json.String(tag);
  json.EndArray().Field("isStarred", false).EndObject();
}

// The string fields of a small JSON object.
struct JsonBody {
  simdjson::dom::parser parser;
  simdjson::dom::object object;

  static Result<std::unique_ptr<JsonBody>> Parse(const http::Request& request) {
    auto body = std::make_unique<JsonBody>();
    if (body->parser.parse(request.body).get_object().get(body->object) != simdjson::SUCCESS) {
      return base::Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
    }
    return body;
  }
  std::string String(std::string_view key) const {
    std::string_view value;
    return object[key].get_string().get(value) == simdjson::SUCCESS ? std::string(value)
                                                                    : std::string();
  }
  bool Bool(std::string_view key) const {
    bool value = false;
    return object[key].get_bool().get(value) == simdjson::SUCCESS && value;
  }
};

}  // namespace

UiServer::UiServer(Accounts& accounts, DashboardStore& dashboards, http::Handler prometheus_api)
    : accounts_(accounts), dashboards_(dashboards), prometheus_api_(std::move(prometheus_api)) {
  AddRoutes();
}

void UiServer::AddRoutes() {
  auto open = [this](auto method) {
    return [this, method](const http::Request& request) { return (this->*method)(request); };
  };
  router_.Add("POST", "/login", open(&UiServer::LogIn));
  router_.Add("POST", "/logout", open(&UiServer::LogOut));
  router_.Add("GET", "/api/health", [](const http::Request&) {
    std::string body;
    JsonWriter(body)
        .BeginObject()
        .Field("database", "ok")
        .Field("version", base::Version())
        .EndObject();
    return http::Response::Json(200, std::move(body));
  });
  router_.Add("GET", "/api/user", LoggedIn(open(&UiServer::CurrentUser)));
  router_.Add("GET", "/api/search", LoggedIn(open(&UiServer::Search)));
  router_.Add("GET", "/api/dashboards/uid/:uid", LoggedIn(open(&UiServer::GetDashboard)));
  router_.Add("DELETE", "/api/dashboards/uid/:uid", LoggedIn(open(&UiServer::DeleteDashboard)));
  router_.Add("POST", "/api/dashboards/db", LoggedIn(open(&UiServer::SaveDashboard)));
  router_.Add("GET POST", "/api/v1/*rest", LoggedIn(prometheus_api_));
  router_.Add("GET", "/*path", open(&UiServer::StaticFile));
}

http::Response UiServer::Handle(const http::Request& request) const {
  bool reads_only = request.method == "GET" || request.method == "HEAD";
  if (!reads_only && !IsSameOrigin(request)) {
    return Message(403, "requests from pages of other sites are not taken");
  }
  http::Response response = router_.Handle(request);
  bool has_policy =
      std::any_of(response.headers.begin(), response.headers.end(),
                  [](const auto& header) { return header.first == "Content-Security-Policy"; });
  if (!has_policy) AddSecurityHeaders(response, {});
  return response;
}

std::optional<User> UiServer::UserOf(const http::Request& request) const {
  return accounts_.FindSession(request.Cookie(kCookie));
}

http::Handler UiServer::LoggedIn(http::Handler handler) const {
  return [this, handler = std::move(handler)](const http::Request& request) {
    if (!UserOf(request)) return Message(401, "Unauthorized");
    http::Response response = handler(request);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  };
}

http::Response UiServer::LogIn(const http::Request& request) const {
  if (!IsJson(request)) return Message(415, "the body must be application/json");
  auto body = JsonBody::Parse(request);
  if (!body) return ErrorAnswer(body.error());
  auto login = accounts_.LogIn((*body)->String("user"), (*body)->String("password"),
                               HostOf(request.remote_address));
  if (!login) {
    bool wrong = login.error().code() == ErrorCode::kPermissionDenied;
    return wrong ? Message(401, login.error().message()) : ErrorAnswer(login.error());
  }
  http::Response response = Message(200, "Logged in");
  response.headers.emplace_back("Set-Cookie",
                                SessionCookie(request, login->token, Accounts::kLifetimeMs / 1000));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response UiServer::LogOut(const http::Request& request) const {
  accounts_.LogOut(request.Cookie(kCookie));
  http::Response response = Message(200, "Logged out");
  response.headers.emplace_back("Set-Cookie", SessionCookie(request, "", 0));
  return response;
}

http::Response UiServer::CurrentUser(const http::Request& request) const {
  std::optional<User> user = UserOf(request);
  if (!user) return Message(401, "Unauthorized");
  std::string body;
  JsonWriter(body).BeginObject().Field("login", user->login).Field("role", user->role).EndObject();
  return http::Response::Json(200, std::move(body));
}

http::Response UiServer::Search(const http::Request& request) const {
  auto infos = dashboards_.List();
  if (!infos) return ErrorAnswer(infos.error());
  std::string wanted = SlugOf(request.Param("query"));
  bool all = request.Param("query").empty();
  std::string body;
  JsonWriter json(body);
  json.BeginArray();
  for (const DashboardInfo& info : *infos) {
    if (all || SlugOf(info.title).find(wanted) != std::string::npos) WriteInfo(json, info);
  }
  json.EndArray();
  return http::Response::Json(200, std::move(body));
}

http::Response UiServer::GetDashboard(const http::Request& request) const {
  auto dashboard = dashboards_.Get(std::string(request.Param("uid")));
  if (!dashboard) return ErrorAnswer(dashboard.error());
  const DashboardInfo& info = dashboard->info;
  std::string body;
  JsonWriter json(body);
  json.BeginObject().Key("meta").BeginObject();
  json.Field("type", "db").Field("slug", SlugOf(info.title)).Field("version", info.version);
  json.Field("provisioned", info.provisioned).Field("canSave", !info.provisioned);
  json.Field("url", StrCat("/d/", info.uid, "/", SlugOf(info.title))).EndObject();
  json.Key("dashboard").Raw(dashboard->json).EndObject();
  return http::Response::Json(200, std::move(body));
}

http::Response UiServer::SaveDashboard(const http::Request& request) const {
  if (!IsJson(request)) return Message(415, "the body must be application/json");
  auto body = JsonBody::Parse(request);
  if (!body) return ErrorAnswer(body.error());
  std::string text = (*body)->String("dashboardText");
  if (text.empty()) {
    simdjson::dom::object dashboard;
    if ((*body)->object["dashboard"].get_object().get(dashboard) != simdjson::SUCCESS) {
      return Message(400, "the body needs \"dashboard\" (an object) or \"dashboardText\"");
    }
    text = simdjson::minify(dashboard);
  }
  auto info = dashboards_.Save(text, (*body)->Bool("overwrite"));
  if (!info) return ErrorAnswer(info.error());
  std::string answer;
  JsonWriter json(answer);
  json.BeginObject()
      .Field("uid", info->uid)
      .Field("url", StrCat("/d/", info->uid, "/", SlugOf(info->title)));
  json.Field("status", "success")
      .Field("version", info->version)
      .Field("slug", SlugOf(info->title))
      .EndObject();
  return http::Response::Json(200, std::move(answer));
}

http::Response UiServer::DeleteDashboard(const http::Request& request) const {
  auto deleted = dashboards_.Delete(std::string(request.Param("uid")));
  return deleted ? Message(200, "Dashboard deleted") : ErrorAnswer(deleted.error());
}

http::Response UiServer::StaticFile(const http::Request& request) const {
  if (request.path.starts_with("/api/")) return Message(404, "Not found");
  const Asset* asset = FindAsset(request.path);
  // Every other path is a page of the UI, which knows its own "not found".
  bool is_page = asset == nullptr && !request.path.starts_with("/assets/");
  if (is_page || request.path == "/index.html") return IndexPage();
  if (asset == nullptr) return http::Response::Text(404, "404 page not found\n");
  http::Response response;
  response.content_type = ContentTypeOf(asset->path);
  response.static_body = asset->data;
  response.gzipped = asset->gzipped;
  // Names of built files hold a hash of their content, so they never change.
  bool hashed = asset->path.starts_with("/assets/");
  response.headers.emplace_back(
      "Cache-Control", hashed ? "public, max-age=31536000, immutable" : "public, max-age=300");
  return response;
}

}  // namespace slurmscope::dashboards
