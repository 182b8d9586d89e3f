// slurmscope tsdb dump, slurmscope tsdb dump-openmetrics
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/float_text.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "progress.h"
#include "promql/parser.h"
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

constexpr const char* kDumpHelp =
    R"(Usage: slurmscope tsdb dump [flags] [DATA]

Prints the samples of a data directory (data/ if not given), those in blocks and those in the write-ahead log, one line
each: labels, value, time in milliseconds. Series are sorted by their labels.

  {__name__="node_load1", instance="n1"} 0.52 1700000000000

      --match=SELECTOR     only series that match, e.g. --match='node_load1{instance=~"n.*"}'; may be repeated
      --min-time=MS        only samples from this time on, in milliseconds since 1970
      --max-time=MS        only samples up to this time
      --format=FORMAT      prom (default), or seriesjson: the labels of each series as JSON, no samples
      --sandbox-dir-root   taken for promtool's sake; nothing is written

The directory may be in use; nothing in it is changed. To move data: tsdb dump-openmetrics and tsdb create-blocks-from.
)";

constexpr const char* kDumpOpenMetricsHelp =
    R"(Usage: slurmscope tsdb dump-openmetrics [flags] [DATA]

Prints the samples of a data directory (data/ if not given) as OpenMetrics text, which `tsdb create-blocks-from
openmetrics` reads again. Native histograms and the markers of series that ended have no place in that format and are left
out.

  node_load1{instance="n1"} 0.52 1700000000.000

      --match=SELECTOR     only series that match; may be repeated
      --min-time=MS        only samples from this time on, in milliseconds since 1970
      --max-time=MS        only samples up to this time
      --sandbox-dir-root   taken for promtool's sake; nothing is written
)";

// Standard output in large pieces. False when nobody reads it any more.
class Output {
 public:
  ~Output() { Flush(); }
  std::string& buffer() { return buffer_; }
  bool FlushWhenFull() { return buffer_.size() < kFull || Flush(); }
  bool Flush() {
    good_ = good_ && std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) == buffer_.size() &&
            std::fflush(stdout) == 0;
    buffer_.clear();
    return good_;
  }

 private:
  static constexpr size_t kFull = 1 << 18;
  std::string buffer_;
  bool good_ = true;
};

// One series of a selection.
struct Selected {
  model::Labels labels;
  const model::SeriesSet* set = nullptr;
  size_t index = 0;
};

class Dump {
 public:
  // Gets a series and its samples.
  using Print = void (*)(const model::Labels&, const model::Columns&, std::string& out);

  Dump(const DumpArgs& args, Print print) : args_(args), print_(print) {}

  Result<void> Run() {
    db_ = TRY(tsdb::ReadOnlyDb::Open(args_.path, true));
    TRY(CheckReadable());
    TRY(SelectAll());
    Progress progress("dumping " + args_.path);
    Output output;
    model::Columns columns;
    for (size_t i = 0; i < series_.size(); ++i) {
      const Selected& series = series_[i];
      if (!args_.series_only) {
        TRY(series.set->Decode(series.index, args_.min_time, args_.max_time, &columns));
      }
      print_(series.labels, columns, output.buffer());
      if (!output.FlushWhenFull()) return Fail(ErrorCode::kIo, "standard output was closed");
      progress.Update(i + 1, series_.size());
    }
    return {};
  }

 private:
  Result<void> CheckReadable() const {
    if (!db_->log().corruption.empty()) {
      std::fprintf(stderr, "the write-ahead log is read up to its damage: %s\n",
                   db_->log().corruption.c_str());
    }
    if (db_->unreadable().empty()) return {};
    const tsdb::UnreadableBlock& block = db_->unreadable().front();
    return Fail(ErrorCode::kCorruption,
                base::StrCat("block ", block.ulid, " cannot be read: ", block.problem,
                             "; move it out of the directory to dump the rest"));
  }

