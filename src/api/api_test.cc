#include "api/api.h"

#include <gtest/gtest.h>

#include "http/form.h"
#include "model/sample.h"
#include "tsdb/test_support.h"

namespace slurmscope::api {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

// The API over a real storage with three series, asked through the router.
class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    tsdb::DbOptions options;
    options.path = directory_.path();
    options.max_exemplars = 100;
    options.progress = &progress_;
    db_ = std::move(*tsdb::Db::Open(options));
    client_ = http::Client::Start({}).value();
    scrape_ = std::make_unique<scrape::Manager>(scrape::ManagerOptions{}, *db_, *client_);
    api_ = std::make_unique<Api>(Dependencies{engine_,
                                              *db_,
                                              *scrape_,
                                              clock_,
                                              {{"a.flag", "1"}, {"b", "x\"y"}},
                                              "15d",
                                              kNowMs - 1000,
                                              "head",
                                              [] {
                                                return RuntimeState{"global: {}\n", true, kNowMs};
                                              }});
    api_->Register(router_);
    RegisterWalReplay(router_, progress_);
    for (int64_t i = 0; i < 5; ++i) {
      int64_t t = kNowMs - 60'000 + i * 15'000;
      Add({{"__name__", "up"}, {"instance", "n1"}, {"job", "a"}}, t, 1);
      Add({{"__name__", "up"}, {"instance", "n2"}, {"job", "a"}}, t, 0);
      Add({{"__name__", "requests_total"}, {"job", "b"}}, t, 0.5 * static_cast<double>(i));
    }
  }

  void Add(const model::Labels& labels, int64_t t, double v) {
    ASSERT_EQ(tsdb::AppendOne(*db_, labels, t, v), model::AppendStatus::kOk);
  }

  http::Response Ask(std::string_view target, std::string method = "GET", bool hurried = false) {
    http::Request request;
    request.hurried = hurried;
    request.method = std::move(method);
    size_t question = target.find('?');
    request.path = "/api/v1" + std::string(target.substr(0, question));
    if (question != std::string_view::npos) {
      EXPECT_TRUE(http::ParseForm(target.substr(question + 1), 100, request.params));
    }
    return router_.Handle(request);
  }

  // The body, after a check of the status.
  std::string Get(std::string_view target, int status = 200) {
    http::Response response = Ask(target);
    EXPECT_EQ(response.status, status) << target << "\n" << response.body;
    return response.body;
  }
  static std::string Success(std::string_view data) {
    return R"({"status":"success","data":)" + std::string(data) + "}";
  }
  static std::string BadData(std::string_view error) {
    return R"({"status":"error","errorType":"bad_data","error":")" + std::string(error) + "\"}";
  }

  tsdb::TestDirectory directory_;
  base::FakeClock clock_{kNowMs};
  promql::Engine engine_{promql::EngineOptions{}};
  tsdb::ReplayProgress progress_;
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<scrape::Manager> scrape_;
  std::unique_ptr<Api> api_;
  http::Router router_;
};

TEST_F(ApiTest, InstantQuery) {
  EXPECT_EQ(
      Get("/query?query=up"),
      Success(
          R"({"resultType":"vector","result":[)"
          R"({"metric":{"__name__":"up","instance":"n1","job":"a"},"value":[1700000000,"1"]},)"
          R"({"metric":{"__name__":"up","instance":"n2","job":"a"},"value":[1700000000,"0"]}]})"));
  EXPECT_EQ(Get("/query?query=1%2B1&time=1.5"),
            Success(R"({"resultType":"scalar","result":[1.5,"2"]})"));
  EXPECT_EQ(Get("/query?query=%22x%22&time=1"),
            Success(R"({"resultType":"string","result":[1,"x"]})"));
  EXPECT_EQ(
      Get("/query?query=requests_total[30s]"),
      Success(
          R"({"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","job":"b"},)"
          R"("values":[[1699999985,"1.5"],[1700000000,"2"]]}]})"));
  EXPECT_EQ(Get("/query?query=none"), Success(R"({"resultType":"vector","result":[]})"));
}

