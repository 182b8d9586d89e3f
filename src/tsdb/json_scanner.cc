#include "tsdb/json_scanner.h"

#include <set>

#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr int kMaxDepth = 32;
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kEscapes = "\"\\/bfnrt";
constexpr std::string_view kEscaped = "\"\\/\b\f\n\r\t";

tl::unexpected<base::Error> NotJson() { return Fail(ErrorCode::kCorruption, "not valid JSON"); }

void AppendUtf8(std::string& out, uint32_t code) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void SkipSpace() {
    size_t next = text_.find_first_not_of(kSpace, position_);
    position_ = next == text_.npos ? text_.size() : next;
  }
  bool AtEnd() const { return position_ == text_.size(); }
  bool Take(char c) {
    if (AtEnd() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  bool TakeToken(char c) {
    SkipSpace();
    bool taken = Take(c);
    SkipSpace();
    return taken;
  }

  Result<std::string> String() {
    if (!Take('"')) return NotJson();
    std::string out;
    while (!AtEnd()) {
      char c = text_[position_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) return NotJson();
      if (c == '\\')
        TRY(Escape(out));
      else
        out += c;
    }
    return NotJson();
  }

  // Passes over a value and gives its text.
  Result<std::string_view> Value(int depth) {
    size_t start = position_;
    if (depth > kMaxDepth || AtEnd()) return NotJson();
    char c = text_[position_];
    if (c == '{')
      TRY(Object(depth, nullptr));
    else if (c == '[')
      TRY(Array(depth, nullptr));
    else if (c == '"')
      TRY(String());
    else
      TRY(Bare());
    return text_.substr(start, position_ - start);
  }

  using Member = std::function<Result<void>(const std::string&, std::string_view)>;
  using Item = std::function<Result<void>(std::string_view)>;

  Result<void> Object(int depth, const Member* member) {
    if (!TakeToken('{')) return NotJson();
    if (Take('}')) return {};
    std::set<std::string> keys;
    do {
      SkipSpace();
      std::string key = TRY(String());
      if (!TakeToken(':') || !keys.insert(key).second) return NotJson();
      std::string_view value = TRY(Value(depth + 1));
      if (member != nullptr) TRY((*member)(key, value));
    } while (TakeToken(','));
    return Take('}') ? Result<void>() : NotJson();
  }

  Result<void> Array(int depth, const Item* item) {
    if (!TakeToken('[')) return NotJson();
    if (Take(']')) return {};
    do {
      std::string_view value = TRY(Value(depth + 1));
      if (item != nullptr) TRY((*item)(value));
    } while (TakeToken(','));
    return Take(']') ? Result<void>() : NotJson();
  }

 private:
  Result<uint32_t> Hex4() {
    auto value = base::ParseInt<uint32_t>(text_.substr(position_, 4), 16);
    if (position_ + 4 > text_.size() || !value) return NotJson();
    position_ += 4;
    return *value;
  }

  Result<void> Escape(std::string& out) {
    if (AtEnd()) return NotJson();
    char c = text_[position_++];
    if (size_t i = kEscapes.find(c); i != kEscapes.npos) {
      out += kEscaped[i];
      return {};
    }
    if (c != 'u') return NotJson();
    uint32_t code = TRY(Hex4());
    if (code >= 0xD800 && code < 0xDC00) {
      if (!Take('\\') || !Take('u')) return NotJson();
      uint32_t low = TRY(Hex4());
      if (low < 0xDC00 || low > 0xDFFF) return NotJson();
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      return NotJson();
    }
    AppendUtf8(out, code);
    return {};
  }

  // A number, true, false or null; numbers are looked at by whoever wants them.
  Result<void> Bare() {
    size_t end = text_.find_first_not_of("+-.0123456789abcdefghijklmnopqrstuvwxyzE", position_);
    if (end == text_.npos) end = text_.size();
    std::string_view word = text_.substr(position_, end - position_);
    bool named = word == "true" || word == "false" || word == "null";
    bool number = !word.empty() && word.find_first_not_of("+-.0123456789eE") == word.npos;
    if (!named && !number) return NotJson();
    position_ = end;
    return {};
  }

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

Result<void> ForEachMember(std::string_view json, const Scanner::Member& member) {
  Scanner scanner(json);
  TRY(scanner.Object(0, &member));
  scanner.SkipSpace();
  return scanner.AtEnd() ? Result<void>() : NotJson();
}

Result<void> ForEachItem(std::string_view json, const Scanner::Item& item) {
  Scanner scanner(json);
  TRY(scanner.Array(0, &item));
  scanner.SkipSpace();
  return scanner.AtEnd() ? Result<void>() : NotJson();
}

Result<std::string> JsonString(std::string_view json) {
  Scanner scanner(json);
  std::string text = TRY(scanner.String());
  if (!scanner.AtEnd()) return NotJson();
  return text;
}

}  // namespace slurmscope::tsdb
