#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/file_faults.h"

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

// Fails the operations of one kind.
class Failing final : public FileFaults {
 public:
  Failing(FileOp op, int error, size_t written = 0) : op_(op), error_(error), written_(written) {
    SetFileFaults(this);
  }
  ~Failing() override { SetFileFaults(nullptr); }
  int Before(FileOp op, const std::string& path, size_t* size) override {
    if (op != op_) return 0;
    path_ = path;
    *size = std::min(*size, written_);
    return error_;
  }
  const std::string& path() const { return path_; }

 private:
  const FileOp op_;
  const int error_;
  const size_t written_;
  std::string path_;
};

TEST_F(FileTest, FaultsHitTheOperationAndNameItsFile) {
  std::string path = directory_ + "/a";
  ASSERT_TRUE(WriteFileAtomic(path, "old"));
  {
    Failing writes(FileOp::kWrite, ENOSPC, 2);
    EXPECT_FALSE(WriteFileAtomic(path, "new one"));
    EXPECT_EQ(writes.path(), path + ".tmp");
  }
  EXPECT_EQ(*ReadFile(path), "old");
  EXPECT_EQ(*ReadFile(path + ".tmp"), "ne");
  {
    Failing short_writes(FileOp::kWrite, 0, 1);
    EXPECT_TRUE(WriteFileAtomic(path, "whole"));
  }
  EXPECT_EQ(*ReadFile(path), "whole");
  for (FileOp op : {FileOp::kOpen, FileOp::kSync, FileOp::kRename, FileOp::kRemove}) {
    Failing failing(op, EIO);
    auto written = WriteFileAtomic(path, "never");
    ASSERT_FALSE(written);
    EXPECT_NE(written.error().message().find("Input/output error"), std::string::npos);
  }
  EXPECT_EQ(*ReadFile(path), "whole");
}

TEST_F(FileTest, LinksAndRemovesTrees) {
  ASSERT_TRUE(MakeDirectories(directory_ + "/a/b"));
  ASSERT_TRUE(WriteFileAtomic(directory_ + "/a/b/c", "x"));
  ASSERT_TRUE(LinkTree(directory_ + "/a", directory_ + "/d"));
  ASSERT_TRUE(RemoveTree(directory_ + "/a"));
  EXPECT_FALSE(*FileExists(directory_ + "/a"));
  EXPECT_EQ(*ReadFile(directory_ + "/d/b/c"), "x");
  EXPECT_TRUE(RemoveTree(directory_ + "/a"));
}

}  // namespace
}  // namespace slurmscope::base
