// Native histograms, start times and histograms made of buckets, from page to storage.
#include <gtest/gtest.h>

#include "exposition/proto_page_for_test.h"
#include "scrape/fakes_for_test.h"
#include "scrape/histogram_limits.h"
#include "scrape/target_cache.h"

namespace slurmscope::scrape {
namespace {

namespace proto = exposition::proto;
using exposition::ProtoCounterForTest;
using exposition::ProtoFamilyForTest;
using exposition::ProtoHistogramForTest;

const std::string kH = R"(h{instance="i", job="j"})";
const std::string kCount = R"(h_count{instance="i", job="j"})";
const std::string kCounter = R"(c_total{instance="i", job="j"})";

// One target, scraped by hand at 10000, 11000, ...
class HistogramScrapeTest : public ::testing::Test {
 protected:
  std::string Scrape(const std::string& body) {
    counts_ = {};
    time_ += 1000;
    auto appender = storage_.NewAppender();
    Result<void> done = cache_.Ingest(
        body, {config_, target_, format_, time_, metadata_, start_times_}, *appender, &counts_);
    done ? cache_.Accept() : cache_.Discard();
    if (!done) appender->Rollback();
    EXPECT_TRUE(appender->Commit());
    return done ? "" : done.error().message();
  }
  static std::string HistogramPage(int64_t a, int64_t b, int64_t created = 0) {
    return ProtoFamilyForTest("h", proto::kHistogram)
        .Add("", "", proto::kMetricHistogram, ProtoHistogramForTest(a, b, true, true, created))
        .Page();
  }
  std::vector<model::Sample> Samples(const std::string& series) const {
    return storage_.Samples(series);
  }
  using Texts = std::vector<std::string>;

