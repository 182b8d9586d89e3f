#include "agent/proc_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "agent/progress.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr size_t kFirstBuffer = 1024;
constexpr size_t kLargestFile = 64u << 20;

}  // namespace

Result<void> ProcFile::Open() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENODEV)) {
    return base::Fail(base::ErrorCode::kNotFound, base::StrCat(path_, ": no such file"));
  }
  if (fd < 0) return base::FailErrno(path_, errno);
  file_ = base::File(fd);
  struct statfs fs {};
  struct stat status {};
  const bool known = ::fstatfs(fd, &fs) == 0;
  of_kernel_ = known && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
  // FUSE may serve what it made when the file was opened, as lxcfs does with /proc.
  keep_open_ = of_kernel_ || (known && fs.f_type != FUSE_SUPER_MAGIC && ::fstat(fd, &status) == 0 &&
                              S_ISREG(status.st_mode));
  return {};
}

Result<std::string_view> ProcFile::ReadOpen() {
  if (buffer_.empty()) buffer_.resize(kFirstBuffer);
  for (size_t size = 0;;) {
    const size_t n =
        TRY_CONTEXT(file_.ReadAt(buffer_.data() + size, buffer_.size() - size, size), path_);
    size += n;
    if (size < buffer_.size()) return std::string_view(buffer_).substr(0, size);
    if (size >= kLargestFile) {
      std::string().swap(buffer_);  // an assignment would keep its memory
      return base::Fail(base::ErrorCode::kResourceExhausted, base::StrCat(path_, ": too large"));
    }
    buffer_.resize(buffer_.size() * 2);
  }
}

Result<std::string_view> ProcFile::Read() {
  NotePath(path_);
  if (file_.is_open() && !of_kernel_ && file_.IsUnlinked()) file_.Close();
  if (file_.is_open()) {
    if (auto text = ReadOpen()) return text;
    file_.Close();
  }
  TRY(Open());
  auto text = ReadOpen();
  if (!text || !keep_open_) file_.Close();
  return text;
}

Result<std::string_view> ProcFile::ReadTrimmed() { return base::TrimSpace(TRY(Read())); }

Result<uint64_t> ProcFile::ReadUint() {
  const std::string_view text = TRY(ReadTrimmed());
  if (const auto value = base::ParseInt<uint64_t>(text)) return *value;
  return base::Fail(base::ErrorCode::kCorruption,
                    base::StrCat(path_, ": not a number: ", base::Quote(text.substr(0, 40))));
}

void SharedProcFile::BeginScrape() {
  // A reader stuck in the kernel holds the lock; it shall not hold the scrape too.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock) fresh_ = false;
}

Result<std::shared_ptr<const std::string>> SharedProcFile::Read() {
  NotePath(file_.path());  // another reader may be stuck in it
  const std::lock_guard lock(mutex_);
  if (fresh_) return text_;
  const std::string_view text = TRY(file_.Read());
  if (text_.use_count() > 1) text_ = std::make_shared<std::string>();
  text_->assign(text);
  fresh_ = true;
  return text_;
}

}  // namespace slurmscope::agent
