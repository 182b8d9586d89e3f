#include "api/openapi.h"

#include <gtest/gtest.h>

#include <set>

#include "api/api.h"
#include "api/self_metrics_json.h"
#include "base/strings.h"
#include "config/yaml.h"
#include "tsdb/test_support.h"

namespace slurmscope::api {
namespace {

using config::Node;

TEST(OpenApi, IsYamlWithEveryPath) {
  auto root = config::ParseYaml(OpenApiYaml("/prefix"), "openapi.yaml");
  ASSERT_TRUE(root) << root.error().message();
  EXPECT_EQ(root->Find("openapi")->scalar, "3.1.0");
  EXPECT_EQ(root->Find("servers")->items.at(0).Find("url")->scalar, "/prefix/api/v1");
  const Node* paths = root->Find("paths");
  ASSERT_EQ(paths->items.size(), Endpoints().size() * 2) << "no path twice";
  const Node* query = paths->Find("/query");
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(query->Find("get")->Find("parameters")->items.at(0).Find("name")->scalar, "query");
  EXPECT_NE(query->Find("post"), nullptr);
  const Node* values = paths->Find("/label/{name}/values")->Find("get")->Find("parameters");
  EXPECT_EQ(values->items.at(0).Find("in")->scalar, "path");
}

// What the program registers beside the Api.
const std::set<std::string_view> kElsewhere = {"/read",
                                               "/write",
                                               "/otlp/v1/metrics",
                                               "/status/walreplay",
                                               "/notifications",
                                               "/notifications/live"};

TEST(OpenApi, DescribesWhatIsThere) {
  tsdb::TestDirectory directory;
  tsdb::DbOptions options;
  options.path = directory.path();
  auto db = std::move(*tsdb::Db::Open(options));
  auto client = http::Client::Start({}).value();
  scrape::Manager scrape({}, *db, *client);
  promql::Engine engine{promql::EngineOptions{}};
  base::FakeClock clock{1'000};
  Api api(Dependencies{engine, *db, scrape, clock, {}, "", 0, "", [] { return RuntimeState(); }});
  http::Router router;
  api.Register(router);
  for (const Endpoint& endpoint : Endpoints()) {
    if (kElsewhere.contains(endpoint.path)) continue;
    for (std::string_view method : base::Split(endpoint.methods, ' ')) {
      http::Request request;
      request.method = method;
      request.path = base::StrCat("/api/v1", endpoint.path);
      if (const size_t at = request.path.find("{name}"); at != std::string::npos)
        request.path.replace(at, 6, "x");
      EXPECT_NE(router.PatternOf(request), "") << method << " " << request.path;
    }
  }
}

TEST(FamiliesJson, IsProtobufsJson) {
  std::string out;
  base::JsonWriter json(out);
  auto names = model::Regex::Compile("a.*|h|s");
  ASSERT_TRUE(
      WriteFamiliesJson("# HELP a_total Help \\n it.\n# TYPE a_total counter\n"
                        "a_total{x=\"1\"} 3\na_total{x=\"2\"} +Inf\n"
                        "# HELP b no\n# TYPE b gauge\nb 1\n"
                        "# HELP h H\n# TYPE h histogram\n"
                        "h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
                        "# HELP s S\n# TYPE s summary\n"
                        "s{quantile=\"0.5\"} NaN\ns_sum 0\ns_count 0\n",
                        *names, json));
  EXPECT_EQ(
      out, R"([{"name":"a_total","help":"Help \n it.","type":"COUNTER","metric":[)"
           R"({"label":[{"name":"x","value":"1"}],"counter":{"value":3}},)"
           R"({"label":[{"name":"x","value":"2"}],"counter":{"value":"Infinity"}}]},)"
           R"({"name":"h","help":"H","type":"HISTOGRAM","metric":[{"histogram":{"sampleCount":"2",)"
           R"("sampleSum":3,"bucket":[{"cumulativeCount":"1","upperBound":0.5},)"
           R"({"cumulativeCount":"2","upperBound":"Infinity"}]}}]},)"
           R"({"name":"s","help":"S","type":"SUMMARY","metric":[{"summary":{"sampleCount":"0",)"
           R"("sampleSum":0,"quantile":[{"quantile":0.5,"value":"NaN"}]}}]}])");
}

}  // namespace
}  // namespace slurmscope::api
