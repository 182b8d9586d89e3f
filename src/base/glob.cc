#include "base/glob.h"

#include <glob.h>

namespace slurmscope::base {

std::vector<std::string> Glob(const std::string& pattern, size_t limit, bool* cut) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc && i < limit; ++i) paths.emplace_back(found.gl_pathv[i]);
  }
  if (cut != nullptr) *cut = found.gl_pathc > limit;
  ::globfree(&found);
  return paths;
}

}  // namespace slurmscope::base
