#include "scrape/target_spec.h"

#include <gtest/gtest.h>

namespace slurmscope::scrape {
namespace {

config::ScrapeConfig Config() {
  config::ScrapeConfig config;
  config.job_name = "node";
  config.scrape_interval_ms = 15'000;
  config.scrape_timeout_ms = 10'000;
  return config;
}

config::RelabelConfig Set(const std::string& target, const std::string& value) {
  config::RelabelConfig rule;
  rule.regex = *model::Regex::Compile("(.*)");
  rule.target_label = target;
  rule.replacement = value;
  return rule;
}

Result<std::optional<TargetSpec>> Make(const config::ScrapeConfig& config,
                                       const LabelMap& labels = {},
                                       const std::string& address = "n1:9100") {
  return MakeTarget(config, DiscoveredLabels(config, address, labels));
}

std::string ErrorOf(const Result<std::optional<TargetSpec>>& spec) {
  return spec ? "" : spec.error().message();
}

TEST(TargetSpec, Defaults) {
  TargetSpec spec = **Make(Config(), {{"rack", "r1"}, {"__meta_x", "y"}});
  EXPECT_EQ(spec.labels, (model::Labels{{"instance", "n1:9100"}, {"job", "node"}, {"rack", "r1"}}));
  EXPECT_EQ(spec.url, "http://n1:9100/metrics");
  EXPECT_EQ(spec.interval_ms, 15'000);
  EXPECT_EQ(spec.timeout_ms, 10'000);
  EXPECT_EQ(spec.discovered.at("__meta_x"), "y");
  EXPECT_EQ(spec.discovered.at("__scrape_interval__"), "15s");
  EXPECT_EQ(spec.discovered.at("__metrics_path__"), "/metrics");
}

TEST(TargetSpec, NoPortIsAdded) {
  TargetSpec spec = **Make(Config(), {}, "n1");
  EXPECT_EQ(spec.labels.Get("instance"), "n1");
  EXPECT_EQ(spec.url, "http://n1/metrics");
}

TEST(TargetSpec, ParametersAndRelabelledUrl) {
  config::ScrapeConfig config = Config();
  config.params = {{"module", {"a b", "c"}}, {"x", {"1"}}};
  config.relabel_configs = {Set("__param_x", "2"),
                            Set("__scheme__", "https"),
                            Set("__metrics_path__", "/probe"),
                            Set("__address__", "proxy:1"),
                            Set("__scrape_timeout__", "1s"),
                            Set("__tmp_z", "gone")};
  TargetSpec spec = **Make(config);
  EXPECT_TRUE(spec.url == "https://proxy:1/probe?module=a+b&module=c&x=2" ||
              spec.url == "https://proxy:1/probe?module=a%20b&module=c&x=2")
      << spec.url;
  EXPECT_EQ(spec.timeout_ms, 1000);
  EXPECT_EQ(spec.labels, (model::Labels{{"instance", "proxy:1"}, {"job", "node"}}));
}

TEST(TargetSpec, GroupLabelsMayNameTheInstance) {
  EXPECT_EQ((**Make(Config(), {{"instance", "me"}, {"job", "other"}})).labels,
            (model::Labels{{"instance", "me"}, {"job", "other"}}));
}

TEST(TargetSpec, DroppedByRelabelling) {
  config::ScrapeConfig config = Config();
  config::RelabelConfig drop = Set("", "");
  drop.action = config::RelabelAction::kDrop;
  config.relabel_configs = {drop};
  auto spec = Make(config);
  ASSERT_TRUE(spec);
  EXPECT_FALSE(*spec);
}

TEST(TargetSpec, SaysWhatIsWrong) {
  EXPECT_EQ(ErrorOf(Make(Config(), {}, "")), "no address");
  EXPECT_EQ(ErrorOf(Make(Config(), {}, "http://n1")), "\"http://n1\" is not a valid hostname");
  EXPECT_EQ(ErrorOf(Make(Config(), {{"__scrape_timeout__", "20s"}})),
            "scrape timeout is greater than the scrape interval");
  EXPECT_EQ(ErrorOf(Make(Config(), {{"__scrape_interval__", "0s"}})),
            "label __scrape_interval__ cannot be 0");
  EXPECT_NE(ErrorOf(Make(Config(), {{"__scrape_interval__", "soon"}})), "");
  EXPECT_EQ(ErrorOf(Make(Config(), {{"__scheme__", "ftp"}})), "invalid scheme \"ftp\"");
}

TEST(TargetSpec, HashTellsTargetsApart) {
  TargetSpec one = **Make(Config());
  EXPECT_EQ(one.Hash(), (**Make(Config(), {{"__meta_other", "x"}})).Hash());
  EXPECT_NE(one.Hash(), (**Make(Config(), {{"rack", "x"}})).Hash());
  EXPECT_NE(one.Hash(), (**Make(Config(), {{"__metrics_path__", "/x"}})).Hash());
}

}  // namespace
}  // namespace slurmscope::scrape
