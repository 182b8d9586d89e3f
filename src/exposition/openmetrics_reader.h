#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "exposition/text_reader.h"
#include "model/labels.h"

namespace slurmscope::exposition {

// What a sample carries behind a `#`: the labels of an example (a trace id, say), its value and,
// where given, its time in ms.
struct ExemplarEntry {
  std::string_view labels;  // as written, with the braces: for ParseExemplarLabels
  size_t column = 0;        // from 1, of the first byte of `labels`
  double value = 0;
  std::optional<int64_t> timestamp;
};

// OpenMetrics 1.0 text (and quoted UTF-8 names), line by line without copying it:
// https://prometheus.io/docs/specs/om/open_metrics_spec/. Used as TextReader is, and as lenient as
// Prometheus where that is less strict than the specification (the order of families, suffixes of
// counters). What differs from text format 0.0.4:
// - the text ends with `# EOF`, and nothing follows: a body that was cut off is an error;
// - no other comments than HELP, TYPE, UNIT and EOF, no empty lines, one space between the parts;
// - timestamps are seconds (Entry::timestamp is ms all the same, cut off, as Prometheus does it);
// - samples whose name ends with _total or _bucket may carry an exemplar.
// `_created` is a sample like others. `body` must outlive reader and entries. Not thread-safe.
class OpenMetricsReader {
 public:
  explicit OpenMetricsReader(std::string_view body) : body_(body), rest_(body) {}

  // As TextReader's. kEnd comes after `# EOF`.
  Result<Entry> Next();
  // Of the sample that was read last; nullptr when it has none.
  const ExemplarEntry* exemplar() const { return exemplar_ ? &*exemplar_ : nullptr; }

  // As TextReader's; an exemplar of the line is read as well.
  bool NextKnown(uint64_t hash, size_t length, KnownSample* out);
  bool SkipKnown(uint64_t hash, size_t length);

  // How far the reading has come.
  size_t bytes_read() const { return body_.size() - rest_.size(); }
  // The number of the line that was read last.
  size_t line() const { return line_; }

 private:
  bool ReadPlainValues(size_t length, KnownSample* out);
  bool ReadValues(size_t length, KnownSample* out);

  std::string_view body_;
  std::string_view rest_;
  size_t line_ = 0;
  bool at_end_ = false;
  std::optional<ExemplarEntry> exemplar_;
};

// The labels of ExemplarEntry::labels, which may be none.
Result<model::Labels> ParseExemplarLabels(std::string_view labels, size_t column = 1);

}  // namespace slurmscope::exposition
