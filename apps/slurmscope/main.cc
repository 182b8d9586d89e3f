// slurmscope: the head node's program. The first argument is the verb.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/version.h"
#include "query_verbs.h"
#include "tsdb_verbs.h"
#include "verbs.h"

namespace {

constexpr std::string_view kUsage =
    R"(slurmscope - observability for Slurm GPU clusters: the head node's program

Usage: slurmscope VERB [flags]

  serve          scrape, store, answer queries (port 9090) and show the web UI (port 3000)
  check config   read configuration files and say all that is wrong with them
  check rules    the same for rule files, as promtool does
  check web-config  the same for a file of --web.config.file
  test rules     run promtool's unit tests of rules
  test promql    run PromQL test scripts
  query          ask a server: instant, range, series, labels
  tsdb           look into a data directory: list, analyze, dump, verify; fill one: create-blocks-from

  --help, -h     this text; `slurmscope VERB --help` tells a verb's flags
  --version      what this build is

Called under the name `prometheus` it is `slurmscope serve`, so a unit file of Prometheus works with only the program
swapped. Called as `promtool` it takes the verbs above.
)";

std::string_view BaseName(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

int UnknownVerb(std::string_view verb) {
  std::string hint;
  if (verb.starts_with("-")) {
    hint = "; flags come after a verb: slurmscope serve ";
    hint += verb;
  } else if (auto near =
                 slurmscope::base::NearestWord(verb, {"serve", "check", "query", "test", "tsdb"});
             !near.empty()) {
    hint = slurmscope::base::StrCat(", did you mean \"", near, "\"?");
  }
  std::fprintf(stderr, "slurmscope: unknown verb \"%.*s\"%s\nTry slurmscope --help\n",
               static_cast<int>(verb.size()), verb.data(), hint.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  if (BaseName(argv[0]) == "prometheus") return slurmscope::app::RunServe(args, true);
  if (args.empty()) {
    std::fwrite(kUsage.data(), 1, kUsage.size(), stderr);
    return 1;
  }
  std::string verb = args.front();
  args.erase(args.begin());
  if (verb == "serve") return slurmscope::app::RunServe(args);
  if (verb == "check") return slurmscope::app::RunCheck(args);
  if (verb == "query") return slurmscope::app::RunQuery(args, BaseName(argv[0]) == "promtool");
  if (verb == "test") return slurmscope::app::RunTest(args);
  if (verb == "tsdb") return slurmscope::app::RunTsdb(args);
  if (verb == "--help" || verb == "-h" || verb == "help") {
    std::fwrite(kUsage.data(), 1, kUsage.size(), stdout);
    return 0;
  }
  if (verb == "--version" || verb == "version") {
    std::fputs(slurmscope::base::VersionText("slurmscope").c_str(), stdout);
    return 0;
  }
  return UnknownVerb(verb);
}
