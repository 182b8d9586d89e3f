#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>

#include "base/file_faults.h"
#include "base/strings.h"

namespace slurmscope::base {
namespace {

std::string ParentDirectory(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::atomic<FileFaults*> file_faults{nullptr};

std::string PathOf(int fd) {
  std::array<char, 4096> path{};
  ssize_t n = ::readlink(StrCat("/proc/self/fd/", fd).c_str(), path.data(), path.size());
  return n > 0 ? std::string(path.data(), static_cast<size_t>(n)) : std::string();
}

int FaultOf(FileOp op, int fd, size_t* size) {
  FileFaults* faults = file_faults.load(std::memory_order_acquire);
  return faults == nullptr ? 0 : faults->Before(op, PathOf(fd), size);
}
int FaultOf(FileOp op, int fd) {
  size_t size = 0;
  return FaultOf(op, fd, &size);
}

// write(2) or pwrite(2) in full.
template <typename Write>
Result<void> WriteFully(int fd, std::string_view data, Write write) {
  while (!data.empty()) {
    size_t size = data.size();
    int fault = FaultOf(FileOp::kWrite, fd, &size);
    ssize_t n = size == 0 && fault != 0 ? 0 : write(data.data(), size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("write", errno);
    if (fault != 0) return FailErrno("write", fault);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

bool IsDirectory(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Result<void> RemoveOne(const std::string& path, bool directory) {
  int fault = FaultOf(FileOp::kRemove, path);
  if (fault != 0) return FailErrno(StrCat("remove ", path), fault);
  int rc = directory ? ::rmdir(path.c_str()) : ::unlink(path.c_str());
  if (rc != 0 && errno != ENOENT) return FailErrno(StrCat("remove ", path), errno);
  return {};
}

Result<void> LinkOne(const std::string& from, const std::string& to) {
  int fault = FaultOf(FileOp::kLink, from);
  if (fault != 0) return FailErrno(StrCat("link ", to), fault);
  if (::link(from.c_str(), to.c_str()) != 0) return FailErrno(StrCat("link ", to), errno);
  return {};
}

}  // namespace

void SetFileFaults(FileFaults* faults) { file_faults.store(faults, std::memory_order_release); }

int FaultOf(FileOp op, const std::string& path) {
  FileFaults* faults = file_faults.load(std::memory_order_acquire);
  size_t size = 0;
  return faults == nullptr ? 0 : faults->Before(op, path, &size);
}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Result<File> File::Open(const std::string& path, int flags, mode_t mode) {
  if (int fault = FaultOf(FileOp::kOpen, path)) return FailErrno(StrCat("open ", path), fault);
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return FailErrno(StrCat("open ", path), errno);
  return File(fd);
}

void File::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<void> File::WriteAll(std::string_view data) {
  return WriteFully(fd_, data,
                    [&](const char* bytes, size_t size) { return ::write(fd_, bytes, size); });
}

Result<void> File::WriteAllAt(std::string_view data, uint64_t offset) {
  return WriteFully(fd_, data, [&](const char* bytes, size_t size) {
    ssize_t n = ::pwrite(fd_, bytes, size, static_cast<off_t>(offset));
    if (n > 0) offset += static_cast<uint64_t>(n);
    return n;
  });
}

Result<size_t> File::ReadAt(char* buffer, size_t size, uint64_t offset) const {
  if (int fault = FaultOf(FileOp::kRead, fd_)) return FailErrno("read", fault);
  size_t done = 0;
  while (done < size) {
    ssize_t n = ::pread(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<uint64_t> File::Size() const {
  struct stat st {};
  if (::fstat(fd_, &st) != 0) return FailErrno("stat", errno);
  return static_cast<uint64_t>(st.st_size);
}

Result<void> File::Truncate(uint64_t size) {
  if (int fault = FaultOf(FileOp::kTruncate, fd_)) return FailErrno("truncate", fault);
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return FailErrno("truncate", errno);
  return {};
}

Result<void> File::Sync() {
  if (int fault = FaultOf(FileOp::kSync, fd_)) return FailErrno("fdatasync", fault);
  if (::fdatasync(fd_) != 0) return FailErrno("fdatasync", errno);
  return {};
}

bool File::IsUnlinked() const {
  struct stat st {};
  return ::fstat(fd_, &st) != 0 || st.st_nlink == 0;
}

Result<std::string> ReadFile(const std::string& path, uint64_t limit) {
  File file = TRY(File::Open(path, O_RDONLY));
  // One byte more than there should be shows the end. Files of /proc have no size.
  constexpr uint64_t kLeast = 4096;
  uint64_t step = std::max(std::min(file.Size().value_or(0), limit) + 1, kLeast);
  std::string content;
  while (true) {
    const size_t old_size = content.size();
    content.resize(old_size + step);
    const size_t n = TRY_CONTEXT(file.ReadAt(content.data() + old_size, step, old_size), path);
    content.resize(old_size + n);
    if (content.size() > limit) {
      return Fail(ErrorCode::kResourceExhausted,
                  StrCat(path, ": larger than the limit of ", limit, " bytes"));
    }
    if (n < step) return content;
    step = content.size();
  }
}

Result<void> WriteFileAtomic(const std::string& path, std::string_view data, mode_t mode) {
  std::string temporary = path + ".tmp";
  TRY(RemoveFile(temporary));  // one left by a crash would keep its own mode
  File file = TRY(File::Open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
  TRY_CONTEXT(file.WriteAll(data), temporary);
  TRY_CONTEXT(file.Sync(), temporary);
  file.Close();
  TRY(RenameFile(temporary, path));
  return SyncDirectory(ParentDirectory(path));
}

Result<bool> FileExists(const std::string& path) {
  if (int fault = FaultOf(FileOp::kOpen, path)) return FailErrno(path, fault);
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return FailErrno(path, errno);
}

FileStamp StampOf(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return {};
  return {static_cast<uint64_t>(st.st_size),
          int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec};
}

Result<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs st {};
  if (::statvfs(path.c_str(), &st) != 0) return FailErrno(path, errno);
  return uint64_t{st.f_bavail} * st.f_frsize;
}

Result<void> RenameFile(const std::string& from, const std::string& to) {
  std::string what = StrCat("rename ", from, " to ", to);
  if (int fault = FaultOf(FileOp::kRename, from)) return FailErrno(what, fault);
  if (::rename(from.c_str(), to.c_str()) != 0) return FailErrno(what, errno);
  return {};
}

Result<void> RemoveFile(const std::string& path) { return RemoveOne(path, false); }

Result<void> RemoveTree(const std::string& path) {
  bool directory = IsDirectory(path);
  if (directory) {
    for (const std::string& name : TRY(ListDirectory(path)))
      TRY(RemoveTree(StrCat(path, "/", name)));
  }
  return RemoveOne(path, directory);
}

Result<void> LinkTree(const std::string& from, const std::string& to) {
  if (!IsDirectory(from)) return LinkOne(from, to);
  TRY(MakeDirectories(to));
  for (const std::string& name : TRY(ListDirectory(from))) {
    TRY(LinkTree(StrCat(from, "/", name), StrCat(to, "/", name)));
  }
  return SyncDirectory(to);
}

Result<void> MakeDirectories(const std::string& path) {
  if (int fault = FaultOf(FileOp::kMakeDirectory, path)) return FailErrno(path, fault);
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    std::string prefix = path.substr(0, end);
    if (::mkdir(prefix.c_str(), 0755) != 0 && errno != EEXIST) {
      int err = errno;
      struct stat st {};
      if (::stat(prefix.c_str(), &st) != 0) return FailErrno(StrCat("mkdir ", prefix), err);
    }
    if (end == std::string::npos) break;
  }
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return FailErrno(StrCat("stat ", path), errno);
  if (!S_ISDIR(st.st_mode)) return FailErrno(path, ENOTDIR);
  return {};
}

Result<void> SyncDirectory(const std::string& path) {
  File directory = TRY(File::Open(path, O_RDONLY | O_DIRECTORY));
  if (int fault = FaultOf(FileOp::kSync, path)) return FailErrno(StrCat("fsync ", path), fault);
  if (::fsync(directory.fd()) != 0) return FailErrno(StrCat("fsync ", path), errno);
  return {};
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  if (int fault = FaultOf(FileOp::kList, path)) {
    return FailErrno(StrCat("open directory ", path), fault);
  }
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return FailErrno(StrCat("open directory ", path), errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<DirectoryLock> DirectoryLock::Acquire(const std::string& directory, std::string_view name) {
  std::string path = StrCat(directory, "/", name);
  File file = TRY(File::Open(path, O_RDWR | O_CREAT, 0644));
  // flock(2) is what Prometheus takes on this file, so the two programs keep each other out.
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) == 0) {
    TRY_CONTEXT(file.Truncate(0), path);
    TRY_CONTEXT(file.WriteAll(StrCat(::getpid(), "\n")), path);
    return DirectoryLock(std::move(file));
  }
  int err = errno;
  if (err != EWOULDBLOCK) return FailErrno(StrCat("lock ", path), err);
  auto holder = ReadFile(path, 64);  // empty when the holder is Prometheus
  auto pid = holder ? ParseInt<int>(TrimSpace(*holder)) : std::nullopt;
  return Fail(ErrorCode::kUnavailable,
              StrCat("data directory ", directory, " is in use by another server",
                     pid ? StrCat(" (process ", *pid, ")") : std::string(),
                     ": stop it or give another --storage.tsdb.path"));
}

}  // namespace slurmscope::base
