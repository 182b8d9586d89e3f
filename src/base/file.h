#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::base {

// All of this file asks base/file_faults.h first, which lets tests make operations fail.

// An open file descriptor, closed at the end. Movable. Reads and writes retry on EINTR and finish
// short ones.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  ~File() { Close(); }
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // `flags` are open(2)'s; O_CLOEXEC is added. Errors name the path.
  static Result<File> Open(const std::string& path, int flags, mode_t mode = 0644);

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void Close();

  Result<void> WriteAll(std::string_view data);
  // Replaces bytes in the middle, or adds at the end.
  Result<void> WriteAllAt(std::string_view data, uint64_t offset);
  // At most `size` bytes from `offset`; fewer only at the end of the file.
  Result<size_t> ReadAt(char* buffer, size_t size, uint64_t offset) const;
  Result<uint64_t> Size() const;
  Result<void> Truncate(uint64_t size);
  Result<void> Sync();
  // Whether no name leads to it any more, as when another file took its name; also when that cannot
  // be told.
  bool IsUnlinked() const;

 private:
  int fd_ = -1;
};

// The whole file, up to `limit` bytes (an error beyond). Works for /proc files, whose size says 0.
Result<std::string> ReadFile(const std::string& path, uint64_t limit = 1ull << 30);

// Replaces `path` with `data` so that after a crash either the old or the new content is there,
// whole.
Result<void> WriteFileAtomic(const std::string& path, std::string_view data, mode_t mode = 0644);

Result<bool> FileExists(const std::string& path);
struct FileStamp {
  uint64_t size = 0;
  int64_t modified_ns = 0;  // since the epoch
  bool operator==(const FileStamp&) const = default;
};
// To tell whether a file or directory was changed; all zero when it is not there.
FileStamp StampOf(const std::string& path);
// Not durable before SyncDirectory(). Errors name the path.
Result<void> RenameFile(const std::string& from, const std::string& to);
// One that is not there is no error.
Result<void> RemoveFile(const std::string& path);
// Removes a file or a directory with all that is in it; one that is not there is no error.
Result<void> RemoveTree(const std::string& path);
// Makes `to` a copy of the directory `from` whose files are hard links.
Result<void> LinkTree(const std::string& from, const std::string& to);

// What is free for us on the file system of a path.
Result<uint64_t> FreeBytes(const std::string& path);

// Makes a directory and its parents; an existing one is no error.
Result<void> MakeDirectories(const std::string& path);
// fsync of a directory, so that created and renamed entries survive power loss.
Result<void> SyncDirectory(const std::string& path);
// Names in a directory, sorted, without "." and "..".
Result<std::vector<std::string>> ListDirectory(const std::string& path);

// An exclusive lock on a directory by a locked file in it (default "lock", as Prometheus has it),
// held while the object lives. Fails at once when another process holds it, naming the directory
// and, where known, the process id.
class DirectoryLock {
 public:
  static Result<DirectoryLock> Acquire(const std::string& directory,
                                       std::string_view name = "lock");

 private:
  explicit DirectoryLock(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace slurmscope::base
