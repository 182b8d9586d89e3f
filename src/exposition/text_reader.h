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
  size_t line = 0;          // from 1
  size_t column = 0;        // from 1, of the first byte of `raw`, for ParseSeries
  std::string_view raw;     // the line as written, without leading blanks and the newline
  std::string_view series;  // kSample: name and labels as written, no value: the key of a cache
  double value = 0;         // kSample; every NaN is model::NormalNan()
  std::optional<int64_t> timestamp;                      // kSample, ms
  std::string_view metric;                               // kHelp, kType, kUnit: family name
  std::string_view text;                                 // kHelp: still escaped; kUnit
  model::MetricType type = model::MetricType::kUnknown;  // kType
};

// What a known line says anew.
struct KnownSample {
  std::string_view series;
  double value = 0;
  std::optional<int64_t> timestamp;
};

// Reads a body line by line without copying it. `body` must outlive the reader and the entries. Not
// thread-safe.
//
// Next() only finds where a series ends; whether its labels are well-formed is found by
// ParseSeries. So a caller that remembers series by their text parses the labels once.
class TextReader {
 public:
  explicit TextReader(std::string_view body) : rest_(body) {}

  // The next entry; kEnd after the last. An error names line, column and reason (`line 3, column
  // 17: expected a value after the labels`); reading cannot go on after it.
  Result<Entry> Next();

  // The quick way for a series that an earlier body had: when the next line begins with `length`
  // bytes whose HashText is `hash`, and well-formed values follow, reads it. Otherwise false and
  // nothing is read: use Next().
  bool NextKnown(uint64_t hash, size_t length, KnownSample* out);
  // The same for whole lines (comments): passes over the line when it is the same.
  bool SkipKnown(uint64_t hash, size_t length);

 private:
  void SkipEmptyLines();

  std::string_view rest_;
  size_t line_ = 0;
};

// The labels of Entry::series, with __name__; names and values unescaped. Errors as above, without
// the line: `column 9: label name "a" is there twice`. `column` is that of the first byte.
Result<model::Labels> ParseSeries(std::string_view series, size_t column = 1);
// HELP text without escapes.
std::string UnescapeHelp(std::string_view text);

// A fast 64-bit hash of a line for caches inside one process; not stable over versions, not safe
// against an attacker.
uint64_t HashText(std::string_view text);

}  // namespace slurmscope::exposition