// Where few series of the head are looked at; the same answers, and the others are asked again.
TEST_F(ApiTest, QueriesThatAreAnsweredAtOnce) {
  for (std::string_view quick :
       {"/query?query=up", "/query?query=up%7Bjob%3D%22a%22%7D%2F2", "/query?query=none",
        "/query?query=sum(rate(requests_total[5m]))", "/query?query=1", "/query?query=(",
        "/query?query=up&time=1500000000", "/query?query=up&stats=all&limit=1",
        "/query?query=up&time=x"}) {
    http::Response response = Ask(quick, "GET", true);
    EXPECT_FALSE(response.later) << quick;
    bool timed = quick.find("stats") != std::string_view::npos;
    EXPECT_TRUE(timed || response.body == Ask(quick).body) << quick << response.body;
  }
  for (std::string_view slow :
       {"/query?query=%7B__name__%3D~%22u.*%22%7D", "/query?query=up%7Bjob!%3D%22b%22%7D",
        "/query?query=max_over_time(up[5m:1s])", "/query?query=count_over_time(up[1h])",
        "/query?query=up%7Bx%3D%22%22%7D"}) {
    EXPECT_TRUE(Ask(slow, "GET", true).later) << slow;
    EXPECT_EQ(Ask(slow).status, 200) << slow;
  }
  std::string sums = "up";
  for (int i = 0; i < 40; ++i) sums += "%2Bup";
  EXPECT_TRUE(Ask("/query?query=" + sums, "GET", true).later) << "82 series";
  EXPECT_TRUE(Ask("/query?query=1" + std::string(600, '0'), "GET", true).later);
  for (int i = 0; i < 600; ++i) {
    std::string group = std::to_string(i % 8);
    Add({{"__name__", "many"}, {"i", std::to_string(i)}, {"g", group}}, kNowMs, 1);
  }
  EXPECT_TRUE(Ask("/query?query=many", "GET", true).later);
  EXPECT_FALSE(Ask("/query?query=many%7Bi%3D%221%22%7D", "GET", true).later);
  EXPECT_TRUE(Ask("/query?query=many%7Bg%3D%221%22%7D", "GET", true).later) << "75 series";
}

TEST_F(ApiTest, InstantQueryLimit) {
  EXPECT_EQ(Get("/query?query=up&limit=1"),
            R"({"status":"success","data":{"resultType":"vector","result":[)"
            R"({"metric":{"__name__":"up","instance":"n1","job":"a"},"value":[1700000000,"1"]}]},)"
            R"("warnings":["results truncated due to limit"]})");
}

TEST_F(ApiTest, InstantQueryErrors) {
  EXPECT_EQ(
      Get("/query?query=up&time=x", 400),
      BadData(
          R"(invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp)"));
  EXPECT_EQ(Get("/query?query=up&timeout=x", 400),
            BadData(R"(invalid parameter \"timeout\": cannot parse \"x\" to a valid duration)"));
  EXPECT_TRUE(
      Get("/query?query=up(", 400)
          .starts_with(
              R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:)"));
  EXPECT_EQ(
      Get("/query", 400),
      BadData(R"(invalid parameter \"query\": 1:1: parse error: no expression found in input)"));
  EXPECT_EQ(Ask("/query?query=up%20%2B%20on(job)%20up").status, 422);
  EXPECT_EQ(Ask("/query?query=up&lookback_delta=x").status, 400);
}

TEST_F(ApiTest, RangeQuery) {
  EXPECT_EQ(Get("/query_range?query=sum(requests_total)&start=1699999970&end=1700000000.5&step=15"),
            Success(R"({"resultType":"matrix","result":[{"metric":{},)"
                    R"("values":[[1699999970,"1"],[1699999985,"1.5"],[1700000000,"2"]]}]})"));
  EXPECT_EQ(
      Get("/query_range?query=1&start=0&end=2&step=1s"),
      Success(
          R"({"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[1,"1"],[2,"1"]]}]})"));
}

