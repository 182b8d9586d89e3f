// slurmscope tsdb: the verbs that work on a data directory.
#include <array>
#include <cstdio>
#include <string_view>

#include "base/strings.h"
#include "tsdb_verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kHelp =
    R"(Usage: slurmscope tsdb VERB [flags] [DATA]

Works on a data directory of Slurmscope or Prometheus. Also as `promtool tsdb`, with promtool's arguments and output, when
a link of that name points to this program.

  list                             the blocks: times, samples, series, size
  analyze [DATA] [BLOCK]           what fills a block: labels with many values, series that come and go
  dump                             samples as text
  dump-openmetrics                 samples as OpenMetrics text, for create-blocks-from
  create-blocks-from openmetrics   blocks out of an OpenMetrics file: a server gets a past
  verify                           reads every file and names what is damaged

All but create-blocks-from change nothing and may be used while a server runs on the directory.
`slurmscope tsdb VERB --help` tells more.
)";

struct Verb {
  std::string_view name;
  int (*run)(const std::vector<std::string>&);
};
constexpr std::array<Verb, 6> kVerbs = {{
    {"list", RunTsdbList},
    {"analyze", RunTsdbAnalyze},
    {"dump", RunTsdbDump},
    {"dump-openmetrics", RunTsdbDumpOpenMetrics},
    {"create-blocks-from", RunTsdbCreateBlocks},
    {"verify", RunTsdbVerify},
}};

}  // namespace

int RunTsdb(const std::vector<std::string>& args) {
  if (args.empty()) {
    std::fputs(kHelp, stderr);
    return 1;
  }
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const Verb& verb : kVerbs) {
    if (verb.name == args[0]) return verb.run({args.begin() + 1, args.end()});
    names.push_back(verb.name);
  }
  std::string hint;
  if (auto near = base::NearestWord(args[0], names); !near.empty()) {
    hint = base::StrCat(", did you mean ", base::Quote(near), "?");
  }
  std::fprintf(stderr, "slurmscope tsdb: unknown verb %s%s\nTry slurmscope tsdb --help\n",
               base::Quote(args[0]).c_str(), hint.c_str());
  return 1;
}

}  // namespace slurmscope::app
