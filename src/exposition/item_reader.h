#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "exposition/text_reader.h"
#include "model/exemplar.h"
#include "model/int_histogram.h"

namespace slurmscope::exposition {

using HistogramValue = std::variant<model::IntHistogram, model::FloatHistogram>;

// An entry of a page that is not text, or of which something else was made: it has its own text.
struct Item {
  Entry::Kind kind = Entry::Kind::kSample;
  std::string raw;     // of a sample its series, as ParseSeries reads it; else the line
  std::string metric;  // kHelp, kType, kUnit: family name
  std::string text;    // kHelp: still escaped; kUnit
  model::MetricType type = model::MetricType::kUnknown;
  double value = 0;
  std::optional<int64_t> timestamp;
  std::optional<HistogramValue> histogram;  // instead of the value
  std::vector<model::Exemplar> exemplars;
  int64_t created_ms = 0;  // when the counter or histogram began; 0: not known
  size_t line = 0;         // of the text it was made of; 0: of none
};

// The item of a line of text. Of OpenMetrics with its exemplar: one that cannot be read is left
// out, as Prometheus does.
class OpenMetricsReader;
Item ItemOf(const Entry& entry);
Item ItemOf(const Entry& entry, const OpenMetricsReader& reader);

// Gives items one by one, as TextReader gives lines: so that a caller can remember series by their
// text whatever the format. Not thread-safe.
class ItemReader {
 public:
  // Appends the next items of a page; false when there are none any more. Not called after an
  // error.
  using Source = std::function<Result<bool>(std::vector<Item>*)>;

  explicit ItemReader(Source source) : source_(std::move(source)) {}

  // As TextReader's; views point into the item.
  Result<Entry> Next();
  bool NextKnown(uint64_t hash, size_t length, KnownSample* out);
  bool SkipKnown(uint64_t hash, size_t length);

  // What was read last; nullptr at the start and at the end. Valid until the next one is read.
  const Item* item() const { return at_ == 0 || at_ > items_.size() ? nullptr : &items_[at_ - 1]; }

 private:
  // The item that comes next; nullptr at the end and on an error.
  const Item* Peek();

  Source source_;
  std::vector<Item> items_;
  size_t at_ = 0;  // number of items read of `items_`
  size_t line_ = 0;
  bool at_end_ = false;
  Result<void> failed_;
};

}  // namespace slurmscope::exposition
