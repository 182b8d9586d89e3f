#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/attr_file.h"
#include "agent/directory.h"
#include "agent/proc_file.h"
#include "base/file.h"

namespace slurmscope::agent {
namespace {

class KeptOpen : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(base::MakeDirectories(root_).has_value()); }
  void TearDown() override { (void)base::RemoveTree(root_); }
  void Write(const std::string& name, std::string_view text) {
    ASSERT_TRUE(base::WriteFileAtomic(root_ + "/" + name, text).has_value());
  }

  const std::string root_ = testing::TempDir() + "kept_open_" + std::to_string(::getpid());
};

TEST_F(KeptOpen, WhatIsMissingIsLookedForNowAndThenOrAtEachReadOfAScope) {
  AttrFile file(root_ + "/later");
  {
    const LookAgainScope look;
    EXPECT_FALSE(file.Number());
  }
  EXPECT_FALSE(file.Number());
  Write("later", "1\n");
  EXPECT_FALSE(file.Number());
  const LookAgainScope outer;
  { const LookAgainScope inner; }
  EXPECT_EQ(file.Number(), 1);
}

TEST_F(KeptOpen, AFileIsReadAsItIsNow) {
  Write("value", "1\n");
  AttrFile file(root_ + "/value");
  EXPECT_EQ(file.Number(), 1);
  Write("value", "22\n");  // another file of that name
  EXPECT_EQ(file.Number(), 22);
  EXPECT_EQ(::truncate(file.path().c_str(), 1), 0);  // the same file
  EXPECT_EQ(file.Number(), 2);
  AttrFile moved = std::move(file);
  EXPECT_EQ(moved.Text(), "2");
  ::unlink(moved.path().c_str());
  EXPECT_EQ(moved.Number(), std::nullopt);
  EXPECT_EQ(moved.Text(), "");
  Write("value", "3\n");
  int reads = 1;
  while (!moved.Number() && reads < 100) ++reads;
  EXPECT_LE(reads, 16) << "one that is missing is not looked for each time";
}

TEST_F(KeptOpen, AWholeFileIsReadAsItIsNow) {
  ProcFile file(root_ + "/table");
  EXPECT_EQ(file.Read().error().code(), base::ErrorCode::kNotFound);
  Write("table", "one\n");
  EXPECT_EQ(file.Read().value(), "one\n");
  Write("table", "another\n");  // another file of that name
  EXPECT_EQ(file.Read().value(), "another\n");
  EXPECT_EQ(::truncate(file.path().c_str(), 2), 0);  // the same file
  EXPECT_EQ(file.Read().value(), "an");
  ::unlink(file.path().c_str());
  EXPECT_EQ(file.Read().error().code(), base::ErrorCode::kNotFound);
  Write("table", std::string(10'000, 'x'));
  EXPECT_EQ(file.Read().value().size(), 10'000U);
}

TEST_F(KeptOpen, AFileOfProcStaysOpen) {
  AttrFile file("/proc/self/comm");
  const std::string first = file.Text();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(file.Text(), first);
  AttrFile directory("/proc/self");
  EXPECT_EQ(directory.Read(), std::nullopt);
}

std::vector<std::string> Names(Directory& directory) {
  const auto names = directory.List();
  if (!names) return {"error"};
  return {names->begin(), names->end()};
}

TEST_F(KeptOpen, ADirectoryIsListedAsItIsNow) {
  const std::string path = root_ + "/devices";
  Directory directory(path);
  const auto missing = directory.List();
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), base::ErrorCode::kNotFound);
  ASSERT_TRUE(base::MakeDirectories(path).has_value());
  EXPECT_TRUE(Names(directory).empty());
  Write("devices/b", "");
  Write("devices/a", "");
  EXPECT_EQ(Names(directory), (std::vector<std::string>{"a", "b"}));
  ::unlink((path + "/b").c_str());
  EXPECT_EQ(Names(directory), (std::vector<std::string>{"a"}));
  ASSERT_TRUE(base::RemoveTree(path).has_value());
  EXPECT_EQ(Names(directory), (std::vector<std::string>{"error"}));
  ASSERT_TRUE(base::MakeDirectories(path).has_value());
  // More than the first buffer holds.
  std::vector<std::string> many;
  for (int i = 1000; i < 2500; ++i) many.push_back("a-rather-long-name-" + std::to_string(i));
  for (const std::string& name : many) Write("devices/" + name, "");
  EXPECT_EQ(Names(directory), many);
}

}  // namespace
}  // namespace slurmscope::agent