  config::ScrapeConfig config_;
  model::Labels target_ = {{"job", "j"}, {"instance", "i"}};
  BodyFormat format_ = BodyFormat::kProtobuf;
  bool start_times_ = true;
  FakeStorage storage_;
  FamilyPool families_;
  MetadataTable metadata_{families_};
  TargetCache cache_;
  IngestCounts counts_;
  int64_t time_ = 9000;
};

TEST_F(HistogramScrapeTest, NativeHistogramsAreKnownTheNextTime) {
  config_.negotiation.native_histograms = true;
  EXPECT_EQ(Scrape(HistogramPage(2, 1)), "");
  EXPECT_EQ(counts_.scraped, 1u);
  EXPECT_EQ(Scrape(HistogramPage(3, 1)), "");
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(storage_.label_lookups(), 1u) << "the second page needs no labels";
  EXPECT_EQ(storage_.Histograms(kH), (Texts{"{count:3, sum:2.5, (0.5,1]:2, (1,2]:1}@10000",
                                            "{count:4, sum:3.25, (0.5,1]:3, (1,2]:1}@11000"}));
  EXPECT_EQ(storage_.Exemplars(kH).size(), 2u);
  EXPECT_TRUE(Samples(kCount).empty());
  EXPECT_EQ(Scrape(""), "");
  EXPECT_TRUE(storage_.EndsStale(kH));
}

TEST_F(HistogramScrapeTest, WithoutThemTheBucketsAreTaken) {
  EXPECT_EQ(Scrape(HistogramPage(2, 1)), "");
  EXPECT_TRUE(Samples(kH).empty());
  EXPECT_EQ(storage_.Last(kCount), 3);
  EXPECT_EQ(storage_.Last(R"(h_bucket{instance="i", job="j", le="1.0"})"), 2);
}

TEST_F(HistogramScrapeTest, BothWhenAskedFor) {
  config_.negotiation.native_histograms = true;
  config_.negotiation.always_classic_histograms = true;
  EXPECT_EQ(Scrape(HistogramPage(2, 1)), "");
  EXPECT_EQ(storage_.Histograms(kH).size(), 1u);
  EXPECT_EQ(storage_.Last(kCount), 3);
}

TEST_F(HistogramScrapeTest, BucketsBecomeANativeHistogram) {
  config_.negotiation.convert_to_nhcb = true;
  format_ = BodyFormat::kText;
  const auto page = [](int n) {
    return base::StrCat("# TYPE h histogram\nh_bucket{le=\"1\"} ", n, "\nh_bucket{le=\"+Inf\"} ",
                        n + 1, "\nh_sum 5\nh_count ", n + 1, "\n");
  };
  EXPECT_EQ(Scrape(page(2)), "");
  EXPECT_EQ(Scrape(page(3)), "");
  EXPECT_EQ(storage_.label_lookups(), 1u);
  EXPECT_EQ(storage_.Histograms(kH), (Texts{"{count:3, sum:5, [-Inf,1]:2, (1,+Inf]:1}@10000",
                                            "{count:4, sum:5, [-Inf,1]:3, (1,+Inf]:1}@11000"}));
  EXPECT_TRUE(Samples(kCount).empty());
  EXPECT_EQ(metadata_.TypeOf("h"), model::MetricType::kHistogram);
}

TEST_F(HistogramScrapeTest, ABucketLimitMakesThemCoarserOrFailsTheScrape) {
  config_.negotiation.native_histograms = true;
  config_.native_histogram_bucket_limit = 1;
  EXPECT_EQ(Scrape(HistogramPage(2, 1)), "histogram bucket limit exceeded")
      << "(0.5,1] and (1,2] never fall into one bucket";
  EXPECT_TRUE(counts_.bucket_limit_exceeded);
  EXPECT_EQ(Scrape(HistogramPage(2, 0)), "histogram bucket limit exceeded")
      << "empty buckets that are sent count, too";
  config_.native_histogram_bucket_limit = 2;
  EXPECT_EQ(Scrape(HistogramPage(2, 1)), "");
}

TEST(LimitBuckets, TakesTheFinestSchemaThatFits) {
  model::FloatHistogram h;
  h.schema = 3;
  for (int32_t i = 1; i <= 8; ++i) h.positive.push_back({i, 1});
  config::ScrapeConfig config;
  config.native_histogram_bucket_limit = 4;
  exposition::HistogramValue value = h;
  EXPECT_TRUE(LimitBuckets(config, &value));
  EXPECT_EQ(std::get<model::FloatHistogram>(value).schema, 2);
  EXPECT_EQ(std::get<model::FloatHistogram>(value).positive.size(), 4u);

  config = {};
  config.native_histogram_min_bucket_factor = 1.5;  // between those of schemas 0 and 1
  value = h;
  EXPECT_TRUE(LimitBuckets(config, &value));
  EXPECT_EQ(std::get<model::FloatHistogram>(value).schema, 1);
  config.native_histogram_min_bucket_factor = 65536;
  value = h;
  EXPECT_TRUE(LimitBuckets(config, &value));
  EXPECT_EQ(std::get<model::FloatHistogram>(value).schema, -4);
}

TEST_F(HistogramScrapeTest, CountersBeginWithAZero) {
  const auto page = [](double value, int64_t created) {
    return ProtoFamilyForTest("c_total", proto::kCounter)
        .Add("", "", proto::kMetricCounter, ProtoCounterForTest(value, created))
        .Page();
  };
  EXPECT_EQ(Scrape(page(7, 5)), "");
  EXPECT_EQ(Scrape(page(8, 5)), "");
  // Restarted at 12 s, and scraped at 12 s: too late for a zero; then at 13.
  EXPECT_EQ(Scrape(page(1, 12)), "");
  EXPECT_EQ(Scrape(page(2, 12)), "");
  std::vector<std::pair<int64_t, double>> samples;
  for (const model::Sample& sample : Samples(kCounter)) samples.emplace_back(sample.t, sample.v);
  EXPECT_EQ(samples, (std::vector<std::pair<int64_t, double>>{
                         {5000, 0}, {10000, 7}, {11000, 8}, {12000, 1}, {13000, 2}}));
}

TEST_F(HistogramScrapeTest, CountersOfOpenMetricsBeginWithAZeroToo) {
  format_ = BodyFormat::kOpenMetrics;
  const auto page = [](int value, int created) {
    return base::StrCat("# TYPE c counter\nc_total ", value, "\nc_created ", created, "\n# EOF\n");
  };
  EXPECT_EQ(Scrape(page(7, 5)), "");
  EXPECT_EQ(Scrape(page(8, 5)), "");
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(counts_.scraped, 1u) << "the start time is no sample";
  EXPECT_EQ(storage_.label_lookups(), 1u) << "the second page needs no labels";
  std::vector<std::pair<int64_t, double>> samples;
  for (const model::Sample& sample : Samples(kCounter)) samples.emplace_back(sample.t, sample.v);
  EXPECT_EQ(samples, (std::vector<std::pair<int64_t, double>>{{5000, 0}, {10000, 7}, {11000, 8}}));
  EXPECT_TRUE(Samples(R"(c_created{instance="i", job="j"})").empty());
}

TEST_F(HistogramScrapeTest, WithoutTheFeatureTheStartTimeIsASeries) {
  format_ = BodyFormat::kOpenMetrics;
  start_times_ = false;
  EXPECT_EQ(Scrape("# TYPE c counter\nc_total 1\nc_created 5\n# EOF\n"), "");
  EXPECT_EQ(storage_.Last(R"(c_created{instance="i", job="j"})"), 5);
  EXPECT_EQ(Samples(kCounter).size(), 1u);
}

TEST_F(HistogramScrapeTest, HistogramsBeginWithAnEmptyOne) {
  config_.negotiation.native_histograms = true;
  EXPECT_EQ(Scrape(HistogramPage(2, 1, 5)), "");
  EXPECT_EQ(storage_.Histograms(kH),
            (Texts{"{count:0, sum:0}@5000", "{count:3, sum:2.5, (0.5,1]:2, (1,2]:1}@10000"}));
}

}  // namespace
}  // namespace slurmscope::scrape
