#include "agent/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "agent/progress.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr size_t kFirstBuffer = 32 << 10;
constexpr size_t kLargest = 64 << 20;

// What getdents64 gave, one entry behind the other, and the names in it. Not filled with zeros:
// most of it is never touched.
struct Listing {
  std::unique_ptr<char[]> bytes{new char[kFirstBuffer]};
  size_t room = kFirstBuffer;
  std::vector<std::string_view> names;
};

void MakeRoom(Listing& listing, size_t used) {
  std::unique_ptr<char[]> bytes(new char[2 * listing.room]);
  std::copy_n(listing.bytes.get(), used, bytes.get());
  listing.bytes = std::move(bytes);
  listing.room *= 2;
}

// errno of what went wrong, 0 when nothing did.
int ReadAll(int fd, Listing& listing, size_t& size) {
  size = 0;
  if (::lseek(fd, 0, SEEK_SET) != 0) return errno;
  for (;;) {
    const ssize_t n = ::getdents64(fd, listing.bytes.get() + size, listing.room - size);
    if (n == 0) return 0;
    const int error = n < 0 ? errno : 0;
    // EINVAL: no room for the next entry.
    if (n < 0 && error != EINVAL) return error;
    if (n > 0) size += static_cast<size_t>(n);
    if (n > 0 && listing.room - size > sizeof(dirent64)) continue;
    if (listing.room >= kLargest) return EFBIG;
    MakeRoom(listing, size);
  }
}

void FindNames(Listing& listing, size_t size) {
  listing.names.clear();
  for (size_t at = 0; at + offsetof(dirent64, d_name) < size;) {
    const char* entry = listing.bytes.get() + at;
    uint16_t length = 0;
    std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
    const std::string_view name = entry + offsetof(dirent64, d_name);
    if (name != "." && name != "..") listing.names.push_back(name);
    at += length;
  }
  std::sort(listing.names.begin(), listing.names.end());
}

}  // namespace

base::Result<void> Directory::Open() {
  file_ = base::File(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file_.is_open()) return base::FailErrno(base::StrCat("open directory ", path_), errno);
  struct statfs fs {};
  of_kernel_ = ::fstatfs(file_.fd(), &fs) == 0 &&
               (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
  return {};
}

base::Result<std::span<const std::string_view>> Directory::List() {
  NotePath(path_);
  thread_local Listing listing;
  size_t size = 0;
  if (file_.is_open() && ReadAll(file_.fd(), listing, size) == 0) {
    FindNames(listing, size);
    // One that was removed is empty, and there may be a new one of that name.
    if (!listing.names.empty()) return listing.names;
  }
  TRY(Open());
  if (const int error = ReadAll(file_.fd(), listing, size); error != 0) {
    file_.Close();
    return base::FailErrno(base::StrCat("list directory ", path_), error);
  }
  FindNames(listing, size);
  return listing.names;
}

}  // namespace slurmscope::agent
