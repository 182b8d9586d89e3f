#include <unordered_set>

#include "base/strings.h"
#include "config/yaml.h"

namespace slurmscope::config {
namespace {

using base::ErrorCode;
using base::Quote;
using base::StrCat;

constexpr size_t kMaxDepth = 100;
constexpr size_t kMaxNodes = 4'000'000;

void AppendUtf8(std::string* out, uint32_t c) {
  auto put = [&](uint32_t byte) { *out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

// A number by RFC 8259's grammar.
bool IsNumber(std::string_view text) {
  size_t i = text.starts_with('-') ? 1 : 0;
  auto digits = [&] {
    size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - begin;
  };
  bool leading_zero = i < text.size() && text[i] == '0';
  size_t whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

// Recursive descent; false means that problem_ is set and stands at the current position.
class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Result<Node> Read() {
    Node root;
    if (!base::IsValidUtf8(text_)) {
      problem_ = "not UTF-8 text";
    } else if (Value(&root, 0)) {
      SkipSpace();
      if (pos_ == text_.size()) return root;
      problem_ = "more text after the JSON value";
    }
    return base::Fail(ErrorCode::kInvalidArgument,
                      StrCat(file_, ":", line_, ":", Column(), ": ", problem_));
  }

 private:
  int Column() const { return static_cast<int>(pos_ - line_begin_) + 1; }
  bool Bad(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  void SkipSpace();
  bool Eat(char c);
  bool Value(Node* node, size_t depth);
  bool Word(Node* node);
  bool List(Node* node, size_t depth);
  bool Mapping(Node* node, size_t depth);
  bool String(std::string* out);
  bool Escape(std::string* out);
  bool Hex4(uint32_t* value);
  void Place(Node* node) const {
    node->line = line_;
    node->column = Column();
  }

  std::string_view text_;
  const std::string& file_;
  size_t pos_ = 0;
  size_t line_begin_ = 0;
  int line_ = 1;
  size_t nodes_ = 0;
  std::string problem_;
};

void JsonReader::SkipSpace() {
  for (; pos_ < text_.size(); ++pos_) {
    char c = text_[pos_];
    if (c == '\n') {
      ++line_;
      line_begin_ = pos_ + 1;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      return;
    }
  }
}

bool JsonReader::Eat(char c) {
  SkipSpace();
  if (pos_ >= text_.size() || text_[pos_] != c) return false;
  ++pos_;
  return true;
}

bool JsonReader::Value(Node* node, size_t depth) {
  SkipSpace();
  if (pos_ >= text_.size()) return Bad("unexpected end of the JSON text");
  if (depth >= kMaxDepth) return Bad("nested too deeply");
  if (++nodes_ > kMaxNodes) return Bad("too many values in one file");
  Place(node);
  char c = text_[pos_];
  if (c == '[') return List(node, depth);
  if (c == '{') return Mapping(node, depth);
  if (c != '"') return Word(node);
  node->kind = Node::Kind::kScalar;
  node->quoted = true;
  return String(&node->scalar);
}

bool JsonReader::Word(Node* node) {
  size_t end = pos_;
  while (end < text_.size() &&
         std::string_view(" \t\r\n,:]}[{\"").find(text_[end]) == std::string_view::npos)
    ++end;
  std::string_view word = text_.substr(pos_, end - pos_);
  if (word != "null" && word != "true" && word != "false" && !IsNumber(word))
    return Bad("not a JSON value");
  node->kind = word == "null" ? Node::Kind::kNull : Node::Kind::kScalar;
  node->scalar = word;
  pos_ = end;
  return true;
}

bool JsonReader::List(Node* node, size_t depth) {
  node->kind = Node::Kind::kList;
  ++pos_;
  if (Eat(']')) return true;
  while (true) {
    if (!Value(&node->items.emplace_back(), depth + 1)) return false;
    if (Eat(']')) return true;
    if (!Eat(',')) return Bad("expected ',' or ']'");
  }
}

bool JsonReader::Mapping(Node* node, size_t depth) {
  node->kind = Node::Kind::kMapping;
  std::unordered_set<std::string> seen;
  ++pos_;
  if (Eat('}')) return true;
  while (true) {
    SkipSpace();
    if (pos_ >= text_.size() || text_[pos_] != '"') return Bad("expected a key in quotes");
    Node key;
    if (!Value(&key, depth + 1)) return false;
    if (!seen.insert(key.scalar).second)
      return Bad(StrCat("key ", Quote(key.scalar), " is set twice"));
    node->items.push_back(std::move(key));
    if (!Eat(':')) return Bad("expected ':'");
    if (!Value(&node->items.emplace_back(), depth + 1)) return false;
    if (Eat('}')) return true;
    if (!Eat(',')) return Bad("expected ',' or '}'");
  }
}

bool JsonReader::String(std::string* out) {
  ++pos_;
  while (pos_ < text_.size()) {
    char c = text_[pos_];
    if (static_cast<unsigned char>(c) < 0x20) return Bad("control character in a string");
    ++pos_;
    if (c == '"') return true;
    if (c != '\\') {
      *out += c;
    } else if (!Escape(out)) {
      return false;
    }
  }
  return Bad("a string without its closing quote");
}

bool JsonReader::Escape(std::string* out) {
  if (pos_ >= text_.size()) return Bad("a string without its closing quote");
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  char c = text_[pos_++];
  if (size_t i = kNames.find(c); i != std::string_view::npos) {
    *out += kMeanings[i];
    return true;
  }
  uint32_t first = 0;
  if (c != 'u' || !Hex4(&first)) return Bad("unknown escape in a string");
  if (first < 0xD800 || first > 0xDFFF) {
    AppendUtf8(out, first);
    return true;
  }
  uint32_t second = 0;
  bool paired = first < 0xDC00 && text_.substr(pos_).starts_with("\\u");
  if (paired) pos_ += 2;
  if (!paired || !Hex4(&second) || second < 0xDC00 || second > 0xDFFF)
    return Bad("half a surrogate pair");
  AppendUtf8(out, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
  return true;
}

bool JsonReader::Hex4(uint32_t* value) {
  auto parsed = base::ParseInt<uint16_t>(text_.substr(pos_, 4), 16);
  if (!parsed || text_.size() - pos_ < 4) return false;
  *value = *parsed;
  pos_ += 4;
  return true;
}

}  // namespace

Result<Node> ParseJson(std::string_view text, const std::string& file) {
  return JsonReader(text, file).Read();
}

}  // namespace slurmscope::config
