#pragma once

#include <string>
#include <string_view>

namespace slurmscope::base {

// What was built: project version, git revision and branch, compiler.
std::string_view Version();
std::string_view Revision();
std::string_view Branch();
std::string CompilerVersion();

// The answer to --version: "slurmscope, version 0.1.0 (branch: main, revision: ...)" and the build
// lines below it.
std::string VersionText(std::string_view program);

}  // namespace slurmscope::base
