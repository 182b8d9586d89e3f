#include "scrape/target_cache.h"

#include <gtest/gtest.h>

#include "scrape/fakes_for_test.h"

namespace slurmscope::scrape {
namespace {

// One target, scraped by hand at 1000, 2000, ...
class TargetCacheTest : public ::testing::Test {
 protected:
  std::string Scrape(const std::string& body) {
    counts_ = {};
    time_ += 1000;
    auto appender = storage_.NewAppender();
    Result<void> done =
        cache_.Ingest(body, {config_, target_, format_, time_, metadata_}, *appender, &counts_);
    if (done) {
      cache_.Accept();
    } else {
      appender->Rollback();
      cache_.Discard();
      cache_.MarkAllStale(*appender, time_);
    }
    EXPECT_TRUE(appender->Commit());
    return done ? "" : done.error().message();
  }
  std::vector<double> Values(const std::string& series) const {
    std::vector<double> values;
    for (const model::Sample& sample : storage_.Samples(series)) {
      values.push_back(model::IsStale(sample.v) ? -1 : sample.v);
    }
    return values;
  }
  using V = std::vector<double>;

  config::ScrapeConfig config_;
  model::Labels target_ = {{"job", "j"}, {"instance", "i"}};
  BodyFormat format_ = BodyFormat::kText;
  FakeStorage storage_;
  FamilyPool families_;
  MetadataTable metadata_{families_};
  TargetCache cache_;
  IngestCounts counts_;
  int64_t time_ = 0;
};

const std::string kA = R"(a{instance="i", job="j"})";
const std::string kB = R"(b{instance="i", job="j"})";
const std::string kC = R"(c{instance="i", job="j"})";

TEST_F(TargetCacheTest, KnownSeriesNeedNoLabels) {
  EXPECT_EQ(Scrape("# TYPE a gauge\na 1\nb 2\n\nc 3\n"), "");
  EXPECT_EQ(counts_.series_added, 3u);
  EXPECT_EQ(storage_.label_lookups(), 3u);
  EXPECT_EQ(Scrape("# TYPE a gauge\na 4\nb 5\n\nc 6\n"), "");
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(counts_.scraped, 3u);
  EXPECT_EQ(counts_.appended, 3u);
  EXPECT_EQ(storage_.label_lookups(), 3u);
  EXPECT_EQ(Values(kA), (V{1, 4}));
  EXPECT_EQ(Values(kB), (V{2, 5}));
  EXPECT_EQ(Values(kC), (V{3, 6}));
  EXPECT_EQ(cache_.size(), 4u);
}

TEST_F(TargetCacheTest, SeriesMayChangePlaces) {
  Scrape("a 1\nb 2\nc 3\n");
  Scrape("c 6\na 4\nb 5\n");
  Scrape("b 8\nc 9\na 7\n");
  EXPECT_EQ(storage_.label_lookups(), 3u);
  EXPECT_EQ(Values(kA), (V{1, 4, 7}));
  EXPECT_EQ(Values(kB), (V{2, 5, 8}));
  EXPECT_EQ(Values(kC), (V{3, 6, 9}));
}

TEST_F(TargetCacheTest, ManySeriesInReverseOrder) {
  std::string forward;
  std::string backward;
  for (int i = 0; i < 500; ++i) {
    std::string line = "m{i=\"" + std::to_string(i) + "\"} " + std::to_string(i) + "\n";
    forward += line;
    backward.insert(0, line);
  }
  Scrape(forward);
  Scrape(backward);
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(counts_.appended, 500u);
  EXPECT_EQ(storage_.label_lookups(), 500u);
  EXPECT_EQ(Values(R"(m{i="123", instance="i", job="j"})"), (V{123, 123}));
}

TEST_F(TargetCacheTest, VanishedSeriesGetOneStaleMarkerAndMayComeBack) {
  Scrape("a 1\nb 2\nc 3\n");
  Scrape("a 1\nc 3\n");
  EXPECT_EQ(Values(kB), (V{2, -1}));
  Scrape("a 1\nc 3\n");
  EXPECT_EQ(Values(kB), (V{2, -1}));
  Scrape("a 1\nb 7\nc 3\nd 4\n");
  EXPECT_EQ(counts_.series_added, 2u);
  EXPECT_EQ(Values(kB), (V{2, -1, 7}));
  EXPECT_EQ(Values(kA), (V{1, 1, 1, 1}));
  Scrape("a 1\n");
  EXPECT_EQ(Values(kC), (V{3, 3, 3, 3, -1}));
}

TEST_F(TargetCacheTest, LabelsInAnotherOrderAreTheSameSeries) {
  Scrape("m{a=\"1\",b=\"2\"} 1\n");
  Scrape("m{b=\"2\",a=\"1\"} 2\n");
  EXPECT_EQ(Values(R"(m{a="1", b="2", instance="i", job="j"})"), (V{1, 2}));
}

TEST_F(TargetCacheTest, MalformedBodyAppendsNothingAndEndsTheSeries) {
  Scrape("a 1\nb 2\n");
  EXPECT_EQ(Scrape("a 3\nb{x=\"1\n"), "line 2, column 5: a quote that is not closed");
  EXPECT_EQ(Values(kA), (V{1, -1}));
  EXPECT_EQ(Values(kB), (V{2, -1}));
  EXPECT_EQ(Scrape("a 3\nb{x=\"1\",x=\"2\"} 1\n"),
            "line 2, column 9: label name \"x\" is there twice");
  EXPECT_EQ(Values(kA), (V{1, -1}));
  EXPECT_EQ(Scrape("a 5\nb 6\n"), "");
  EXPECT_EQ(Values(kA), (V{1, -1, 5}));
  EXPECT_EQ(counts_.series_added, 0u);
}

TEST_F(TargetCacheTest, StorageMayForgetSeries) {
  Scrape("a 1\nb 2\n");
  storage_.ForgetSeries();
  Scrape("a 3\nb 4\n");
  EXPECT_EQ(counts_.after_relabel, 2u);
  EXPECT_EQ(counts_.appended, 2u);
  size_t lookups = storage_.label_lookups();
  Scrape("a 5\nb 6\n");
  EXPECT_EQ(Values(kA), (V{3, 5}));
  EXPECT_EQ(storage_.label_lookups(), lookups);
}

TEST_F(TargetCacheTest, ExplicitTimestamps) {
  Scrape("a 1 500\nb 2\n");
  EXPECT_EQ(storage_.Samples(kA)[0].t, 500);
  Scrape("b 2\n");
  EXPECT_FALSE(storage_.EndsStale(kA));
  config_.honor_timestamps = false;
  Scrape("a 1 500\n");
  EXPECT_EQ(storage_.Samples(kA)[1].t, 3000);
  Scrape("b 2\n");
  EXPECT_TRUE(storage_.EndsStale(kA));
}

TEST_F(TargetCacheTest, ExplicitTimestampsTracked) {
  config_.track_timestamps_staleness = true;
  Scrape("a 1 500\n");
  Scrape("");
  EXPECT_TRUE(storage_.EndsStale(kA));
}

TEST_F(TargetCacheTest, TimestampThatComesAndGoes) {
  Scrape("a 1\nb 1\n");
  Scrape("a 2 1500\nb 1\n");
  Scrape("b 1\n");
  EXPECT_EQ(Values(kA), (V{1, 2}));
  Scrape("a 3\nb 1\n");
  Scrape("b 1\n");
  EXPECT_EQ(Values(kA), (V{1, 2, 3, -1}));
}

TEST_F(TargetCacheTest, TargetLabelsWinAndScrapedOnesAreRenamed) {
  Scrape(R"(a{job="x",exported_job="y",instance="z"} 1)");
  EXPECT_EQ(
      storage_.SeriesNames(),
      std::vector<std::string>{
          R"(a{exported_exported_job="x", exported_instance="z", exported_job="y", instance="i", job="j"})"});
}

TEST_F(TargetCacheTest, HonorLabels) {
  config_.honor_labels = true;
  Scrape(R"(a{job="x",instance=""} 1)");
  EXPECT_EQ(storage_.SeriesNames(), std::vector<std::string>{R"(a{instance="i", job="x"})"});
}

TEST_F(TargetCacheTest, MetricRelabelling) {
  config::RelabelConfig rule;
  rule.action = config::RelabelAction::kDrop;
  rule.source_labels = {"__name__"};
  rule.regex = *model::Regex::Compile("a");
  config_.metric_relabel_configs = {rule};
  for (int i = 0; i < 2; ++i) {
    Scrape("a 1\nb 2\n");
    EXPECT_EQ(counts_.scraped, 2u);
    EXPECT_EQ(counts_.after_relabel, 1u);
  }
  EXPECT_EQ(storage_.SeriesNames(), std::vector<std::string>{kB});
}

TEST_F(TargetCacheTest, ForgetReadsAnewAndEndsWhatIsNoLongerMade) {
  Scrape("a 1\nb 2\n");
  config::RelabelConfig rule;
  rule.source_labels = {"__name__"};
  rule.regex = *model::Regex::Compile("a");
  rule.target_label = "__name__";
  rule.replacement = "c";
  config_.metric_relabel_configs = {rule};
  cache_.Forget();
  Scrape("a 3\nb 4\n");
  EXPECT_EQ(Values(kA), (V{1, -1}));
  EXPECT_EQ(Values(kC), (V{3}));
  EXPECT_EQ(Values(kB), (V{2, 4}));
}

TEST_F(TargetCacheTest, DuplicateSeriesAreCounted) {
  for (int i = 0; i < 3; ++i) {
    Scrape("a 1\na 2\nb 3\n");
    EXPECT_EQ(counts_.duplicate, 1u) << i;
    EXPECT_EQ(counts_.scraped, 3u) << i;
  }
  Scrape("a 1\nb 3\n");
  EXPECT_EQ(counts_.duplicate, 0u);
  EXPECT_FALSE(storage_.EndsStale(kA));
}

TEST_F(TargetCacheTest, SampleLimit) {
  config_.sample_limit = 2;
  EXPECT_EQ(Scrape("a 1\nb 2\n"), "");
  EXPECT_EQ(Scrape("a 1\nb 2\nc 3\nd 4\n"), "sample limit exceeded (samples: 4, limit: 2)");
  EXPECT_TRUE(counts_.sample_limit_exceeded);
  EXPECT_TRUE(storage_.EndsStale(kA));
  EXPECT_EQ(Values(kC), V{});
}

TEST_F(TargetCacheTest, LabelLimits) {
  config_.label_limit = 3;
  EXPECT_EQ(Scrape("a 1\n"), "");
  EXPECT_EQ(Scrape("a{x=\"1\"} 1\n"), "label_limit exceeded (metric: \"a\", found: 4, limit: 3)");
  EXPECT_TRUE(counts_.label_limit_exceeded);
  config_.label_limit = 0;
  config_.label_name_length_limit = 8;
  EXPECT_EQ(Scrape("a{x12345678=\"1\"} 1\n"),
            "label_name_length_limit exceeded (metric: \"a\", found: 9, limit: 8)");
  config_.label_name_length_limit = 0;
  config_.label_value_length_limit = 2;
  EXPECT_EQ(Scrape("a{x=\"123\"} 1\n"),
            "label_value_length_limit exceeded (metric: \"a\", found: 3, limit: 2)");
}

TEST_F(TargetCacheTest, BoundariesAreWrittenAsFloats) {
  target_ = {};
  Scrape(
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\n# TYPE s summary\n"
      "s{quantile=\"1\"} 1\ns{quantile=\"0.50\"} 1\n# TYPE g gauge\ng_bucket{le=\"1\"} 1\n");
  EXPECT_EQ(storage_.SeriesNames(),
            (std::vector<std::string>{R"(g_bucket{le="1"})", R"(h_bucket{le="+Inf"})",
                                      R"(h_bucket{le="1.0"})", R"(s{quantile="0.5"})",
                                      R"(s{quantile="1.0"})"}));
}

TEST_F(TargetCacheTest, MetadataFollowsTheBody) {
  Scrape("# HELP a What\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n");
  ASSERT_EQ(metadata_.size(), 2u);
  EXPECT_EQ(metadata_.families()[0]->metadata,
            (model::Metadata{model::MetricType::kCounter, "", "What"}));
  Scrape("# HELP a Other\n# TYPE a counter\na 1\n");
  EXPECT_EQ(metadata_.families()[0]->metadata.help, "Other");
  Scrape("# HELP a Other\n# TYPE a counter\na 1\n");
  ASSERT_EQ(metadata_.size(), 1u);
  Scrape("# HELP a Other\n# TYPE a counter\na 1\n");
  EXPECT_EQ(metadata_.families()[0]->metadata,
            (model::Metadata{model::MetricType::kCounter, "", "Other"}));
}

TEST_F(TargetCacheTest, OpenMetricsWithExemplars) {
  format_ = BodyFormat::kOpenMetrics;
  const std::string head = "# TYPE a counter\n";
  EXPECT_EQ(Scrape(head + "a_total 1 # {t=\"x\"} 0.5 0.9\nb 2 0.001\n# EOF\n"), "");
  EXPECT_EQ(Scrape(head + "a_total 2 # {t=\"y\"} 0.25\nb 2 0.002\n# EOF\n"), "");
  EXPECT_EQ(Scrape(head + "a_total 3\nb 5 0.003\n# EOF\n"), "");
  EXPECT_EQ(storage_.label_lookups(), 2u) << "lines with exemplars are known ones too";
  const std::string total = R"(a_total{instance="i", job="j"})";
  EXPECT_EQ(Values(total), (V{1, 2, 3}));
  EXPECT_EQ(storage_.Exemplars(total),
            (std::vector<std::string>{"0.5@900 {t=\"x\"}", "0.25@2000 {t=\"y\"}"}));
  ASSERT_EQ(storage_.Samples(kB).size(), 3u);
  EXPECT_EQ(storage_.Samples(kB)[2].t, 3) << "seconds become milliseconds";
  EXPECT_EQ(Scrape(head + "a_total 4\n"),
            "line 3, column 1: the text does not end with # EOF; was it cut off?");
  EXPECT_EQ(Values(total), (V{1, 2, 3, -1})) << "nothing of a page that was cut off is kept";
}

TEST_F(TargetCacheTest, OldNamesOnlyWhereTheJobSaysSo) {
  EXPECT_EQ(Scrape("{\"my.metric\"} 1\n"), "");
  config_.negotiation.utf8_names = false;
  cache_.Forget();
  EXPECT_NE(Scrape("{\"my.metric\"} 1\n").find("invalid metric name or label names: "),
            std::string::npos);
  EXPECT_EQ(Scrape("a 1\n"), "");
}

}  // namespace
}  // namespace slurmscope::scrape
