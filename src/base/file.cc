#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/strings.h"

namespace slurmscope::base {
namespace {

std::string ParentDirectory(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Result<File> File::Open(const std::string& path, int flags, mode_t mode) {
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
  while (!data.empty()) {
    ssize_t n = ::write(fd_, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("write", errno);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<size_t> File::ReadAt(char* buffer, size_t size, uint64_t offset) const {
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
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return FailErrno("truncate", errno);
  return {};
}

Result<void> File::Sync() {
  if (::fdatasync(fd_) != 0) return FailErrno("fdatasync", errno);
  return {};
}

Result<std::string> ReadFile(const std::string& path, uint64_t limit) {
  File file = TRY(File::Open(path, O_RDONLY));
  std::string content;
  constexpr size_t kStep = 64 * 1024;
  while (true) {
    size_t old_size = content.size();
    content.resize(old_size + kStep);
    size_t n = TRY_CONTEXT(file.ReadAt(content.data() + old_size, kStep, old_size), path);
    content.resize(old_size + n);
    if (content.size() > limit) {
      return Fail(ErrorCode::kResourceExhausted,
                  StrCat(path, ": larger than the limit of ", limit, " bytes"));
    }
    if (n < kStep) return content;
  }
}

Result<void> WriteFileAtomic(const std::string& path, std::string_view data, mode_t mode) {
  std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());  // one left by a crash would keep its own mode
  File file = TRY(File::Open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
  TRY_CONTEXT(file.WriteAll(data), temporary);
  TRY_CONTEXT(file.Sync(), temporary);
  file.Close();
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return FailErrno(StrCat("rename to ", path), errno);
  return SyncDirectory(ParentDirectory(path));
}

Result<void> MakeDirectories(const std::string& path) {
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
  if (::fsync(directory.fd()) != 0) return FailErrno(StrCat("fsync ", path), errno);
  return {};
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
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
