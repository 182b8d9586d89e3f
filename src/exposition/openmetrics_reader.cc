#include "exposition/openmetrics_reader.h"

#include <cmath>

#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/text_scan.h"
#include "model/sample.h"

namespace slurmscope::exposition {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using Failure = tl::unexpected<base::Error>;

constexpr double kMaxTimeMs = 9.2e18;
constexpr size_t kMaxShownBytes = 50;

std::string_view TakeUntilSpace(Cursor* at) {
  const char* begin = at->p;
  while (at->p != at->end && *at->p != ' ') ++at->p;
  return {begin, static_cast<size_t>(at->p - begin)};
}

bool Take(Cursor* at, std::string_view text) {
  if (!at->rest().starts_with(text)) return false;
  at->p += text.size();
  return true;
}

// Go's hexadecimal floats and underscores are no numbers here.
std::optional<double> ParseNumber(std::string_view text) {
  if (text.find_first_of("pP_") != std::string_view::npos) return std::nullopt;
  return base::ParseFloat(text);
}

// Up to a space or the end of the line. False, and nothing is read, when it is not a number.
bool ReadNumber(Cursor* at, double* value) {
  if (ReadPlainDecimal(at, value)) return true;
  Cursor word = *at;
  std::optional<double> parsed = ParseNumber(TakeUntilSpace(&word));
  if (!parsed) return false;
  *value = *parsed;
  *at = word;
  return true;
}

bool ReadValue(Cursor* at, double* value) {
  if (!ReadNumber(at, value)) return false;
  if (std::isnan(*value)) *value = model::NormalNan();
  return true;
}

// Seconds to milliseconds, cut off towards zero.
bool ReadTime(Cursor* at, std::optional<int64_t>* milliseconds) {
  Cursor word = *at;
  double seconds = 0;
  if (!ReadNumber(&word, &seconds)) return false;
  double scaled = seconds * 1000;
  if (!(std::abs(scaled) < kMaxTimeMs)) return false;
  *milliseconds = static_cast<int64_t>(scaled);
  *at = word;
  return true;
}

bool MayHaveExemplar(std::string_view series) {
  std::string_view name = series.substr(0, series.find('{'));
  if (name.empty()) {
    name = series.substr(0, series.find('"', std::min<size_t>(series.size(), 2)));
  }
  return name.ends_with("_total") || name.ends_with("_bucket");
}

// The name of HELP, TYPE or UNIT, bare or in quotes (then the text between them).
std::string_view ReadFamilyName(Cursor* at) {
  if (!Take(at, "\"")) return TakeUntilSpace(at);
  const char* begin = at->p;
  while (!at->AtEnd() && *at->p != '"') {
    if (*at->p == '\\' && at->p + 1 != at->end) ++at->p;
    ++at->p;
  }
  std::string_view name(begin, static_cast<size_t>(at->p - begin));
  Take(at, "\"");
  return name;
}

class LineParser {
 public:
  LineParser(std::string_view line, size_t number)
      : line_(line), number_(number), at_{line.data(), line.data() + line.size()} {}

  Result<Entry> Parse() {
    Entry entry;
    entry.line = number_;
    entry.column = 1;
    entry.raw = line_;
    if (line_.empty()) return FailHere("an empty line");
    if (IsBlank(line_.front())) return FailHere("blanks before the first word");
    if (line_.front() == '#') return ParseComment(entry);
    return ParseSample(entry);
  }
  // What follows a series of `length` bytes: value, timestamp, exemplar.
  Result<Entry> ParseKnown(size_t length) {
    Entry entry;
    at_.p += length;
    entry.series = line_.substr(0, length);
    return ParseValues(entry);
  }
  std::optional<ExemplarEntry>& exemplar() { return exemplar_; }

 private:
  size_t Column() const { return static_cast<size_t>(at_.p - line_.data()) + 1; }
  Failure FailHere(std::string_view reason) const {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("line ", number_, ", column ", Column(), ": ", reason));
  }
  Failure FailAtWord(std::string_view reason) const {
    Cursor word = at_;
    std::string_view text = TakeUntilSpace(&word).substr(0, kMaxShownBytes);
    return FailHere(StrCat(base::Quote(text), " ", reason));
  }

  Result<Entry> ParseSample(Entry& entry) {
    while (!at_.AtEnd() && *at_.p != ' ' && *at_.p != '{') ++at_.p;
    if (!at_.AtEnd() && *at_.p == '{' && !SkipLabels(&at_)) return FailLabels(0);
    entry.series = line_.substr(0, Column() - 1);
    return ParseValues(entry);
  }

  Result<Entry> ParseValues(Entry& entry) {
    if (!Take(&at_, " ")) return FailHere("expected a space and a value after the series");
    if (!ReadValue(&at_, &entry.value)) return FailAtWord("is not a number");
    if (!at_.rest().starts_with(" #") && Take(&at_, " ") && !ReadTime(&at_, &entry.timestamp)) {
      return FailAtWord("is not a timestamp in seconds");
    }
    entry.kind = Entry::Kind::kSample;
    if (at_.AtEnd()) return entry;
    TRY(ParseExemplar(entry));
    return entry;
  }

  Result<void> ParseExemplar(const Entry& entry) {
    if (!Take(&at_, " # ") || at_.AtEnd() || *at_.p != '{') {
      return FailHere("expected the end of the line or an exemplar: ` # {labels} value`");
    }
    if (!MayHaveExemplar(entry.series)) {
      return FailHere("only samples whose name ends with _total or _bucket have exemplars");
    }
    ExemplarEntry exemplar;
    exemplar.column = Column();
    if (!SkipLabels(&at_)) return FailLabels(exemplar.column - 1);
    exemplar.labels = line_.substr(exemplar.column - 1, Column() - exemplar.column);
    if (!Take(&at_, " ")) return FailHere("expected a space and a value after the exemplar");
    if (!ReadValue(&at_, &exemplar.value)) return FailAtWord("is not a number");
    if (Take(&at_, " ") && !ReadTime(&at_, &exemplar.timestamp)) {
      return FailAtWord("is not a timestamp in seconds");
    }
    if (!at_.AtEnd()) return FailHere("expected the end of the line after the exemplar");
    exemplar_ = exemplar;
    return {};
  }

