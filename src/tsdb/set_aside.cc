#include "tsdb/set_aside.h"

#include <fcntl.h>

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using base::StrCat;

constexpr uint64_t kMaxTailBytes = uint64_t{1} << 30;

}  // namespace

Result<std::string> MakeCorruptDirectory(const std::string& directory) {
  std::vector<std::string> names = TRY(base::ListDirectory(directory));
  for (uint64_t n = 1;; ++n) {
    std::string name = StrCat("corrupt-", n);
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string path = StrCat(directory, "/", name);
    TRY(base::MakeDirectories(path));
    return path;
  }
}

Result<void> SaveTail(const std::string& path, uint64_t from, const std::string& to) {
  base::File file = TRY(base::File::Open(path, O_RDONLY));
  uint64_t size = TRY_CONTEXT(file.Size(), path);
  std::string tail(std::min(size - std::min(from, size), kMaxTailBytes), '\0');
  tail.resize(TRY_CONTEXT(file.ReadAt(tail.data(), tail.size(), from), path));
  return base::WriteFileAtomic(to, tail);
}

Result<void> CutFile(const std::string& path, uint64_t size) {
  base::File file = TRY(base::File::Open(path, O_WRONLY));
  TRY_CONTEXT(file.Truncate(size), path);
  TRY_CONTEXT(file.Sync(), path);
  return {};
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace slurmscope::tsdb
