#include <algorithm>
#include <deque>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "exposition/openmetrics_reader.h"
#include "exposition/text_reader.h"

namespace slurmscope::exposition {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr size_t kFewLabels = 64;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

class SeriesParser {
 public:
  SeriesParser(std::string_view text, size_t column) : text_(text), column_(column) {}

  // With a metric name, as a series has it.
  Result<model::Labels> Parse() {
    TRY(RefuseNul());
    std::string_view name = TakeName();
    if (!name.empty()) {
      if (!model::IsLegacyMetricName(name))
        return FailAt(0, StrCat("invalid metric name ", base::Quote(name)));
      pairs_.emplace_back(model::kMetricName, name);
    }
    SkipBlanks();
    if (at_ < text_.size()) TRY(ParseLabels());
    if (!HasName()) return FailHere("expected a metric name");
    return model::Labels::FromPairs(std::move(pairs_));
  }

  // Labels alone.
  Result<model::Labels> ParseOnlyLabels() {
    TRY(RefuseNul());
    TRY(ParseLabels());
    return model::Labels::FromPairs(std::move(pairs_));
  }

 private:
  using Failure = tl::unexpected<base::Error>;
  Result<void> RefuseNul() {
    size_t nul = text_.find('\0');
    if (nul == std::string_view::npos) return {};
    return FailAt(nul, "a NUL byte");
  }
  Failure FailAt(size_t at, std::string_view reason) const {
    return Fail(ErrorCode::kInvalidArgument, StrCat("column ", column_ + at, ": ", reason));
  }
  Failure FailHere(std::string_view reason) const { return FailAt(at_, reason); }

  bool HasName() const {
    for (const auto& [name, value] : pairs_) {
      if (name == model::kMetricName && !value.empty()) return true;
    }
    return false;
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t') ++at_;
  }
  bool Take(char c) {
    SkipBlanks();
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  std::string_view TakeName() {
    size_t begin = at_;
    while (IsNameByte(Peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Result<void> ParseLabels() {
    if (!Take('{')) return FailHere("unexpected character in the metric name");
    while (!Take('}')) {
      TRY(ParseLabel());
      if (Take(',')) continue;
      if (Take('}')) break;
      return FailHere(at_ == text_.size() ? "expected '}'" : "expected ',' or '}' after the label");
    }
    SkipBlanks();
    if (at_ != text_.size()) return FailHere("unexpected text after the labels");
    return {};
  }

  Result<void> ParseLabel() {
    SkipBlanks();
    size_t begin = at_;
    bool quoted = Peek() == '"';
    std::string_view name = quoted ? TRY(ParseQuoted()) : TakeName();
    if (name.empty()) return FailAt(begin, "expected a label name");
    if (!quoted && !model::IsLegacyLabelName(name)) {
      return FailAt(begin, StrCat("invalid label name ", base::Quote(name)));
    }
    std::string_view value;
    if (Take('=')) {
      SkipBlanks();
      if (Peek() != '"') return FailHere("expected a label value in quotes");
      value = TRY(ParseQuoted());
    } else if (quoted) {
      value = std::exchange(name, model::kMetricName);
    } else {
      return FailHere("expected '=' after the label name");
    }
    return Add(begin, name, value);
  }

  Result<void> Add(size_t begin, std::string_view name, std::string_view value) {
    if (IsTaken(name)) {
      if (name == model::kMetricName) return FailAt(begin, "a second metric name");
      return FailAt(begin, StrCat("label name ", base::Quote(name), " is there twice"));
    }
    pairs_.emplace_back(name, value);
    return {};
  }

  // A series has few labels, unless somebody wants the search to take long.
  bool IsTaken(std::string_view name) {
    if (pairs_.size() <= kFewLabels) {
      return std::any_of(pairs_.begin(), pairs_.end(),
                         [name](const auto& pair) { return pair.first == name; });
    }
    if (names_.empty()) {
      for (const auto& pair : pairs_) names_.insert(pair.first);
    }
    return !names_.insert(name).second;
  }

  // From the opening quote to behind the closing one.
  Result<std::string_view> ParseQuoted() {
    size_t open = at_++;
    size_t begin = at_;
    bool escaped = false;
    while (at_ < text_.size() && text_[at_] != '"') {
      bool backslash = text_[at_] == '\\';
      escaped |= backslash;
      at_ += backslash ? 2 : 1;
    }
    if (at_ >= text_.size()) {
      at_ = text_.size();
      return FailAt(open, "a quote that is not closed");
    }
    std::string_view raw = text_.substr(begin, at_ - begin);
    ++at_;
    if (!base::IsValidUtf8(raw)) return FailAt(begin, "text that is not UTF-8");
    if (!escaped) return raw;
    return Unescape(raw);
  }

  // Unknown escapes stay as they are written, as in Prometheus.
  std::string_view Unescape(std::string_view raw) {
    std::string& out = unescaped_.emplace_back();
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        out += raw[i];
        continue;
      }
      const char c = raw[++i];
      if (c != 'n' && c != '"' && c != '\\') out += '\\';
      out += c == 'n' ? '\n' : c;
    }
    return out;
  }

  std::string_view text_;
  size_t column_;
  size_t at_ = 0;
  std::vector<std::pair<std::string_view, std::string_view>> pairs_;
  std::unordered_set<std::string_view> names_;  // of pairs_, once there are many
  std::deque<std::string> unescaped_;  // does not move its strings, the pairs point to them
};

}  // namespace

Result<model::Labels> ParseSeries(std::string_view series, size_t column) {
  return SeriesParser(series, column).Parse();
}

Result<model::Labels> ParseExemplarLabels(std::string_view labels, size_t column) {
  return SeriesParser(labels, column).ParseOnlyLabels();
}

}  // namespace slurmscope::exposition
