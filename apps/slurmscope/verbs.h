#pragma once

#include <string>
#include <vector>

namespace slurmscope::app {

// One function per verb: arguments after the verb, exit code. They print errors themselves.
int RunServe(const std::vector<std::string>& args);
int RunCheck(const std::vector<std::string>& args);
int RunTest(const std::vector<std::string>& args);

}  // namespace slurmscope::app
