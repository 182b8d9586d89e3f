#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace slurmscope::base {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "file_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FileTest, WritesAtomicallyAndReadsBack) {
  std::string path = directory_ + "/a";
  std::string data(200'000, 'x');
  ASSERT_TRUE(WriteFileAtomic(path, "old"));
  ASSERT_TRUE(WriteFileAtomic(path, data, 0600));
  EXPECT_EQ(*ReadFile(path), data);
  EXPECT_EQ(*ListDirectory(directory_), std::vector<std::string>{"a"});
  struct stat st {};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(FileTest, ReadFileKeepsItsLimitAndNamesThePath) {
  std::string path = directory_ + "/a";
  ASSERT_TRUE(WriteFileAtomic(path, "12345"));
  EXPECT_TRUE(ReadFile(path, 5));
  EXPECT_EQ(ReadFile(path, 4).error().code(), ErrorCode::kResourceExhausted);
  auto missing = ReadFile(directory_ + "/b");
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message().find("/b"), std::string::npos);
  EXPECT_FALSE(ReadFile("/proc/self/stat")->empty());
  EXPECT_FALSE(ReadFile(directory_));
}

TEST_F(FileTest, ReadAtSizeTruncate) {
  auto file = File::Open(directory_ + "/a", O_RDWR | O_CREAT);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->WriteAll("hello"));
  char buffer[8];
  EXPECT_EQ(*file->ReadAt(buffer, sizeof buffer, 1), 4u);
  EXPECT_EQ(std::string_view(buffer, 4), "ello");
  EXPECT_EQ(*file->Size(), 5u);
  ASSERT_TRUE(file->Truncate(2));
  EXPECT_EQ(*file->Size(), 2u);
  EXPECT_TRUE(file->Sync());
  File moved = *std::move(file);
  EXPECT_TRUE(moved.is_open());
  EXPECT_FALSE(file->is_open());
}

TEST_F(FileTest, MakesDirectories) {
  EXPECT_TRUE(MakeDirectories(directory_ + "/a/b/c"));
  EXPECT_TRUE(MakeDirectories(directory_ + "/a/b/c/"));
  ASSERT_TRUE(WriteFileAtomic(directory_ + "/f", ""));
  EXPECT_FALSE(MakeDirectories(directory_ + "/f"));
  EXPECT_FALSE(MakeDirectories(directory_ + "/f/x"));
  EXPECT_EQ(ListDirectory(directory_ + "/none").error().code(), ErrorCode::kNotFound);
}

// In a child process: 0 when the directory could be locked, 1 when it is in use, 2 otherwise.
int LockInChild(const std::string& directory) {
  pid_t child = ::fork();
  if (child == 0) {
    auto lock = DirectoryLock::Acquire(directory);
    ::_exit(lock ? 0 : lock.error().code() == ErrorCode::kUnavailable ? 1 : 2);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(FileTest, ADirectoryIsLockedForOneProcess) {
  {
    auto lock = DirectoryLock::Acquire(directory_);
    ASSERT_TRUE(lock);
    EXPECT_EQ(LockInChild(directory_), 1);
  }
  EXPECT_EQ(LockInChild(directory_), 0);
  EXPECT_TRUE(DirectoryLock::Acquire(directory_));
  EXPECT_FALSE(DirectoryLock::Acquire(directory_ + "/none"));
}

}  // namespace
}  // namespace slurmscope::base
