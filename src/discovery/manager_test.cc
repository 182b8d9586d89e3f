#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "discovery/discovery.h"

namespace slurmscope::discovery {
namespace {

using base::StrCat;
using namespace std::chrono_literals;

class ManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "discovery_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Manager::OnUpdate Recorder() {
    return [this](const TargetGroups& groups) {
      std::lock_guard lock(mutex_);
      ++updates_;
      targets_.clear();
      latest_ = groups;
      for (const auto& [job, list] : groups) {
        for (const auto& group : list) {
          for (const auto& target : group.targets)
            base::StrAppend(targets_, targets_.empty() ? "" : " ", target);
        }
      }
      changed_.notify_all();
    };
  }
  bool WaitFor(const std::string& targets) {
    std::unique_lock lock(mutex_);
    bool seen = changed_.wait_for(lock, 10s, [&] { return updates_ > 0 && targets_ == targets; });
    EXPECT_EQ(targets_, targets);
    return seen;
  }
  int updates() {
    std::lock_guard lock(mutex_);
    return updates_;
  }
  std::string Path(std::string_view name) const { return StrCat(directory_, "/", name); }
  void WriteInPlace(std::string_view name, std::string_view text) {
    auto file = base::File::Open(Path(name), O_WRONLY | O_CREAT | O_TRUNC);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->WriteAll(text));
  }
  static config::ScrapeConfig Job(std::string glob, int64_t refresh_ms = 3'600'000) {
    config::ScrapeConfig job;
    job.job_name = "node";
    job.file_sd_configs.push_back({{std::move(glob)}, refresh_ms});
    return job;
  }

  std::string directory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int updates_ = 0;
  std::string targets_;
  TargetGroups latest_;
};

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST_F(ManagerTest, SendsStaticTargetsSoonAfterApply) {
  Manager manager(Recorder(), {.update_interval_ms = 60'000});
  config::ScrapeConfig job;
  job.job_name = "self";
  job.static_configs.push_back({{"a:1", "b:2"}, {{"rack", "7"}}, "0"});
  manager.Apply({job});
  ASSERT_TRUE(WaitFor("a:1 b:2"));
  EXPECT_EQ(latest_["self"][0].labels["rack"], "7");
  EXPECT_EQ(manager.stats().discovered_targets["self"], 2u);
  job.static_configs[0].targets = {"c:3"};
  manager.Apply({job});  // a reload does not wait for the update interval
  ASSERT_TRUE(WaitFor("c:3"));
}

TEST_F(ManagerTest, AJobWithoutTargetsIsInThePicture) {
  Manager manager(Recorder(), {.update_interval_ms = 0});
  manager.Apply({Job(Path("*.yml"))});
  ASSERT_TRUE(WaitFor(""));
  EXPECT_EQ(latest_.count("node"), 1u);
}

TEST_F(ManagerTest, FollowsRenameWriteNewFileAndDelete) {
  WriteInPlace("a.yml", "- targets: [a:1]\n  labels: {x: y}\n");
  Manager manager(Recorder(), {.update_interval_ms = 0});
  manager.Apply({Job(Path("*.yml"))});
  ASSERT_TRUE(WaitFor("a:1"));
  EXPECT_EQ(latest_["node"][0].labels["__meta_filepath"], Path("a.yml"));
  EXPECT_EQ(latest_["node"][0].labels["x"], "y");

  ASSERT_TRUE(base::WriteFileAtomic(Path("a.yml"), "- targets: [a:2]\n"));
  ASSERT_TRUE(WaitFor("a:2"));
  WriteInPlace("a.yml", "- targets: [a:3]\n");
  ASSERT_TRUE(WaitFor("a:3"));
  WriteInPlace("b.yml", "- targets: [b:1]\n");
  ASSERT_TRUE(WaitFor("a:3 b:1"));
  WriteInPlace("not_a_target.txt", "- targets: [c:1]\n");
  ASSERT_EQ(::unlink(Path("a.yml").c_str()), 0);
  ASSERT_TRUE(WaitFor("b:1"));
  ASSERT_EQ(::unlink(Path("b.yml").c_str()), 0);
  ASSERT_TRUE(WaitFor(""));
}

TEST_F(ManagerTest, ABrokenFileKeepsItsLastGoodTargets) {
  WriteInPlace("a.json", R"([{"targets": ["a:1"]}])");
  WriteInPlace("b.json", R"([{"targets": ["b:1"]}])");
  Manager manager(Recorder(), {.update_interval_ms = 0});
  manager.Apply({Job(Path("*.json"))});
  ASSERT_TRUE(WaitFor("a:1 b:1"));
  WriteInPlace("a.json", R"([{"targets": ["a:)");
  ASSERT_TRUE(Eventually([&] { return manager.stats().file_read_errors == 1; }));
  WriteInPlace("b.json", R"([{"targets": ["b:2"]}])");
  ASSERT_TRUE(WaitFor("a:1 b:2"));
  EXPECT_EQ(manager.stats().file_read_errors, 1u);
  WriteInPlace("a.json", R"([{"targets": ["a:2"]}])");
  ASSERT_TRUE(WaitFor("a:2 b:2"));
}

TEST_F(ManagerTest, PollsADirectoryThatIsNotThereYet) {
  Manager manager(Recorder(), {.update_interval_ms = 0});
  manager.Apply({Job(Path("later/*.yml"), 20)});
  ASSERT_TRUE(WaitFor(""));
  ASSERT_TRUE(base::MakeDirectories(Path("later")));
  WriteInPlace("later/a.yml", "- targets: [a:1]\n");
  ASSERT_TRUE(WaitFor("a:1"));
}

TEST_F(ManagerTest, MatchesDirectoriesByGlob) {
  ASSERT_TRUE(base::MakeDirectories(Path("rack1")));
  ASSERT_TRUE(base::MakeDirectories(Path("rack2")));
  WriteInPlace("rack1/a.yml", "- targets: [a:1]\n");
  Manager manager(Recorder(), {.update_interval_ms = 0});
  manager.Apply({Job(Path("rack*/*.yml"))});
  ASSERT_TRUE(WaitFor("a:1"));
  WriteInPlace("rack2/b.yml", "- targets: [b:1]\n");
  ASSERT_TRUE(WaitFor("a:1 b:1"));
}

TEST_F(ManagerTest, ManyChangesMakeOneUpdate) {
  WriteInPlace("a.yml", "- targets: [a:0]\n");
  Manager manager(Recorder(), {.update_interval_ms = 700});
  manager.Apply({Job(Path("*.yml"))});
  ASSERT_TRUE(WaitFor("a:0"));
  for (int i = 1; i <= 20; ++i) {
    WriteInPlace("a.yml", StrCat("- targets: [a:", i, "]\n"));
    std::this_thread::sleep_for(5ms);
  }
  ASSERT_TRUE(WaitFor("a:20"));
  EXPECT_LE(updates(), 3);
}

TEST_F(ManagerTest, AnUnchangedFileMakesNoUpdate) {
  WriteInPlace("a.yml", "- targets: [a:1]\n");
  Manager manager(Recorder(), {.update_interval_ms = 0});
  manager.Apply({Job(Path("*.yml"), 20)});
  ASSERT_TRUE(WaitFor("a:1"));
  WriteInPlace("a.yml", "- targets: [a:1]\n");
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(updates(), 1);
}

TEST_F(ManagerTest, ApplyFromManyThreads) {
  Manager manager(Recorder(), {.update_interval_ms = 1});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        manager.Apply({Job(Path("*.yml"))});
        (void)manager.stats();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(WaitFor(""));
}

}  // namespace
}  // namespace slurmscope::discovery
