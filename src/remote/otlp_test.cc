// OTLP into a real storage. testdata/otlp_request.{pb,json} were written by the protobuf library
// from OpenTelemetry's own definitions (Python's opentelemetry-proto).
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "http/gzip.h"
#include "remote/otlp_converter.h"
#include "remote/otlp_names.h"
#include "remote/otlp_receiver.h"
#include "remote/otlp_value.h"
#include "tsdb/exemplar_store.h"
#include "tsdb/test_support.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using config::OtlpTranslation;
using model::Labels;

constexpr int64_t kT = 1'700'000'000'000;

std::string TestData(const std::string& name) {
  return base::ReadFile(StrCat(SLURMSCOPE_ROOM_DIR, "/testdata/", name)).value();
}

class OtlpTest : public testing::Test {
 protected:
  void SetUp() override {
    tsdb::DbOptions options;
    options.path = directory_.path() + "/data";
    options.max_exemplars = 100;
    options.metadata_records = true;
    options.compaction_interval_ms = 0;
    db_ = std::move(tsdb::Db::Open(options)).value();
  }
  http::Response Post(std::string body, const std::string& type, const std::string& coding = "") {
    OtlpReceiver receiver(*db_, clock_, config_);
    http::Request request;
    request.body = std::move(body);
    request.headers = {{"Content-Type", type}, {"Content-Encoding", coding}};
    http::Response response = receiver.Handle(request);
    stats_ = receiver.stats();
    return response;
  }
  http::Response PostProtobuf(std::string body) {
    return Post(std::move(body), "application/x-protobuf");
  }
  http::Response PostJson(std::string body) { return Post(std::move(body), "application/json"); }
  // A metric of JSON in a resource that has a name.
  http::Response PostMetric(const std::string& metric) {
    return PostJson(
        StrCat(R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":)"
               R"({"stringValue":"s"}}]},"scopeMetrics":[{"metrics":[)",
               metric, "]}]}]}"));
  }
  // "series value" of each sample, one a line.
  std::string Stored() {
    auto querier = std::move(db_->NewQuerier(0, kT * 2)).value();
    model::SelectHints hints;
    hints.end = kT * 2;
    auto matcher = *model::Matcher::Make(model::MatchType::kRegexp, "__name__", ".+");
    auto set = std::move(querier->Select(true, hints, {matcher})).value();
    std::string out;
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      EXPECT_TRUE(set->Decode(i, 0, kT * 2, &columns));
      for (size_t k = 0; k < columns.size(); ++k) {
        EXPECT_EQ(columns.t[k], kT);
        const model::FloatHistogram* h = columns.Histogram(k);
        std::string value = h != nullptr ? h->ToString()
                            : model::IsStale(columns.v[k])
                                ? "stale"
                                : base::FormatFloat(columns.v[k], base::FloatStyle::kExposition);
        base::StrAppend(out, set->LabelsAt(i).ToString(), " ", value, "\n");
      }
    }
    return out;
  }

  tsdb::TestDirectory directory_;
  base::FakeClock clock_{kT + 60'000};
  std::unique_ptr<tsdb::Db> db_;
  config::OtlpConfig config_;
  OtlpStats stats_;
};

constexpr const char* kAll = R"(http_requests_total{code="200", instance="i-1", job="shop/api"} 12
latency_seconds_bucket{instance="i-1", job="shop/api", le="+Inf", path="/"} 6
latency_seconds_bucket{instance="i-1", job="shop/api", le="0.1", path="/"} 1
latency_seconds_bucket{instance="i-1", job="shop/api", le="1.0", path="/"} 3
latency_seconds_count{instance="i-1", job="shop/api", path="/"} 6
latency_seconds_sum{instance="i-1", job="shop/api", path="/"} 7.5
old_milliseconds{instance="i-1", job="shop/api", quantile="0.5"} 1
old_milliseconds{instance="i-1", job="shop/api", quantile="1.0"} 9
old_milliseconds_count{instance="i-1", job="shop/api"} 3
old_milliseconds_sum{instance="i-1", job="shop/api"} 4
queue_length{instance="i-1", job="shop/api", queue_name="fast"} -7
queue_length{instance="i-1", job="shop/api", queue_name="gone"} stale
queue_length{instance="i-1", job="shop/api", queue_name="slow"} 2.5
size_bytes{instance="i-1", job="shop/api"} {count:10, sum:-2, [-2.8284271247461903,-2):1, [-0.001,0.001]:2, (0.7071067811865476,1]:3, (1.4142135623730951,2]:4}
target_info{blob="AP8Q", host_cores="-8", instance="i-1", job="shop/api", list="[\"x\",2]", load="0.25", map="{\"b\":false}", ready="true"} 1
)";

