#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::app {

// The arguments of the `tsdb` verbs, as promtool has them. Parsers give kInvalidArgument with what
// is wrong, and kNotFound with nothing when help is asked for.
using Args = std::vector<std::string>;

struct ListArgs {
  std::string path = "data/";
  bool human_readable = false;
};
base::Result<ListArgs> ParseListArgs(const Args& args);

struct AnalyzeArgs {
  std::string path = "data/";
  std::string block;  // empty: the last one
  std::string match;  // empty: all series
  uint64_t limit = 20;
  bool extended = false;
};
base::Result<AnalyzeArgs> ParseAnalyzeArgs(const Args& args);

struct DumpArgs {
  std::string path = "data/";
  std::vector<std::string> match;
  int64_t min_time = std::numeric_limits<int64_t>::min();
  int64_t max_time = std::numeric_limits<int64_t>::max();
  bool series_only = false;  // --format=seriesjson
};
// With `formats` the flag --format is known.
base::Result<DumpArgs> ParseDumpArgs(const Args& args, bool formats);

struct CreateBlocksArgs {
  std::string input;
  std::string output = "data/";
  int64_t max_block_ms = 0;
  std::vector<std::pair<std::string, std::string>> labels;
  bool human_readable = false;
  bool quiet = false;
};
base::Result<CreateBlocksArgs> ParseCreateBlocksArgs(const Args& args);

struct VerifyArgs {
  std::string path = "data/";
  bool quiet = false;
};
base::Result<VerifyArgs> ParseVerifyArgs(const Args& args);

}  // namespace slurmscope::app
