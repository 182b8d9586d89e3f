#include <algorithm>

#include "base/strings.h"
#include "http/server.h"

namespace slurmscope::http {

namespace {

std::vector<std::string> ToSegments(std::string_view path) {
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  std::vector<std::string> segments;
  for (std::string_view piece : base::Split(path, '/')) segments.emplace_back(piece);
  return segments;
}

bool IsParameter(std::string_view segment) { return segment.size() > 1 && segment[0] == ':'; }
bool IsRest(std::string_view segment) { return !segment.empty() && segment[0] == '*'; }

bool Matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (IsRest(pattern[i])) return path.size() > i;
    if (i >= path.size()) return false;
    if (IsParameter(pattern[i])) {
      if (path[i].empty()) return false;
    } else if (pattern[i] != path[i]) {
      return false;
    }
  }
  return pattern.size() == path.size();
}

int Rank(std::string_view segment) { return IsRest(segment) ? 2 : IsParameter(segment) ? 1 : 0; }

// True when `a` is more fixed than `b` at the first segment where they differ in kind.
bool IsNarrower(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (Rank(a[i]) != Rank(b[i])) return Rank(a[i]) < Rank(b[i]);
  }
  return false;
}

bool Allows(const std::vector<std::string>& methods, std::string_view method) {
  const auto has = [&](std::string_view name) {
    return std::find(methods.begin(), methods.end(), name) != methods.end();
  };
  return has(method) || (method == "HEAD" && has("GET"));
}

// The index of the narrowest route for the path and method, or -1; `allowed` gets the methods of
// the narrowest pattern that fits the path, whatever the method.
template <typename Routes>
const typename Routes::value_type* Find(const Routes& routes, const Request& request,
                                        const std::vector<std::string>& path,
                                        std::vector<std::string>* allowed) {
  const typename Routes::value_type* best = nullptr;
  for (const auto& route : routes) {
    if (!Matches(route.segments, path)) continue;
    if (allowed != nullptr)
      allowed->insert(allowed->end(), route.methods.begin(), route.methods.end());
    if (!Allows(route.methods, request.method)) continue;
    if (best == nullptr || IsNarrower(route.segments, best->segments)) best = &route;
  }
  return best;
}

void AddPathParameters(const std::vector<std::string>& pattern,
                       const std::vector<std::string>& path, Pairs& params) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (IsParameter(pattern[i])) params.emplace_back(pattern[i].substr(1), path[i]);
    if (IsRest(pattern[i])) {
      const std::vector<std::string> rest(path.begin() + static_cast<std::ptrdiff_t>(i),
                                          path.end());
      params.emplace_back(pattern[i].substr(1), base::Join(rest, "/"));
    }
  }
}

Response MethodNotAllowed(std::vector<std::string> allowed) {
  if (Allows(allowed, "GET")) allowed.emplace_back("HEAD");
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  Response response = Response::Text(405, "Method Not Allowed\n");
  response.headers.emplace_back("Allow", base::Join(allowed, ", "));
  return response;
}

}  // namespace

void Router::Add(std::string_view methods, std::string pattern, Handler handler) {
  Route route;
  for (std::string_view method : base::Split(methods, ' ')) {
    if (!method.empty()) route.methods.emplace_back(method);
  }
  route.segments = ToSegments(pattern);
  route.is_path = std::all_of(route.segments.begin(), route.segments.end(),
                              [](const std::string& s) { return Rank(s) == 0; });
  route.pattern = std::move(pattern);
  route.handler = std::move(handler);
  routes_.push_back(std::move(route));
}

Response Router::Handle(const Request& request) const {
  // The usual case: a pattern that is the path is the narrowest.
  for (const Route& route : routes_) {
    if (route.is_path && route.pattern == request.path && Allows(route.methods, request.method))
      return route.handler(request);
  }
  const std::vector<std::string> path = ToSegments(request.path);
  std::vector<std::string> allowed;
  const Route* route = Find(routes_, request, path, &allowed);
  if (route == nullptr) {
    return allowed.empty() ? Response::Text(404, "404 page not found\n")
                           : MethodNotAllowed(std::move(allowed));
  }
  Pairs path_params;
  AddPathParameters(route->segments, path, path_params);
  if (path_params.empty()) return route->handler(request);
  Request with_params = request;
  // First, so that a query parameter of the same name cannot stand in for the path's.
  with_params.params.insert(with_params.params.begin(), path_params.begin(), path_params.end());
  return route->handler(with_params);
}

std::string Router::PatternOf(const Request& request) const {
  const Route* route = Find(routes_, request, ToSegments(request.path), nullptr);
  return route == nullptr ? std::string() : route->pattern;
}

}  // namespace slurmscope::http
