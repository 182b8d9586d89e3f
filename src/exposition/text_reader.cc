#include "exposition/text_reader.h"

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

// Value and timestamp, up to the end of the line. nullptr when well, otherwise the reason; `at`
// stands where it is.
const char* ReadValues(Cursor* at, double* value, std::optional<int64_t>* timestamp) {
  timestamp->reset();
  if (!ReadPlainDecimal(at, value)) {
    Cursor word = *at;
    std::optional<double> parsed = base::ParseFloat(word.Word());
    if (!parsed) return "is not a number";
    *value = std::isnan(*parsed) ? model::NormalNan() : *parsed;
    *at = word;
  }
  at->SkipBlanks();
  if (at->AtEnd()) return nullptr;
  Cursor word = *at;
  *timestamp = base::ParseInt<int64_t>(word.Word());
  if (!*timestamp) return "is not a timestamp in milliseconds";
  word.SkipBlanks();
  *at = word;
  return at->AtEnd() ? nullptr : "follows the timestamp";
}

// The name of HELP, TYPE or UNIT, bare or in quotes (then the text between them).
std::string_view ReadFamilyName(Cursor* at) {
  if (at->AtEnd() || *at->p != '"') return at->Word();
  const char* begin = ++at->p;
  while (!at->AtEnd() && *at->p != '"') at->p += (*at->p == '\\' && at->p + 1 != at->end) ? 2 : 1;
  std::string_view name(begin, static_cast<size_t>(at->p - begin));
  if (!at->AtEnd()) ++at->p;
  return name;
}

class LineParser {
 public:
  LineParser(std::string_view line, size_t number)
      : line_(line), number_(number), at_{line.data(), line.data() + line.size()} {
    at_.SkipBlanks();
  }

  bool empty() const { return at_.AtEnd(); }

  Result<Entry> Parse() {
    Entry entry;
    entry.line = number_;
    entry.column = Column();
    entry.raw = at_.rest();
    if (*at_.p == '#') return ParseComment(entry);
    return ParseSample(entry);
  }

 private:
  size_t Column() const { return static_cast<size_t>(at_.p - line_.data()) + 1; }
  tl::unexpected<base::Error> FailHere(std::string_view reason) const {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("line ", number_, ", column ", Column(), ": ", reason));
  }

  Result<Entry> ParseSample(Entry& entry) {
    const char* begin = at_.p;
    while (!at_.AtEnd() && !IsBlank(*at_.p) && *at_.p != '{') ++at_.p;
    const char* name_end = at_.p;
    at_.SkipBlanks();
    bool has_labels = !at_.AtEnd() && *at_.p == '{';
    if (has_labels && !SkipLabels(&at_)) return FailLabels(begin, entry.column);
    const char* end = has_labels ? at_.p : name_end;
    entry.series = {begin, static_cast<size_t>(end - begin)};
    at_.SkipBlanks();
    if (at_.AtEnd()) {
      return FailHere(has_labels ? "expected a value after the labels"
                                 : "expected a value after the name");
    }
    if (const char* reason = ReadValues(&at_, &entry.value, &entry.timestamp)) {
      Cursor word = at_;
      return FailHere(StrCat(base::Quote(word.Word().substr(0, 50)), " ", reason));
    }
    entry.kind = Entry::Kind::kSample;
    return entry;
  }

  // Labels without an end: the strict parser knows why.
  Result<Entry> FailLabels(const char* begin, size_t column) const {
    auto labels = ParseSeries({begin, static_cast<size_t>(at_.end - begin)}, column);
    if (labels) return FailHere("expected '}'");
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("line ", number_, ", ", labels.error().message()));
  }

  Result<Entry> ParseComment(Entry& entry) {
    ++at_.p;
    entry.kind = Entry::Kind::kComment;
    if (at_.AtEnd() || !IsBlank(*at_.p)) return entry;
    at_.SkipBlanks();
    std::string_view keyword = at_.Word();
    bool help = keyword == "HELP";
    bool type = keyword == "TYPE";
    if (!help && !type && keyword != "UNIT") return entry;
    at_.SkipBlanks();
    entry.metric = ReadFamilyName(&at_);
    if (entry.metric.empty()) return FailHere(StrCat("expected a metric name after ", keyword));
    if (!base::IsValidUtf8(entry.metric)) return FailHere("the metric name is not UTF-8");
    at_.SkipBlanks();
    if (type) return ParseType(entry);
    entry.text = at_.rest();
    if (!base::IsValidUtf8(entry.text))
      return FailHere(StrCat("the text of ", keyword, " is not UTF-8"));
    entry.kind = help ? Entry::Kind::kHelp : Entry::Kind::kUnit;
    return entry;
  }

  Result<Entry> ParseType(Entry& entry) {
    std::string_view word = base::TrimSpace(at_.rest());
    if (word.empty()) return FailHere("expected a type");
    std::optional<model::MetricType> type = TypeFromText(word);
    if (!type) return FailHere(StrCat("invalid metric type ", base::Quote(word.substr(0, 50))));
    entry.kind = Entry::Kind::kType;
    entry.type = *type;
    return entry;
  }

  std::string_view line_;
  size_t number_;
  Cursor at_;
};

}  // namespace

Result<Entry> TextReader::Next() {
  while (!rest_.empty()) {
    std::string_view line = FirstLine(rest_);
    DropLine(&rest_, line.size());
    ++line_;
    LineParser parser(line, line_);
    if (!parser.empty()) return parser.Parse();
  }
  Entry end;
  end.line = line_;
  return end;
}

void TextReader::SkipEmptyLines() {
  for (; !rest_.empty() && rest_.front() == '\n'; ++line_) rest_.remove_prefix(1);
}

bool TextReader::NextKnown(uint64_t hash, size_t length, KnownSample* out) {
  SkipEmptyLines();
  if (rest_.size() <= length || rest_[length] != ' ') return false;
  std::string_view series = rest_.substr(0, length);
  if (HashText(series) != hash) return false;
  Cursor at{rest_.data() + length + 1, rest_.data() + rest_.size()};
  bool plain = ReadPlainDecimal(&at, &out->value);
  if (plain && (at.AtEnd() || *at.p == '\n')) {
    out->timestamp.reset();
  } else {
    at.p = rest_.data() + length + 1;
    at.end = at.p + FirstLine(at.rest()).size();
    at.SkipBlanks();
    if (ReadValues(&at, &out->value, &out->timestamp) != nullptr) return false;
  }
  out->series = series;
  DropLine(&rest_, static_cast<size_t>(at.p - rest_.data()));
  ++line_;
  return true;
}

bool TextReader::SkipKnown(uint64_t hash, size_t length) {
  SkipEmptyLines();
  if (rest_.size() < length || (rest_.size() > length && rest_[length] != '\n')) return false;
  if (HashText(rest_.substr(0, length)) != hash) return false;
  DropLine(&rest_, length);
  ++line_;
  return true;
}

std::string UnescapeHelp(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '\\' && (next == '\\' || next == 'n')) {
      out += next == 'n' ? '\n' : '\\';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace slurmscope::exposition
