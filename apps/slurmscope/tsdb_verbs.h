#pragma once

#include <string>
#include <vector>

namespace slurmscope::app {

// `slurmscope tsdb VERB ...`, also as `promtool tsdb`. Arguments after `tsdb`; exit code. Prints
// answers on standard output, errors and progress on standard error.
int RunTsdb(const std::vector<std::string>& args);

// One each, arguments after the verb.
int RunTsdbList(const std::vector<std::string>& args);
int RunTsdbAnalyze(const std::vector<std::string>& args);
int RunTsdbDump(const std::vector<std::string>& args);
int RunTsdbDumpOpenMetrics(const std::vector<std::string>& args);
int RunTsdbCreateBlocks(const std::vector<std::string>& args);
int RunTsdbVerify(const std::vector<std::string>& args);

}  // namespace slurmscope::app
