#include "openmetrics_import.h"

#include <unordered_map>

#include "base/strings.h"
#include "exposition/openmetrics_reader.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;
using exposition::Entry;

constexpr size_t kLinesPerProgress = 1 << 16;

// A series as it is written in the text.
struct KnownText {
  uint64_t hash = 0;
  std::string_view text;
  tsdb::Backfill::SeriesNumber series = 0;
  uint32_t next = 0;  // what came after it the last time: first itself
};

class Importer {
 public:
  Importer(std::string_view text, const std::vector<std::pair<std::string, std::string>>& labels,
           tsdb::Backfill& backfill)
      : reader_(text), labels_(labels), backfill_(backfill) {}

  Result<void> Run(const std::function<void(size_t)>& on_progress) {
    while (TRY(ReadOne())) {
      if (reader_.line() % kLinesPerProgress == 0) on_progress(reader_.bytes_read());
    }
    return {};
  }

 private:
  // False at the end.
  Result<bool> ReadOne() {
    exposition::KnownSample known;
    if (last_ < known_.size()) {
      uint32_t guess = known_[last_].next;
      if (reader_.NextKnown(known_[guess].hash, known_[guess].text.size(), &known)) {
        TRY(Take(guess, known.timestamp, known.value));
        return true;
      }
    }
    Entry entry = TRY(reader_.Next());
    if (entry.kind == Entry::Kind::kEnd) return false;
    if (entry.kind != Entry::Kind::kSample) return true;
    uint32_t index = TRY(Find(entry));
    if (last_ < known_.size()) known_[last_].next = index;
    TRY(Take(index, entry.timestamp, entry.value));
    return true;
  }

  Result<void> Take(uint32_t index, std::optional<int64_t> t, double v) {
    if (!t) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("line ", reader_.line(), ": the sample has no timestamp (seconds since ",
                         "1970, after the value); without one its place in the past is unknown"));
    }
    backfill_.Append(known_[index].series, *t, v);
    last_ = index;
    return {};
  }

  Result<uint32_t> Find(const Entry& entry) {
    uint64_t hash = exposition::HashText(entry.series);
    auto [it, is_new] = by_text_.try_emplace(entry.series, static_cast<uint32_t>(known_.size()));
    if (!is_new) return it->second;
    auto labels = exposition::ParseSeries(entry.series, entry.column);
    if (!labels) {
      return Fail(std::move(labels).error().Wrap(StrCat("line ", entry.line)));
    }
    model::LabelsBuilder builder(*labels);
    for (const auto& [name, value] : labels_) builder.Set(name, value);
    auto index = static_cast<uint32_t>(known_.size());
    known_.push_back({hash, entry.series, backfill_.AddSeries(builder.Build()), index});
    return index;
  }

  exposition::OpenMetricsReader reader_;
  const std::vector<std::pair<std::string, std::string>>& labels_;
  tsdb::Backfill& backfill_;
  std::vector<KnownText> known_;
  std::unordered_map<std::string_view, uint32_t> by_text_;
  size_t last_ = SIZE_MAX;
};

}  // namespace

Result<void> ReadOpenMetrics(std::string_view text,
                             const std::vector<std::pair<std::string, std::string>>& labels,
                             const std::function<void(size_t)>& on_progress,
                             tsdb::Backfill& backfill) {
  return Importer(text, labels, backfill).Run(on_progress);
}

}  // namespace slurmscope::app
