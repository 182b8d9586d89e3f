#include "base/version.h"

#include "base/strings.h"

namespace slurmscope::base {

std::string_view Version() { return SLURMSCOPE_VERSION; }
std::string_view Revision() { return SLURMSCOPE_REVISION; }
std::string_view Branch() { return SLURMSCOPE_BRANCH; }

std::string CompilerVersion() {
#if defined(__clang__)
  return StrCat("clang", __clang_major__, ".", __clang_minor__);
#else
  return StrCat("g++", __GNUC__, ".", __GNUC_MINOR__);
#endif
}

std::string VersionText(std::string_view program) {
  return StrCat(program, ", version ", Version(), " (branch: ", Branch(),
                ", revision: ", Revision(), ")\n  compiler:         ", CompilerVersion(),
                "\n  platform:         linux\n");
}

}  // namespace slurmscope::base
