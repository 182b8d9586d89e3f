#include "agent/attr_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <span>
#include <utility>

#include "agent/progress.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr unsigned kReadsBetweenLooks = 16;
constexpr size_t kMostBytes = 64 << 10;

std::atomic<size_t> g_kept_open{0};
thread_local bool t_look_again = false;

size_t MostKeptOpen() {
  static const size_t most = [] {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<size_t>(limit.rlim_cur / 2) : 0;
  }();
  return most;
}

// A failed read is usual (the speed of a network device that is down), so it costs no error text.
ssize_t Pread(int fd, std::span<char> buffer) {
  ssize_t n = 0;
  do {
    n = ::pread(fd, buffer.data(), buffer.size(), 0);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

LookAgainScope::LookAgainScope() : outer_(std::exchange(t_look_again, true)) {}

LookAgainScope::~LookAgainScope() { t_look_again = outer_; }

AttrFile& AttrFile::operator=(AttrFile&& other) noexcept {
  Close();
  path_ = std::move(other.path_);
  file_ = std::move(other.file_);
  keep_open_ = std::exchange(other.keep_open_, false);
  of_kernel_ = other.of_kernel_;
  skip_ = other.skip_;
  text_ = std::move(other.text_);
  return *this;
}

bool AttrFile::Open() {
  if (skip_ > 0 && !t_look_again) {
    --skip_;
    return false;
  }
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (!t_look_again) skip_ = kReadsBetweenLooks - 1;
    return false;
  }
  file_ = base::File(fd);
  struct statfs fs {};
  struct stat status {};
  of_kernel_ = ::fstatfs(fd, &fs) == 0 &&
               (fs.f_type == SYSFS_MAGIC || fs.f_type == PROC_SUPER_MAGIC ||
                fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
  const bool may_keep = of_kernel_ || (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode));
  keep_open_ = may_keep && g_kept_open.load(std::memory_order_relaxed) < MostKeptOpen();
  if (keep_open_) g_kept_open.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void AttrFile::Close() {
  if (keep_open_ && file_.is_open()) g_kept_open.fetch_sub(1, std::memory_order_relaxed);
  file_.Close();
}

std::optional<std::string_view> AttrFile::Read() {
  const auto bytes = Raw();
  return bytes ? std::optional(base::TrimSpace(*bytes)) : std::nullopt;
}

std::optional<std::string_view> AttrFile::Raw() {
  // Not an array, with whose pages each thread would be born.
  thread_local const std::unique_ptr<char[]> memory(new char[kMostBytes]);
  const std::span<char> buffer(memory.get(), kMostBytes);
  NotePath(path_);
  if (file_.is_open() && !of_kernel_ && file_.IsUnlinked()) Close();
  const bool was_open = file_.is_open();
  if (!was_open && !Open()) return std::nullopt;
  ssize_t size = Pread(file_.fd(), buffer);
  if (size < 0 && was_open) {
    // The device behind an open file may have gone and come back.
    Close();
    if (!Open()) return std::nullopt;
    size = Pread(file_.fd(), buffer);
  }
  if (!keep_open_) Close();
  if (size < 0) return std::nullopt;
  return std::string_view(buffer.data(), static_cast<size_t>(size));
}

const std::string& AttrFile::Text() {
  if (!text_) text_ = std::make_unique<std::string>();
  text_->assign(Read().value_or(""));
  return *text_;
}

std::optional<double> AttrFile::Number() {
  const auto text = Read();
  return text ? ParseAttrNumber(*text) : std::nullopt;
}

std::optional<double> ParseAttrNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  const auto value = base::ParseInt<uint64_t>(text, hex ? 16 : 10);
  if (!value || (hex && *value == UINT64_MAX)) return std::nullopt;
  return negative ? -static_cast<double>(*value) : static_cast<double>(*value);
}

AttrFamilies::AttrFamilies(FamilySet& out, std::span<const AttrSpec> table,
                           const LabelNames& labels)
    : out_(out), table_(table), families_(table.size()) {
  for (size_t i = 0; i < labels.size(); ++i) labels_.emplace_back(labels[i]);
}

Family& AttrFamilies::Of(size_t row) {
  Family*& family = families_[row];
  if (family == nullptr) {
    const AttrSpec& spec = table_[row];
    family = &out_.Get(spec.name, spec.help, spec.type, labels_);
  }
  return *family;
}

AttrFiles::AttrFiles(const std::string& directory, AttrFamilies& families) : families_(families) {
  files_.reserve(families.table_.size());
  for (const AttrSpec& spec : families.table_) {
    files_.emplace_back(base::StrCat(directory, "/", spec.file));
  }
}

size_t AttrFiles::Set(std::initializer_list<std::string_view> labels) {
  size_t count = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    const auto value = files_[i].Number();
    if (!value) continue;
    const AttrSpec& spec = families_.table_[i];
    families_.Of(i).Set(labels, *value * spec.factor / spec.divisor);
    ++count;
  }
  return count;
}

}  // namespace slurmscope::agent