  Result<void> SelectAll() {
    querier_ = TRY(db_->NewQuerier(args_.min_time, args_.max_time));
    model::SelectHints hints;
    hints.start = args_.min_time;
    hints.end = args_.max_time;
    hints.series_only = args_.series_only;
    for (const std::string& text : args_.match) {
      auto matchers = TRY_CONTEXT(promql::ParseAnySelector(text), "--match");
      sets_.push_back(TRY(querier_->Select(true, hints, matchers)));
      for (size_t i = 0; i < sets_.back()->size(); ++i) {
        series_.push_back({sets_.back()->LabelsAt(i), sets_.back().get(), i});
      }
    }
    if (sets_.size() < 2) return {};
    std::stable_sort(series_.begin(), series_.end(),
                     [](const Selected& a, const Selected& b) { return a.labels < b.labels; });
    auto same = [](const Selected& a, const Selected& b) { return a.labels == b.labels; };
    series_.erase(std::unique(series_.begin(), series_.end(), same), series_.end());
    return {};
  }

  const DumpArgs& args_;
  const Print print_;
  std::unique_ptr<tsdb::ReadOnlyDb> db_;
  std::unique_ptr<model::Querier> querier_;
  std::vector<std::unique_ptr<model::SeriesSet>> sets_;
  std::vector<Selected> series_;
};

void PrintSamples(const model::Labels& labels, const model::Columns& columns, std::string& out) {
  std::string prefix = GoLabels(labels) + " ";
  for (size_t i = 0; i < columns.size(); ++i) {
    out += prefix;
    if (const auto* histogram = columns.Histogram(i)) {
      out += histogram->ToString();
    } else {
      base::AppendFloat(out, columns.v[i], base::FloatStyle::kExposition);
    }
    base::StrAppend(out, " ", columns.t[i], "\n");
  }
}

void PrintJson(const model::Labels& labels, const model::Columns& /*columns*/, std::string& out) {
  base::JsonWriter json(out);
  json.BeginObject();
  for (model::Label label : labels) json.Key(label.name).String(label.value);
  json.EndObject();
  out += '\n';
}

// Milliseconds as seconds with three decimals.
void AppendSeconds(std::string& out, int64_t ms) {
  char text[48];
  int size = std::snprintf(text, sizeof text, "%.3f", static_cast<double>(ms) / 1000);
  out.append(text, static_cast<size_t>(size));
}

std::string OpenMetricsSeries(const model::Labels& labels) {
  model::LabelsBuilder rest(labels);
  std::string_view name = labels.Get(model::kMetricName);
  std::string braces = GoLabels(rest.Remove(model::kMetricName).Build(), ",");
  if (model::IsLegacyMetricName(name)) return std::string(name) + braces;
  std::string_view comma = braces.size() > 2 ? "," : "";
  return base::StrCat("{", base::Quote(name), comma, braces.substr(1));
}

void PrintOpenMetrics(const model::Labels& labels, const model::Columns& columns,
                      std::string& out) {
  std::string prefix = OpenMetricsSeries(labels) + " ";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns.Histogram(i) != nullptr || model::IsStale(columns.v[i])) continue;
    out += prefix;
    base::AppendFloat(out, columns.v[i], base::FloatStyle::kExposition);
    out += ' ';
    AppendSeconds(out, columns.t[i]);
    out += '\n';
  }
}

}  // namespace

int RunTsdbDump(const std::vector<std::string>& args) {
  auto parsed = ParseDumpArgs(args, true);
  if (!parsed) return FailArgs(parsed.error(), "dump", kDumpHelp);
  auto done = Dump(*parsed, parsed->series_only ? PrintJson : PrintSamples).Run();
  return done ? 0 : FailWith(done.error());
}

int RunTsdbDumpOpenMetrics(const std::vector<std::string>& args) {
  auto parsed = ParseDumpArgs(args, false);
  if (!parsed) return FailArgs(parsed.error(), "dump-openmetrics", kDumpOpenMetricsHelp);
  auto done = Dump(*parsed, PrintOpenMetrics).Run();
  if (!done) return FailWith(done.error());
  std::fputs("# EOF\n", stdout);
  return 0;
}

}  // namespace slurmscope::app
