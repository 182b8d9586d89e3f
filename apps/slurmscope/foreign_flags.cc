#include "foreign_flags.h"

#include <CLI/CLI.hpp>

#include "base/strings.h"

namespace slurmscope::app {
namespace {

using base::StrCat;

// Flags of Prometheus 3.14 that a site's unit file may carry and that change nothing here, with the
// reason.
struct InertFlag {
  const char* name;
  bool is_switch;
  const char* reason;
};
constexpr const char* kOneBinary = "the pages are built into the program";
constexpr const char* kNoGo = "this program has no Go runtime";
constexpr const char* kBlocksFixed = "how blocks are written is built in";
constexpr const char* kNoAgentMode = "agent mode is not in this version";
constexpr const char* kScrapeFixed = "its default is built in";
constexpr InertFlag kInertFlags[] = {
    {"auto-gomaxprocs", true, kNoGo},
    {"auto-gomemlimit", true, kNoGo},
    {"auto-gomemlimit.ratio", false, kNoGo},
    {"auto-gomemlimit.refresh-interval", false, kNoGo},
    {"web.user-assets", false, kOneBinary},
    {"web.console.templates", false, kOneBinary},
    {"web.console.libraries", false, kOneBinary},
    {"web.page-title", false, kOneBinary},
    {"web.search.max-limit", false, "there is no search API in this version"},
    {"storage.tsdb.max-block-chunk-segment-size", false, kBlocksFixed},
    {"storage.tsdb.allow-overlapping-compaction", true, kBlocksFixed},
    {"storage.tsdb.delayed-compaction.max-percent", false, kBlocksFixed},
    {"storage.tsdb.delay-compact-file.path", false, kBlocksFixed},
    {"storage.tsdb.head-chunks-write-queue-size", false, "full chunks are written once a second"},
    {"storage.tsdb.samples-per-chunk", false, "chunks hold 120 samples"},
    {"storage.agent.path", false, kNoAgentMode},
    {"storage.agent.wal-compression", true, kNoAgentMode},
    {"storage.agent.wal-compression-type", false, kNoAgentMode},
    {"storage.agent.wal-segment-size", false, kNoAgentMode},
    {"storage.agent.wal-truncate-frequency", false, kNoAgentMode},
    {"storage.agent.retention.min-time", false, kNoAgentMode},
    {"storage.agent.retention.max-time", false, kNoAgentMode},
    {"storage.agent.checkpoint-from-in-memory-series", true, kNoAgentMode},
    {"storage.agent.checkpoint-batch-size", false, kNoAgentMode},
    {"storage.agent.no-lockfile", true, kNoAgentMode},
    {"scrape.adjust-timestamps", true, kScrapeFixed},
    {"scrape.timestamp-tolerance", false, kScrapeFixed},
    {"scrape.discovery-reload-interval", false, kScrapeFixed},
};

// Flags whose silent loss would expose a site or answer otherwise than it expects.
struct RefusedFlag {
  const char* name;
  bool is_switch;
  const char* reason;
};
constexpr RefusedFlag kRefusedFlags[] = {
    {"agent", true, kNoAgentMode},
};

}  // namespace

// Flags without effect are not in --help: that would only hide those that have one.
void AddForeignFlags(CLI::App& app, ServeFlags& flags) {
  app.option_defaults()->group("");
  for (const InertFlag& inert : kInertFlags) {
    std::string name = inert.name;
    auto note = [&flags, inert] {
      flags.notes.push_back(StrCat("--", inert.name, " has no effect here: ", inert.reason));
    };
    if (inert.is_switch) {
      app.add_flag_function(StrCat("--", name, ",!--no-", name), [note](int64_t) { note(); });
    } else {
      app.add_option_function<std::vector<std::string>>("--" + name,
                                                        [note](const auto&) { note(); });
    }
  }
  for (const RefusedFlag& refused : kRefusedFlags) {
    std::string name = refused.name;
    auto refuse = [name, refused] { throw CLI::ValidationError("--" + name, refused.reason); };
    if (refused.is_switch) {
      app.add_flag_function("--" + name, [refuse](int64_t) { refuse(); });
    } else {
      app.add_option_function<std::string>("--" + name, [refuse](const std::string&) { refuse(); });
    }
  }
}

}  // namespace slurmscope::app
