#include "dashboards/dashboard_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace slurmscope::dashboards {
namespace {

using base::ErrorCode;

class DashboardStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "dashboards.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    database_ = Database::Open(directory_ + "/test.db").value();
    store_ = std::make_unique<DashboardStore>(*database_, clock_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  base::FakeClock clock_{1'700'000'000'000};
  std::string directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DashboardStore> store_;
};

TEST(StripJsonComments, KeepsStringsAndLines) {
  EXPECT_EQ(StripJsonComments("{\"a\": 1 // note\n}"), "{\"a\": 1        \n}");
  EXPECT_EQ(StripJsonComments(R"({"url": "http://x/*y*/"})"), R"({"url": "http://x/*y*/"})");
  EXPECT_EQ(StripJsonComments(R"({"q": "say \"// no\""})"), R"({"q": "say \"// no\""})");
  EXPECT_EQ(StripJsonComments("[1, 2, ]"), "[1, 2  ]");
  EXPECT_EQ(StripJsonComments("[1,\n // more\n]"), "[1 \n        \n]");
  EXPECT_EQ(StripJsonComments("/* open"), "       ");
  EXPECT_EQ(StripJsonComments("\"open // string"), "\"open // string");
}

TEST(SlugOf, IsUrlSafe) {
  EXPECT_EQ(SlugOf("GPU Monitoring"), "gpu-monitoring");
  EXPECT_EQ(SlugOf("  Ünïcode / 100% "), "n-code-100");
  EXPECT_EQ(SlugOf("***"), "dashboard");
}

TEST_F(DashboardStoreTest, SavesAndGetsBack) {
  auto info = store_->Save(R"({"title":"Node Metrics","uid":"node","tags":["linux","x"],"panels":[]})", false);
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->uid, "node");
  EXPECT_EQ(info->version, 1);
  auto got = store_->Get("node");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->json, R"({"title":"Node Metrics","uid":"node","tags":["linux","x"],"panels":[]})");
  EXPECT_EQ(got->info.tags, (std::vector<std::string>{"linux", "x"}));
  EXPECT_FALSE(got->info.provisioned);
}

TEST_F(DashboardStoreTest, RefusesWhatIsNoDashboard) {
  EXPECT_EQ(store_->Save("{", false).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->Save("[]", false).error().message(), "a dashboard is a JSON object");
  EXPECT_EQ(store_->Save("{}", false).error().message(), "the dashboard has no \"title\"");
  EXPECT_FALSE(store_->Save(R"({"title":"x","uid":"../etc"})", false));
  EXPECT_FALSE(store_->Save(std::string(DashboardStore::kMaxBytes + 1, ' '), false));
  EXPECT_TRUE(store_->List()->empty());
}

TEST_F(DashboardStoreTest, OverwritesOnlyWhenTold) {
  ASSERT_TRUE(store_->Save(R"({"title":"A","uid":"a"})", false));
  EXPECT_EQ(store_->Save(R"({"title":"B","uid":"a"})", false).error().code(), ErrorCode::kAlreadyExists);
  auto second = store_->Save(R"({"title":"B","uid":"a"})", true);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->version, 2);
  EXPECT_EQ(store_->List()->size(), 1u);
}

TEST_F(DashboardStoreTest, MakesAUidOfTheTitleAndUnwraps) {
  auto info = store_->Save(R"({"dashboard":{"title":"My GPUs","uid":null},"overwrite":true})", false);
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->uid, "my-gpus");
}

TEST_F(DashboardStoreTest, ProvisionsADirectory) {
  std::string dir = directory_ + "/files";
  ASSERT_TRUE(base::MakeDirectories(dir));
  ASSERT_TRUE(base::WriteFileAtomic(dir + "/a.json", "{\"title\":\"A\",\"uid\":\"a\" // comment\n}"));
  ASSERT_TRUE(base::WriteFileAtomic(dir + "/broken.json", "{"));
  ASSERT_TRUE(base::WriteFileAtomic(dir + "/note.txt", "not a dashboard"));
  EXPECT_EQ(store_->Provision(dir).value(), 1u);
  EXPECT_TRUE(store_->Get("a")->info.provisioned);
  EXPECT_EQ(store_->Save(R"({"title":"A","uid":"a"})", true).error().code(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(store_->Delete("a").error().code(), ErrorCode::kPermissionDenied);

  EXPECT_EQ(store_->Provision(dir).value(), 1u);
  EXPECT_EQ(store_->Get("a")->info.version, 1) << "an unchanged file is no new version";

  ASSERT_TRUE(store_->Save(R"({"title":"Mine","uid":"mine"})", false));
  std::filesystem::remove(dir + "/a.json");
  EXPECT_EQ(store_->Provision(dir).value(), 0u);
  EXPECT_EQ(store_->Get("a").error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(store_->Get("mine"));
}

TEST_F(DashboardStoreTest, TakesTheGuidesDashboardsAsPrinted) {
  EXPECT_EQ(store_->Provision(SLURMSCOPE_SOURCE_DIR "/deploy/dashboards").value(), 2u);
  EXPECT_EQ(store_->Get("gpu-monitoring")->info.title, "GPU Monitoring");
  EXPECT_EQ(store_->Get("node-metrics")->info.title, "Node Metrics");
}

TEST_F(DashboardStoreTest, ANewerSchemaIsRefused) {
  ASSERT_TRUE(database_->Execute("PRAGMA user_version = 999"));
  database_.reset();
  auto reopened = Database::Open(directory_ + "/test.db");
  ASSERT_FALSE(reopened);
  EXPECT_NE(reopened.error().message().find("newer release"), std::string::npos);
}

}  // namespace
}  // namespace slurmscope::dashboards