TEST_F(OtlpTest, TakesAllKindsByProtobuf) {
  http::Response response = PostProtobuf(TestData("otlp_request.pb"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/x-protobuf");
  EXPECT_NE(response.body.find("delta temporality is not taken"), std::string::npos);
  EXPECT_EQ(Stored(), kAll);
  EXPECT_EQ(stats_.samples, 14u);
  EXPECT_EQ(stats_.histograms, 1u);
  EXPECT_EQ(stats_.exemplars, 1u);
  EXPECT_EQ(stats_.rejected, 1u);
  auto metadata = db_->MetadataOf(Labels{{"__name__", "http_requests_total"},
                                         {"code", "200"},
                                         {"instance", "i-1"},
                                         {"job", "shop/api"}});
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->help, "Requests.");
  EXPECT_EQ(metadata->type, model::MetricType::kCounter);
  auto exemplars = db_->exemplars()->Select(
      0, kT * 2, {{*model::Matcher::Make(model::MatchType::kEqual, "code", "200")}});
  ASSERT_EQ(exemplars.size(), 1u);
  EXPECT_EQ(
      exemplars[0].exemplars.at(0).labels.ToString(),
      R"({span_id="0001020304050607", trace_id="000102030405060708090a0b0c0d0e0f", user="u"})");
}

TEST_F(OtlpTest, TakesAllKindsByJson) {
  http::Response response = PostJson(TestData("otlp_request.json"));
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.starts_with(
      R"({"partialSuccess":{"rejectedDataPoints":"1","errorMessage":"delta temporality is not taken)"))
      << response.body;
  EXPECT_EQ(Stored(), kAll);
  EXPECT_EQ(OtlpJsonToProtobuf(TestData("otlp_request.json")).value().size(),
            TestData("otlp_request.pb").size());
}

TEST_F(OtlpTest, TakesGzip) {
  std::string body = http::GzipCompress(TestData("otlp_request.pb"));
  EXPECT_EQ(Post(body, "application/x-protobuf", "gzip").status, 200);
  EXPECT_EQ(Stored(), kAll);
  // The same again is nothing new.
  EXPECT_EQ(PostProtobuf(TestData("otlp_request.pb")).status, 200);
  EXPECT_EQ(stats_.rejected, 1u);
}

TEST_F(OtlpTest, RefusesOthers) {
  EXPECT_EQ(Post("x", "text/plain").status, 415);
  EXPECT_EQ(Post("x", "application/x-protobuf", "br").status, 415);
  EXPECT_EQ(Post("x", "application/x-protobuf", "gzip").status, 400);
  EXPECT_EQ(PostProtobuf("\xff\xff").status, 400);
  EXPECT_EQ(PostJson("{").status, 400);
  EXPECT_EQ(PostJson("[]").status, 400);
  EXPECT_EQ(PostJson(R"({"resourceMetrics":{}})").status, 400);
  EXPECT_EQ(PostMetric(R"({"name":"a","gauge":{"dataPoints":[{"asDouble":"x"}]}})").status, 400);
  EXPECT_EQ(PostJson(std::string(17 << 20, ' ')).status, 413);
  EXPECT_EQ(PostJson("{}").body, "{}");
  EXPECT_EQ(Stored(), "");
}

TEST_F(OtlpTest, PromotesWhatTheConfigurationSays) {
  config_.promote_resource_attributes = {"host.cores", "ready"};
  config_.keep_identifying_resource_attributes = true;
  config_.promote_scope_metadata = true;
  PostProtobuf(TestData("otlp_request.pb"));
  std::string stored = Stored();
  EXPECT_NE(
      stored.find(R"(http_requests_total{code="200", host_cores="-8", instance="i-1", )"
                  R"(job="shop/api", otel_scope_name="lib", otel_scope_schema_url="http://s", )"
                  R"(otel_scope_team="a", otel_scope_version="1.2", ready="true"} 12)"),
      std::string::npos)
      << stored;
  EXPECT_NE(
      stored.find(R"(service_instance_id="i-1", service_name="api", service_namespace="shop"})"),
      std::string::npos)
      << stored;
}

TEST_F(OtlpTest, PromotesAllButSome) {
  config_.promote_all_resource_attributes = true;
  config_.ignore_resource_attributes = {"blob", "list", "map", "load", "ready", "service.name"};
  config_.translation = OtlpTranslation::kNoTranslation;
  PostProtobuf(TestData("otlp_request.pb"));
  std::string stored = Stored();
  EXPECT_NE(stored.find(R"({"http.requests", code="200", "host.cores"="-8", instance="i-1", )"
                        R"(job="shop/api", "service.instance.id"="i-1", )"
                        R"("service.namespace"="shop"} 12)"),
            std::string::npos)
      << stored;
}

TEST_F(OtlpTest, MakesCustomBucketsWhenAskedTo) {
  config_.convert_histograms_to_nhcb = true;
  PostProtobuf(TestData("otlp_request.pb"));
  EXPECT_NE(Stored().find(R"(latency_seconds{instance="i-1", job="shop/api", path="/"} )"
                          "{count:6, sum:7.5, [-Inf,0.1]:1, (0.1,1]:2, (1,+Inf]:3}"),
            std::string::npos)
      << Stored();
}

TEST_F(OtlpTest, LeavesOutWhatMakesNoSense) {
  constexpr const char* kPoint = R"("timeUnixNano":"1700000000000000000","count":"3")";
  auto histogram = [&](const char* kind, const std::string& rest) {
    return StrCat(R"({"name":"h",")", kind, R"(":{"aggregationTemporality":2,"dataPoints":[{)",
                  kPoint, ",", rest, "}]}}");
  };
  PostMetric(histogram("histogram", R"("bucketCounts":["1","2"],"explicitBounds":[1,2])"));
  EXPECT_EQ(stats_.rejected, 1u);
  PostMetric(histogram("exponentialHistogram", R"("scale":-5)"));
  EXPECT_EQ(stats_.rejected, 1u);
  PostMetric(histogram("exponentialHistogram",
                       R"("scale":3,"positive":{"offset":2147483647,"bucketCounts":["1","2"]})"));
  EXPECT_EQ(stats_.rejected, 1u);
  // Counts that do not add up.
  PostMetric(histogram("exponentialHistogram",
                       R"("scale":3,"positive":{"offset":1,"bucketCounts":["9"]})"));
  EXPECT_EQ(stats_.rejected, 1u);
  PostMetric(R"({"name":"///","gauge":{"dataPoints":[{"asInt":"1"}]}})");
  EXPECT_EQ(stats_.rejected, 1u);
  PostMetric(R"({"name":"late","gauge":{"dataPoints":[{"asInt":"1",)"
             R"("timeUnixNano":"1800000000000000000"}]}})");
  EXPECT_EQ(stats_.rejected, 1u);
  EXPECT_EQ(Stored(), "");
}

TEST_F(OtlpTest, FineScalesBecomeCoarser) {
  OtlpBuckets buckets{-3, {1, 2, 3, 4, 5, 6}};
  auto same = OtlpBucketsOf(buckets, 5, 5);
  ASSERT_EQ(same->size(), 6u);
  EXPECT_EQ(same->front(), (model::IntHistogramBucket{-2, 1}));
  // -3 and -2 | -1... of scale 9 lie in -2 | -1 of scale 8.
  auto coarser = OtlpBucketsOf(buckets, 9, 8);
  EXPECT_EQ(*coarser, (std::vector<model::IntHistogramBucket>{{-1, 1}, {0, 5}, {1, 9}, {2, 6}}));
  auto all = OtlpBucketsOf(buckets, 2'000'000'000, 8);
  EXPECT_EQ(*all, (std::vector<model::IntHistogramBucket>{{0, 6}, {1, 15}}));
}

std::string NameOf(const char* name, const char* unit, OtlpKind kind, OtlpTranslation translation,
                   bool monotonic = true) {
  OtlpMetric metric;
  metric.name = name;
  metric.unit = unit;
  metric.kind = kind;
  metric.cumulative = true;
  metric.monotonic = kind == OtlpKind::kSum && monotonic;
  return OtlpMetricName(metric, translation);
}

TEST(OtlpNames, OfMetrics) {
  using enum OtlpTranslation;
  using enum OtlpKind;
  auto escaped = kUnderscoreEscapingWithSuffixes;
  EXPECT_EQ(NameOf("system.disk.io", "By", kSum, escaped), "system_disk_io_bytes_total");
  EXPECT_EQ(NameOf("disk_bytes_total", "By", kSum, escaped), "disk_bytes_total");
  EXPECT_EQ(NameOf("total.requests", "", kSum, escaped), "requests_total");
  EXPECT_EQ(NameOf("cpu.use", "1", kGauge, escaped), "cpu_use_ratio");
  EXPECT_EQ(NameOf("cpu.use", "1", kSum, escaped), "cpu_use_total");
  EXPECT_EQ(NameOf("speed", "m/s", kGauge, escaped), "speed_meters_per_second");
  EXPECT_EQ(NameOf("speed", "{x}/h", kGauge, escaped), "speed_per_hour");
  EXPECT_EQ(NameOf("9.lives", "", kGauge, escaped), "_9_lives");
  EXPECT_EQ(NameOf("a__b..c", "", kGauge, escaped), "a_b_c");
  EXPECT_EQ(NameOf("temp", "°C", kGauge, escaped), "temp_C");
  EXPECT_EQ(NameOf("a.b", "By", kSum, kUnderscoreEscapingWithoutSuffixes), "a_b");
  EXPECT_EQ(NameOf("a__b", "By", kGauge, kUnderscoreEscapingWithoutSuffixes), "a__b");
  EXPECT_EQ(NameOf("a.b", "By", kSum, kNoUtf8EscapingWithSuffixes), "a.b_bytes_total");
  EXPECT_EQ(NameOf("a.b_total", "By/s", kSum, kNoUtf8EscapingWithSuffixes),
            "a.b_bytes_per_second_total");
  EXPECT_EQ(NameOf("a.b", "By", kSum, kNoTranslation), "a.b");
  EXPECT_EQ(NameOf("", "By", kSum, escaped), "");
}

TEST(OtlpNames, OfLabels) {
  config::OtlpConfig config;
  EXPECT_EQ(OtlpLabelName("http.method", config), "http_method");
  EXPECT_EQ(OtlpLabelName("0day", config), "key_0day");
  EXPECT_EQ(OtlpLabelName("_x", config), "key_x");
  EXPECT_EQ(OtlpLabelName("__x", config), "__x");
  EXPECT_EQ(OtlpLabelName("a..b", config), "a__b");
  EXPECT_EQ(OtlpLabelName("grün", config), "gr_n");
  config.label_name_preserve_multiple_underscores = false;
  config.label_name_underscore_sanitization = false;
  EXPECT_EQ(OtlpLabelName("a..b_._c", config), "a_b_c");
  EXPECT_EQ(OtlpLabelName("_x", config), "_x");
  config.translation = OtlpTranslation::kNoTranslation;
  EXPECT_EQ(OtlpLabelName("http.method", config), "http.method");
}

TEST(OtlpValue, Base64) {
  for (const char* text : {"", "a", "ab", "abc", "abcd"})
    EXPECT_EQ(DecodeBase64(EncodeBase64(text)), text);
  EXPECT_EQ(EncodeBase64("a"), "YQ==");
  EXPECT_EQ(DecodeBase64("YQ"), "a");
  EXPECT_FALSE(DecodeBase64("Y Q"));
}

}  // namespace
}  // namespace slurmscope::remote