  // Labels without an end, from `begin`: the strict parser knows why.
  Failure FailLabels(size_t begin) const {
    std::string_view text = line_.substr(begin);
    auto labels = begin == 0 ? ParseSeries(text, 1) : ParseExemplarLabels(text, begin + 1);
    if (labels) return FailHere("expected '}'");
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("line ", number_, ", ", labels.error().message()));
  }

  Result<Entry> ParseComment(Entry& entry) {
    bool help = Take(&at_, "# HELP ");
    bool type = !help && Take(&at_, "# TYPE ");
    if (!help && !type && !Take(&at_, "# UNIT ")) {
      return FailHere("expected # HELP, # TYPE, # UNIT or # EOF");
    }
    entry.metric = ReadFamilyName(&at_);
    if (entry.metric.empty()) return FailHere("expected a metric name");
    if (!base::IsValidUtf8(entry.metric)) return FailHere("the metric name is not UTF-8");
    if (!Take(&at_, " ")) return FailHere("expected a space and text after the metric name");
    if (type) return ParseType(entry);
    entry.text = at_.rest();
    if (!base::IsValidUtf8(entry.text)) return FailHere("the text is not UTF-8");
    entry.kind = help ? Entry::Kind::kHelp : Entry::Kind::kUnit;
    if (!help && !EndsWithUnit(entry.metric, entry.text)) {
      return FailHere(
          StrCat("the name ", base::Quote(entry.metric), " does not end with its unit"));
    }
    return entry;
  }

  static bool EndsWithUnit(std::string_view name, std::string_view unit) {
    if (unit.empty()) return true;
    return name.size() > unit.size() && name.ends_with(unit) &&
           name[name.size() - unit.size() - 1] == '_';
  }

  Result<Entry> ParseType(Entry& entry) {
    std::string_view word = at_.rest();
    auto type = word == "untyped" ? std::nullopt : TypeFromText(word);
    if (!type) {
      return FailHere(StrCat("invalid metric type ", base::Quote(word.substr(0, kMaxShownBytes))));
    }
    entry.kind = Entry::Kind::kType;
    entry.type = *type;
    return entry;
  }

  std::string_view line_;
  size_t number_;
  Cursor at_;
  std::optional<ExemplarEntry> exemplar_;
};

Failure FailLine(size_t line, std::string_view reason) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("line ", line, ", column 1: ", reason));
}

}  // namespace

Result<Entry> OpenMetricsReader::Next() {
  exemplar_.reset();
  Entry end;
  end.line = line_;
  if (at_end_) return end;
  if (rest_.empty()) {
    return FailLine(line_ + 1, "the text does not end with # EOF; was it cut off?");
  }
  std::string_view line = FirstLine(rest_);
  bool has_newline = line.size() < rest_.size();
  DropLine(&rest_, line.size());
  end.line = ++line_;
  if (line == "# EOF") {
    if (!rest_.empty()) return FailLine(line_ + 1, "text after # EOF");
    at_end_ = true;
    return end;
  }
  if (!has_newline) {
    return FailLine(line_, "the last line has no end and is not # EOF; was the text cut off?");
  }
  LineParser parser(line, line_);
  auto entry = parser.Parse();
  exemplar_ = parser.exemplar();
  return entry;
}

bool OpenMetricsReader::NextKnown(uint64_t hash, size_t length, KnownSample* out) {
  if (rest_.size() <= length || rest_[length] != ' ') return false;
  std::string_view series = rest_.substr(0, length);
  if (HashText(series) != hash) return false;
  if (!ReadPlainValues(length, out) && !ReadValues(length, out)) return false;
  out->series = series;
  ++line_;
  return true;
}

// A plain decimal or two, the usual way: then the end of the line need not be looked for.
bool OpenMetricsReader::ReadPlainValues(size_t length, KnownSample* out) {
  Cursor at{rest_.data() + length + 1, rest_.data() + rest_.size()};
  if (!ReadPlainDecimal(&at, &out->value)) return false;
  out->timestamp.reset();
  double seconds = 0;
  if (Take(&at, " ")) {
    if (!ReadPlainDecimal(&at, &seconds)) return false;
    out->timestamp = static_cast<int64_t>(seconds * 1000);
  }
  if (at.AtEnd() || *at.p != '\n') return false;
  exemplar_.reset();
  DropLine(&rest_, static_cast<size_t>(at.p - rest_.data()));
  return true;
}

bool OpenMetricsReader::ReadValues(size_t length, KnownSample* out) {
  std::string_view line = FirstLine(rest_);
  if (line.size() == rest_.size()) return false;
  LineParser parser(line, line_ + 1);
  auto entry = parser.ParseKnown(length);
  if (!entry) return false;
  out->value = entry->value;
  out->timestamp = entry->timestamp;
  exemplar_ = parser.exemplar();
  DropLine(&rest_, line.size());
  return true;
}

bool OpenMetricsReader::SkipKnown(uint64_t hash, size_t length) {
  if (rest_.size() <= length || rest_[length] != '\n') return false;
  if (HashText(rest_.substr(0, length)) != hash) return false;
  DropLine(&rest_, length);
  ++line_;
  return true;
}

}  // namespace slurmscope::exposition
