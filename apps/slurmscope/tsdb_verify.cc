// slurmscope tsdb verify
#include <cstdio>

#include "base/strings.h"
#include "progress.h"
#include "tsdb/verify.h"
#include "tsdb_flags.h"
#include "tsdb_print.h"
#include "tsdb_text.h"
#include "tsdb_verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kHelp =
    R"(Usage: slurmscope tsdb verify [-q] [DATA]

Reads every file of a data directory (data/ if not given) and names each fault: checksums, the order of series and
postings, each chunk's samples against the index, meta.json against the block, the write-ahead log, head chunks.

  -q, --quiet   only the faults

Changes nothing and may be used while a server runs on the directory. What to do about a fault:
- in a block: the server leaves the block out and serves the rest; bring it back from a backup or another replica, or
  delete the block's directory
- in wal/: the server reads up to the fault and puts what follows into wal/corrupt-*

Exit code 0: all is well, 1: faults were found, 2: the directory could not be read.
)";

void Print(const char* kind, const std::vector<tsdb::VerifyFinding>& findings) {
  for (const tsdb::VerifyFinding& finding : findings) {
    std::printf("%s: %s: %s\n", kind, finding.file.c_str(), finding.text.c_str());
  }
}

std::string Count(uint64_t n, std::string_view what) {
  return base::StrCat(n, " ", what, n == 1 ? "" : "s");
}

void PrintSummary(const tsdb::VerifyReport& report) {
  std::string text = base::StrCat(
      Count(report.blocks, "block"), " (", report.series, " series), ",
      Count(report.chunks, "chunk"), ", ", Count(report.samples, "sample"), " in blocks, ",
      Count(report.segments, "log segment"), ", ", Count(report.records, "record"), ": ",
      report.faults.empty() ? std::string("all is well") : Count(report.faults.size(), "fault"));
  std::puts(text.c_str());
}

}  // namespace

int RunTsdbVerify(const std::vector<std::string>& args) {
  auto parsed = ParseVerifyArgs(args);
  if (!parsed) return FailArgs(parsed.error(), "verify", kHelp);
  base::Result<tsdb::VerifyReport> report;
  {
    Progress progress("verifying " + parsed->path);
    report = tsdb::VerifyData(parsed->path,
                              [&](uint64_t done, uint64_t total) { progress.Update(done, total); });
  }
  if (!report) {
    FailWith(report.error());
    return 2;
  }
  Print("fault", report->faults);
  if (!parsed->quiet) {
    Print("note", report->notes);
    PrintSummary(*report);
  }
  return report->faults.empty() ? 0 : 1;
}

}  // namespace slurmscope::app
