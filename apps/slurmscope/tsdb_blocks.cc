// slurmscope tsdb list, slurmscope tsdb create-blocks-from
#include <cstdio>

#include "base/clock.h"
#include "base/strings.h"
#include "openmetrics_import.h"
#include "progress.h"
#include "tsdb/backfill.h"
#include "tsdb/mapped_file.h"
#include "tsdb/read_only_db.h"
#include "tsdb_flags.h"
#include "tsdb_print.h"
#include "tsdb_text.h"
#include "tsdb_verbs.h"

namespace slurmscope::app {
namespace {

using base::Result;
using base::StrCat;

constexpr const char* kListHelp =
    R"(Usage: slurmscope tsdb list [-r] [DATA]

Lists the blocks of a data directory (data/ if not given) by time: one line each with the first and the last time in
milliseconds (the last one is not in the block any more), how long that is, and what is in it. The newest two to three
hours are in no block yet but in the write-ahead log, which is not shown.

  -r, --human-readable   times as dates, sizes in KiB, MiB, ...

The directory may be in use. A block that cannot be read is named on standard error, and the exit code is 1.
)";

constexpr const char* kCreateHelp =
    R"(Usage: slurmscope tsdb create-blocks-from openmetrics [flags] FILE [DATA]

Writes the samples of an OpenMetrics text as blocks into a data directory (data/ if not given), which gives a server a
past: data of another system, or what `tsdb dump-openmetrics` wrote. Each sample needs a timestamp in seconds, and the
file ends with # EOF:

  # TYPE node_load1 gauge
  node_load1{instance="n1"} 0.52 1700000000
  node_load1{instance="n1"} 0.61 1700000015
  # EOF

The file is read once. Samples may come in any order (fastest by time within a series); two values of a series at one
time are an error. Memory: about 3 bytes a sample. Write into an empty directory and move the blocks, or stop the server:
it finds new blocks when it starts. Blocks older than the server's retention are deleted by it.

  -r, --human-readable           times as dates, sizes in KiB, MiB, ...
  -q, --quiet                    no list of the blocks that were written
      --max-block-duration=2h    wider blocks, for years of data: the widest of 2h, 6h, 18h, 54h, ... that is not over it
      --label=NAME=VALUE         a label for every series; may be repeated

Exit code 0: all samples are in blocks. 1: an error, named with its line; before the first block is written, nothing is.
)";

std::vector<std::string> HeaderRow() {
  return {"BLOCK ULID",  "MIN TIME",   "MAX TIME",   "DURATION",
          "NUM SAMPLES", "NUM CHUNKS", "NUM SERIES", "SIZE"};
}

std::vector<std::string> BlockRow(const tsdb::BlockMeta& meta, uint64_t bytes, bool human) {
  auto time = [&](int64_t ms) { return human ? GoTime(ms) : std::to_string(ms); };
  return {meta.ulid,
          time(meta.min_time),
          time(meta.max_time),
          GoDuration(meta.max_time - meta.min_time),
          std::to_string(meta.stats.samples),
          std::to_string(meta.stats.chunks),
          std::to_string(meta.stats.series),
          human ? Base2Bytes(bytes) : std::to_string(bytes)};
}

std::string CountText(uint64_t n, std::string_view what) {
  return StrCat(n, " ", what, n == 1 ? "" : "s");
}

Result<void> CreateBlocks(const CreateBlocksArgs& args) {
  tsdb::MappedFile file = TRY(tsdb::MappedFile::Open(args.input));
  std::string_view text = file.view();
  tsdb::Backfill backfill(tsdb::BackfillBlockWidth(args.max_block_ms));
  Progress progress("reading " + args.input);
  auto on_read = [&](size_t bytes) {
    progress.Update(bytes, text.size(), CountText(backfill.samples(), "sample"));
  };
  TRY_CONTEXT(ReadOpenMetrics(text, args.labels, on_read, backfill), args.input);
  progress.Rename("writing blocks");
  return backfill.Write(args.output, base::SystemClock().NowMs(),
                        [&](const tsdb::Backfill::Written& block) {
                          progress.Update(block.number, block.total);
                          if (args.quiet) return;
                          std::vector<std::vector<std::string>> rows;
                          if (block.number == 1) rows.push_back(HeaderRow());
                          rows.push_back(BlockRow(block.meta, block.bytes, args.human_readable));
                          std::fputs(AlignColumns(rows).c_str(), stdout);
                          std::fflush(stdout);
                        });
}

}  // namespace

int RunTsdbList(const std::vector<std::string>& args) {
  auto parsed = ParseListArgs(args);
  if (!parsed) return FailArgs(parsed.error(), "list", kListHelp);
  auto db = tsdb::ReadOnlyDb::Open(parsed->path, false);
  if (!db) return FailWith(db.error());
  std::vector<std::vector<std::string>> rows = {HeaderRow()};
  for (const tsdb::BlockPtr& block : (*db)->blocks()) {
    rows.push_back(BlockRow(block->meta(), block->bytes(), parsed->human_readable));
  }
  std::fputs(AlignColumns(rows).c_str(), stdout);
  for (const tsdb::UnreadableBlock& block : (*db)->unreadable()) {
    std::fprintf(stderr, "block %s cannot be read: %s\n", block.ulid.c_str(),
                 block.problem.c_str());
  }
  return (*db)->unreadable().empty() ? 0 : 1;
}

int RunTsdbCreateBlocks(const std::vector<std::string>& args) {
  constexpr std::string_view kVerb = "create-blocks-from openmetrics";
  auto is_help = [](const std::string& arg) { return arg == "--help" || arg == "-h"; };
  if (args.empty() || is_help(args[0])) {
    std::fputs(kCreateHelp, args.empty() ? stderr : stdout);
    return args.empty() ? 1 : 0;
  }
  if (args[0] == "rules") {
    std::fputs(
        "slurmscope tsdb create-blocks-from: recording rules cannot be backfilled with this "
        "version.\nAsk the expressions with /api/v1/query_range and import the answers with "
        "create-blocks-from openmetrics.\n",
        stderr);
    return 1;
  }
  if (args[0] != "openmetrics") {
    std::fprintf(stderr,
                 "slurmscope tsdb create-blocks-from: the only source is openmetrics, not %s\n",
                 base::Quote(args[0]).c_str());
    return 1;
  }
  auto parsed = ParseCreateBlocksArgs({args.begin() + 1, args.end()});
  if (!parsed) return FailArgs(parsed.error(), kVerb, kCreateHelp);
  auto created = CreateBlocks(*parsed);
  return created ? 0 : FailWith(created.error());
}

}  // namespace slurmscope::app
