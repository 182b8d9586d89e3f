#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/labels.h"
#include "model/metadata.h"

namespace slurmscope::exposition {

using base::Result;

// One line of text format 0.0.4 (and of 1.0.0: quoted UTF-8 names). All views point into the body.
struct Entry {
  enum class Kind { kEnd, kSample, kHelp, kType, kUnit, kComment };
  Kind kind = Kind::kEnd;
  size_t line = 0;                  // from 1
  std::string_view series;          // kSample: name and labels as written, without value: the key of a scrape cache
  double value = 0;                 // kSample
  std::optional<int64_t> timestamp; // kSample, ms
  std::string_view metric;          // kHelp, kType, kUnit: family name
  std::string_view text;            // kHelp: still escaped; kUnit
  model::MetricType type = model::MetricType::kUnknown;  // kType
};

// Reads a body line by line without copying it. `body` must outlive the reader and the entries. Not thread-safe.
class TextReader {
 public:
  explicit TextReader(std::string_view body) : rest_(body) {}

  // The next entry; kEnd after the last. An error names line, column and reason; reading cannot go on after it.
  Result<Entry> Next();

 private:
  std::string_view rest_;
  size_t line_ = 0;
};

// The labels of Entry::series, with __name__; names and values unescaped. Errors as above, without the line.
Result<model::Labels> ParseSeries(std::string_view series);
// HELP text without escapes.
std::string UnescapeHelp(std::string_view text);

}  // namespace slurmscope::exposition
