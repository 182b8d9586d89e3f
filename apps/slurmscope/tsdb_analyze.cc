// slurmscope tsdb analyze
#include <algorithm>
#include <cstdio>
#include <numeric>

#include "base/strings.h"
#include "promql/parser.h"
#include "tsdb/block_analysis.h"
#include "tsdb/read_only_db.h"
#include "tsdb_flags.h"
#include "tsdb_print.h"
#include "tsdb_text.h"
#include "tsdb_verbs.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrAppend;
using base::StrCat;

constexpr const char* kHelp =
    R"(Usage: slurmscope tsdb analyze [flags] [DATA] [BLOCK]

Shows what fills a block of a data directory (data/ if not given): which labels have many values, which metrics many
series, and which labels come and go ("churn"): series that cover only part of the block's time. BLOCK is an id that `tsdb
list` shows; the last block if not given.

      --limit=20         lines in each list
      --match=SELECTOR   only series that match, e.g. --match='{job="node"}'
      --extended         also how many samples and bytes the chunks have; reads all of them

How to read it: a label with thousands of values (a process id, a URL, a job number) that tops "Highest cardinality
labels" and the churn lists is what costs memory and makes queries slow; drop it with metric_relabel_configs.
)";

void AppendList(std::string& out, std::string_view title,
                const std::vector<tsdb::NamedCount>& counts, uint64_t limit) {
  StrAppend(out, "\n", title, ":\n");
  for (size_t i = 0; i < counts.size() && i < limit; ++i) {
    StrAppend(out, counts[i].count, " ", counts[i].name, "\n");
  }
}

std::string PadLeft(uint64_t number, size_t width) {
  std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), ' ') + digits : digits;
}

// Ten buckets or so, of a power of ten each; a # for each per cent of all chunks.
void AppendHistogram(std::string& out, std::string_view what, std::vector<uint64_t> numbers,
                     uint64_t all_chunks) {
  if (numbers.empty()) {
    StrAppend(out, what, ": N/A\n\n");
    return;
  }
  auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  uint64_t width = 10;
  while (width < (*high - *low) / 10 && width <= 10'000) width *= 10;
  uint64_t start = *low - *low % width;
  uint64_t end = *high - *high % width + width;
  std::vector<uint64_t> buckets((end - start) / width + 1);
  for (uint64_t number : numbers) ++buckets[(number - start) / width];
  uint64_t sum = std::accumulate(numbers.begin(), numbers.end(), uint64_t{0});
  StrAppend(out, what, " (min/avg/max): ", *low, "/", sum / numbers.size(), "/", *high, "\n");
  size_t left = std::to_string(end).size();
  size_t right = std::to_string(end + width).size();
  size_t counts = std::to_string(*std::max_element(buckets.begin(), buckets.end())).size();
  for (size_t i = 0; i < buckets.size(); ++i) {
    StrAppend(out, "[", PadLeft(i * width + start + 1, left), ", ",
              PadLeft((i + 1) * width + start, right), "]: ", PadLeft(buckets[i], counts), " ",
              std::string(100 * buckets[i] / all_chunks, '#'), "\n");
  }
  out += '\n';
}

void AppendChunks(std::string& out, const tsdb::BlockAnalysis& analysis) {
  uint64_t all = analysis.float_samples.size() + analysis.histogram_samples.size();
  out += "\nCompaction analysis:\n\n";
  AppendHistogram(out, "samples per float chunk", analysis.float_samples, all);
  AppendHistogram(out, "bytes per float chunk", analysis.float_bytes, all);
  AppendHistogram(out, "samples per histogram chunk", analysis.histogram_samples, all);
  AppendHistogram(out, "bytes per histogram chunk", analysis.histogram_bytes, all);
  AppendHistogram(out, "buckets per histogram chunk", analysis.histogram_buckets, all);
}

std::string Report(const tsdb::BlockMeta& meta, const tsdb::BlockAnalysis& analysis,
                   const AnalyzeArgs& args) {
  std::string out =
      StrCat("Block ID: ", meta.ulid, "\nDuration: ", GoDuration(meta.max_time - meta.min_time),
             "\nTotal Series: ", meta.stats.series, "\n");
  if (!args.match.empty()) StrAppend(out, "Matcher: ", args.match, "\n");
  StrAppend(out, "Label names: ", analysis.label_names, "\n");
  if (!args.match.empty()) StrAppend(out, "Matched series: ", analysis.matched_series, "\n");
  StrAppend(out, "Postings (unique label pairs): ", analysis.label_pairs,
            "\nPostings entries (total label pairs): ", analysis.postings_entries, "\n");
  uint64_t limit = args.limit;
  AppendList(out, "Label pairs most involved in churning", analysis.churn_by_pair, limit);
  AppendList(out, "Label names most involved in churning", analysis.churn_by_name, limit);
  AppendList(out, "Most common label pairs", analysis.series_by_pair, limit);
  AppendList(out, "Label names with highest cumulative label value length",
             analysis.value_bytes_by_name, limit);
  AppendList(out, "Highest cardinality labels", analysis.values_by_name, limit);
  AppendList(out, "Highest cardinality metric names", analysis.series_by_metric, limit);
  if (args.extended) AppendChunks(out, analysis);
  return out;
}

Result<tsdb::BlockPtr> FindBlock(const tsdb::ReadOnlyDb& db, const std::string& ulid) {
  for (const tsdb::UnreadableBlock& block : db.unreadable()) {
    if (ulid.empty() || block.ulid == ulid) {
      return Fail(ErrorCode::kCorruption,
                  StrCat("block ", block.ulid, " cannot be read: ", block.problem));
    }
  }
  if (ulid.empty() && !db.blocks().empty()) return db.blocks().back();
  for (const tsdb::BlockPtr& block : db.blocks()) {
    if (block->meta().ulid == ulid) return block;
  }
  if (!ulid.empty()) {
    return Fail(ErrorCode::kNotFound, StrCat("there is no block ", ulid, "; see tsdb list"));
  }
  return Fail(ErrorCode::kNotFound,
              "there are no blocks: the first one is written when the head is three hours old");
}

Result<std::string> Analyze(const AnalyzeArgs& args) {
  std::vector<model::Matcher> matchers;
  if (!args.match.empty()) {
    matchers = TRY_CONTEXT(promql::ParseAnySelector(args.match), "--match");
  }
  auto db = TRY(tsdb::ReadOnlyDb::Open(args.path, false));
  tsdb::BlockPtr block = TRY(FindBlock(*db, args.block));
  auto analysis = TRY(tsdb::AnalyzeBlock(*block, matchers, args.extended));
  return Report(block->meta(), analysis, args);
}

}  // namespace

int RunTsdbAnalyze(const std::vector<std::string>& args) {
  auto parsed = ParseAnalyzeArgs(args);
  if (!parsed) return FailArgs(parsed.error(), "analyze", kHelp);
  auto report = Analyze(*parsed);
  if (!report) return FailWith(report.error());
  std::fputs(report->c_str(), stdout);
  return 0;
}

}  // namespace slurmscope::app