TEST_F(ApiTest, RangeQueryErrors) {
  EXPECT_EQ(Get("/query_range?query=up&end=1&step=1", 400),
            BadData(R"(invalid parameter \"start\": cannot parse \"\" to a valid timestamp)"));
  EXPECT_EQ(Get("/query_range?query=up&start=2&end=1&step=1", 400),
            BadData(R"(invalid parameter \"end\": end timestamp must not be before start time)"));
  EXPECT_EQ(
      Get("/query_range?query=up&start=1&end=2&step=0", 400),
      BadData(
          R"(invalid parameter \"step\": zero or negative query resolution step widths are not accepted. )"
          R"(Try a positive integer)"));
  EXPECT_EQ(Get("/query_range?query=up&start=0&end=11001&step=1", 400),
            BadData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
                    "the query resolution "
                    "(?step=XX)"));
  EXPECT_EQ(Ask("/query_range?query=1&start=0&end=11000&step=1").status, 200);
  EXPECT_EQ(Ask("/query_range?query=1&start=-9e12&end=9e12&step=1e9").status, 400);
  EXPECT_EQ(Ask("/query_range?query=up&start=-9e12&end=9e12&step=9e9").status, 200);
  EXPECT_EQ(Ask("/query_range?query=up[5m]&start=1&end=2&step=1").status, 400);
}

TEST_F(ApiTest, CanceledAndTimedOutQueries) {
  http::Request request;
  request.method = "GET";
  request.path = "/api/v1/query";
  request.params = {{"query", "up"}};
  request.canceled = [] { return true; };
  EXPECT_EQ(router_.Handle(request).status, 499);
  EXPECT_EQ(Ask("/query?query=up&timeout=-1s").status, 400);
  for (const char* too_short : {"-1", "0", "0.0001", "0s"}) {
    EXPECT_EQ(
        Get(std::string("/query?query=up&timeout=") + too_short, 503),
        R"({"status":"error","errorType":"timeout","error":"query timed out in query execution"})");
  }
}

TEST_F(ApiTest, FormatQuery) {
  EXPECT_EQ(Get("/format_query?query=sum(up)by(job)"), Success(R"j("sum by (job) (up)")j"));
  EXPECT_EQ(Ask("/format_query?query=(").status, 400);
}

TEST_F(ApiTest, Series) {
  EXPECT_EQ(
      Get("/series?match[]=up&match[]={job=\"a\"}"),
      Success(
          R"([{"__name__":"up","instance":"n1","job":"a"},{"__name__":"up","instance":"n2","job":"a"}])"));
  EXPECT_EQ(Get("/series?match[]=up&limit=1"),
            R"({"status":"success","data":[{"__name__":"up","instance":"n1","job":"a"}],)"
            R"("warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Get("/series?match[]=none"), Success("[]"));
  EXPECT_EQ(Get("/series", 400), BadData("no match[] parameter provided"));
  EXPECT_EQ(Ask("/series?match[]={}").status, 400);
}

TEST_F(ApiTest, Labels) {
  EXPECT_EQ(Get("/labels"), Success(R"(["__name__","instance","job"])"));
  EXPECT_EQ(Get("/labels?match[]=requests_total"), Success(R"(["__name__","job"])"));
  EXPECT_EQ(
      Get("/labels?limit=2"),
      R"({"status":"success","data":["__name__","instance"],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Get("/label/job/values"), Success(R"(["a","b"])"));
  EXPECT_EQ(Get("/label/U__job/values"), Success(R"(["a","b"])"));
  EXPECT_EQ(Get("/label/instance/values?match[]=up&match[]=none"), Success(R"(["n1","n2"])"));
  EXPECT_EQ(Get("/label/none/values"), Success("[]"));
  EXPECT_EQ(Ask("/label/\xff/values").status, 400);
}

TEST_F(ApiTest, Utf8LabelNamesInThePath) {
  Add({{"__name__", "m"}, {"k8s.pod_name/ü", "v"}}, kNowMs, 1);
  EXPECT_EQ(Get("/label/U__k8s_2e_pod__name_2f__fc_/values"), Success(R"(["v"])"));
  EXPECT_EQ(Get("/label/U__k8s_d800_/values"), Success("[]"));
}

TEST_F(ApiTest, NothingScrapedYet) {
  EXPECT_EQ(Get("/targets"),
            Success(R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}})"));
  EXPECT_EQ(Get("/targets/metadata"), Success("[]"));
  EXPECT_EQ(Get("/scrape_pools"), Success(R"({"scrapePools":[]})"));
  EXPECT_EQ(Get("/metadata"), Success("{}"));
  EXPECT_EQ(Get("/rules"), Success(R"({"groups":[]})"));
  EXPECT_EQ(Get("/alerts"), Success(R"({"alerts":[]})"));
  EXPECT_EQ(Get("/query_exemplars?query=up"), Success("[]"));
}

