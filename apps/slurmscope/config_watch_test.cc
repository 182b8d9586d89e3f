#include "config_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

namespace slurmscope::app {
namespace {

class ConfigWatchTest : public testing::Test {
 protected:
  ConfigWatchTest()
      : directory_(std::filesystem::temp_directory_path() /
                   ("config-watch-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~ConfigWatchTest() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
  }
  std::vector<std::string> Globs() const {
    return {(directory_ / "a.yml").string(), (directory_ / "rules-*.yml").string()};
  }
  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 6000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return condition();
  }
  const std::filesystem::path directory_;
};

TEST_F(ConfigWatchTest, AFingerprintDependsOnWhatIsThere) {
  const uint64_t nothing = ConfigWatch::Fingerprint(Globs());
  Write("a.yml", "x");
  const uint64_t one = ConfigWatch::Fingerprint(Globs());
  EXPECT_NE(one, nothing);
  EXPECT_EQ(ConfigWatch::Fingerprint(Globs()), one);
  Write("rules-1.yml", "y");
  EXPECT_NE(ConfigWatch::Fingerprint(Globs()), one);
  Write("other.yml", "z");
  std::filesystem::remove(directory_ / "rules-1.yml");
  EXPECT_EQ(ConfigWatch::Fingerprint(Globs()), one);
}

TEST_F(ConfigWatchTest, TellsOfEachChangeOnce) {
  Write("a.yml", "x");
  std::atomic<int> changes = 0;
  std::atomic<int> looks = 0;
  ConfigWatch watch(
      1,
      [&] {
        ++looks;
        return Globs();
      },
      [&] { ++changes; });
  EXPECT_TRUE(Eventually([&] { return looks > 5; }));
  EXPECT_EQ(changes, 0);
  Write("a.yml", "changed");
  EXPECT_TRUE(Eventually([&] { return changes > 0; }));
  const int looked = looks;
  EXPECT_TRUE(Eventually([&] { return looks > looked + 5; }));
  EXPECT_LE(changes, 2) << "a write may be seen half done";
}

}  // namespace
}  // namespace slurmscope::app
