#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slurmscope::api {

struct EndpointParameter {
  std::string_view name;
  bool required = false;
  bool repeated = false;
  std::string_view about = {};
};

// One path of the API, for its description at /openapi.yaml.
struct Endpoint {
  std::string_view path;     // below /api/v1, with {name} for a part that varies
  std::string_view methods;  // "GET POST"
  std::string_view about;
  std::vector<EndpointParameter> parameters = {};
  std::string_view media = "application/json";  // of a good answer
};

// All that there are, but those that this program adds besides Prometheus'.
const std::vector<Endpoint>& Endpoints();

// The description in OpenAPI 3.1; `base` is the path that /api/v1 lies below.
std::string OpenApiYaml(std::string_view base);

}  // namespace slurmscope::api