TEST_F(ApiTest, Exemplars) {
  auto appender = db_->NewAppender();
  int64_t t = 1'700'000'000'500;
  for (std::string name : {"a_bucket", "b_bucket", "other"}) {
    model::Labels labels{{"__name__", name}, {"le", "1"}};
    ASSERT_EQ(appender->Append(0, labels, t, 1).status, model::AppendStatus::kOk);
    model::Exemplar exemplar{model::Labels{{"trace_id", name + "1"}}, 0.5, t, true};
    ASSERT_EQ(appender->AppendExemplar(0, labels, exemplar), model::ExemplarStatus::kOk);
  }
  ASSERT_TRUE(appender->Commit());
  auto row = [](const std::string& name) {
    return R"({"seriesLabels":{"__name__":")" + name +
           R"(","le":"1"},"exemplars":[{"labels":{"trace_id":")" + name +
           R"(1"},"value":"0.5","timestamp":1700000000.500}]})";
  };
  EXPECT_EQ(Get("/query_exemplars?query=histogram_quantile(0.9,rate(a_bucket%5B5m%5D))/b_bucket"),
            Success("[" + row("a_bucket") + "," + row("b_bucket") + "]"));
  EXPECT_EQ(Get("/query_exemplars?query=other&end=1700000000.5"),
            Success("[" + row("other") + "]"));
  EXPECT_EQ(Get("/query_exemplars?query=other&start=1700000001"), Success("[]"));
  EXPECT_EQ(Get("/query_exemplars?query=1"), Success("[]"));
  EXPECT_NE(
      Get("/query_exemplars?query=other&start=2&end=1", 400).find("end timestamp must not be"),
      std::string::npos);
  EXPECT_NE(Get("/query_exemplars?query=other%7B", 400).find("parse error"), std::string::npos);
}

TEST_F(ApiTest, Status) {
  EXPECT_EQ(Get("/status/config"), Success(R"({"yaml":"global: {}\n"})"));
  EXPECT_EQ(Get("/status/flags"), Success(R"({"a.flag":"1","b":"x\"y"})"));
  EXPECT_EQ(Get("/status/walreplay"), Success(R"({"min":0,"max":0,"current":0})"));
  std::string runtime = Get("/status/runtimeinfo");
  EXPECT_NE(runtime.find(R"("startTime":"2023-11-14T22:13:19Z")"), std::string::npos) << runtime;
  EXPECT_NE(runtime.find(R"("serverTime":"2023-11-14T22:13:20Z")"), std::string::npos) << runtime;
  EXPECT_NE(runtime.find(R"("storageRetention":"15d")"), std::string::npos) << runtime;
  std::string tsdb = Get("/status/tsdb?limit=1");
  EXPECT_TRUE(tsdb.starts_with(
      R"({"status":"success","data":{"headStats":{"numSeries":3,"numLabelPairs":6,"chunkCount":3,)"
      R"("minTime":1699999940000,"maxTime":1700000000000},"seriesCountByMetricName":[{"name":"up","value":2}],)"))
      << tsdb;
  EXPECT_EQ(Ask("/status/tsdb?limit=10001").status, 400);
}

TEST_F(ApiTest, MethodsAndPaths) {
  EXPECT_EQ(Ask("/query?query=1", "POST").status, 200);
  EXPECT_EQ(Ask("/query?query=1", "PUT").status, 405);
  EXPECT_EQ(Ask("/labels", "DELETE").status, 405);
  EXPECT_EQ(Ask("/nothing").status, 404);
}

TEST_F(ApiTest, TheAdminApiIsOffUnlessAskedFor) {
  for (std::string_view path : {"delete_series?match[]=up", "clean_tombstones", "snapshot"}) {
    http::Response response = Ask("/admin/tsdb/" + std::string(path), "POST");
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body,
              R"({"status":"error","errorType":"unavailable","error":"admin APIs disabled"})");
    EXPECT_EQ(Ask("/admin/tsdb/" + std::string(path)).status, 405);
  }
}

TEST_F(ApiTest, SeriesAreDeletedAndSnapshotsMade) {
  Api admin(
      Dependencies{engine_, *db_, *scrape_, clock_, {}, "", 0, "", {}, true, directory_.path()});
  http::Router router;
  admin.Register(router);
  std::swap(router, router_);
  auto post = [&](const std::string& target) { return Ask("/admin/tsdb/" + target, "POST"); };
  EXPECT_EQ(post("delete_series").body, BadData("no match[] parameter provided"));
  EXPECT_EQ(post("delete_series?match[]=up{").status, 400);
  EXPECT_EQ(post("delete_series?match[]=up&start=x").status, 400);
  EXPECT_EQ(post("delete_series?match[]={}").status, 400);
  EXPECT_EQ(
      Get("/query?query=count(up)"),
      Success(R"({"resultType":"vector","result":[{"metric":{},"value":[1700000000,"2"]}]})"));
  http::Response deleted = post(R"(delete_series?match[]=up{instance="n2"}&match[]=nothing)");
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.body, "");
  EXPECT_EQ(
      Get("/query?query=count(up)"),
      Success(R"({"resultType":"vector","result":[{"metric":{},"value":[1700000000,"1"]}]})"));
  EXPECT_EQ(post("clean_tombstones").status, 204);
  EXPECT_EQ(post("snapshot?skip_head=maybe").body,
            BadData(R"(invalid parameter \"skip_head\": unable to parse boolean: )"
                    R"(strconv.ParseBool: parsing \"maybe\": invalid syntax)"));
  EXPECT_EQ(post("snapshot?skip_head=true").status, 200);
  http::Response snapshot = Ask("/admin/tsdb/snapshot", "PUT");
  EXPECT_EQ(snapshot.status, 200);
  EXPECT_EQ(tsdb::DumpDb(*db_).size(), 3u);
  std::string name = snapshot.body.substr(snapshot.body.find("2023"), 33);
  EXPECT_TRUE(name.starts_with("20231114T221320Z-")) << snapshot.body;
  auto copy = tsdb::OpenDb(directory_.path() + "/snapshots/" + name);
  ASSERT_TRUE(copy);
  EXPECT_EQ(tsdb::DumpDb(*copy).size(), 2u);
  std::swap(router, router_);
}

TEST_F(ApiTest, FederationGivesTheNewestSamples) {
  const auto federate = [&](const std::string& query) {
    http::Request request;
    request.method = "GET";
    request.path = "/federate";
    EXPECT_TRUE(http::ParseForm(query, 100, request.params));
    return router_.Handle(request);
  };
  EXPECT_EQ(federate("").body, "");
  EXPECT_EQ(federate("match[]=up{").status, 400);
  EXPECT_EQ(federate("match[]=up&match[]=up{instance=\"n1\"}").body,
            "# TYPE up untyped\nup{instance=\"n1\",job=\"a\"} 1 1700000000000\n"
            "up{instance=\"n2\",job=\"a\"} 0 1700000000000\n");
  Add({{"__name__", "up"}, {"instance", "n2"}, {"job", "a"}}, kNowMs + 1, model::StaleNan());
  clock_.Advance(1);
  EXPECT_EQ(federate("match[]=up").body,
            "# TYPE up untyped\nup{instance=\"n1\",job=\"a\"} 1 1700000000000\n")
      << "what has ended is left out";
  clock_.Advance(301'000);
  EXPECT_EQ(federate("match[]=up").body, "") << "too old";
}

TEST_F(ApiTest, BlocksAsTheirMetaJson) {
  EXPECT_EQ(Get("/status/tsdb/blocks"), Success(R"({"blocks":[]})"));
}

}  // namespace
}  // namespace slurmscope::api
