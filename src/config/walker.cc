#include "config/walker.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/duration.h"
#include "base/strings.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrAppend;
using base::StrCat;

constexpr size_t kMaxErrors = 100;

std::string_view KindName(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMapping:
      return "a mapping";
  }
  return "nothing";
}

std::string Expected(std::string_view what, const Node& node) {
  return StrCat("expected ", what, ", found ", KindName(node.kind));
}

}  // namespace

void Report::Add(std::vector<Problem>* to, const Node& at, std::string_view path,
                 std::string_view problem) {
  std::string text = StrCat(file_, ":", at.line, ":", at.column, ": ");
  if (!path.empty()) StrAppend(text, path, ": ");
  text += problem;
  to->push_back({at.line, at.column, std::move(text)});
}

void Report::Error(const Node& at, std::string_view path, std::string_view problem) {
  Add(&errors_, at, path, problem);
}

void Report::Warn(const Node& at, std::string_view path, std::string_view problem) {
  Add(&warnings_, at, path, problem);
}

base::Error Report::TakeError() {
  std::stable_sort(errors_.begin(), errors_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  std::string message;
  for (size_t i = 0; i < errors_.size() && i < kMaxErrors; ++i) {
    StrAppend(message, i > 0 ? "\n" : "", errors_[i].text);
  }
  if (errors_.size() > kMaxErrors)
    StrAppend(message, "\nand ", errors_.size() - kMaxErrors, " more");
  return {base::ErrorCode::kInvalidArgument, std::move(message)};
}

std::vector<std::string> Report::TakeWarnings() {
  std::stable_sort(warnings_.begin(), warnings_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  std::vector<std::string> texts;
  for (Problem& warning : warnings_) texts.push_back(std::move(warning.text));
  return texts;
}

MappingReader::MappingReader(const Node& node, std::string path, Report* report)
    : node_(node), path_(std::move(path)), report_(report) {
  bool fits = node.kind == Node::Kind::kMapping || node.kind == Node::Kind::kNull;
  if (!fits) report->Error(node, path_, Expected("a mapping", node));
}

std::string MappingReader::Path(std::string_view key) const {
  return path_.empty() ? std::string(key) : StrCat(path_, ".", key);
}

const Node* MappingReader::Value(std::string_view key) const {
  const Node* value = node_.Find(key);
  return value == nullptr || value->kind == Node::Kind::kNull ? nullptr : value;
}

const Node* MappingReader::Take(std::string_view key) {
  known_.push_back(key);
  return Value(key);
}

const Node* MappingReader::TakeMapping(std::string_view key) {
  const Node* value = Take(key);
  if (value == nullptr || value->kind == Node::Kind::kMapping) return value;
  Error(key, Expected("a mapping", *value));
  return nullptr;
}

const Node* MappingReader::TakeList(std::string_view key) {
  const Node* value = Take(key);
  if (value == nullptr || value->kind == Node::Kind::kList) return value;
  Error(key, Expected("a list", *value));
  return nullptr;
}

const Node* MappingReader::TakeScalar(std::string_view key) {
  const Node* value = Take(key);
  if (value == nullptr || value->kind == Node::Kind::kScalar) return value;
  Error(key, Expected("a single value", *value));
  return nullptr;
}

bool MappingReader::String(std::string_view key, std::string* out) {
  const Node* value = TakeScalar(key);
  if (value != nullptr) *out = value->scalar;
  return value != nullptr;
}

bool MappingReader::Bool(std::string_view key, bool* out) {
  const Node* value = TakeScalar(key);
  if (value == nullptr) return false;
  constexpr std::array<std::string_view, 10> kTrue = {"true", "True", "TRUE", "yes", "Yes",
                                                      "YES",  "on",   "On",   "ON",  "y"};
  constexpr std::array<std::string_view, 10> kFalse = {"false", "False", "FALSE", "no",  "No",
                                                       "NO",    "off",   "Off",   "OFF", "n"};
  auto is_in = [&](const auto& words) {
    return !value->quoted && std::find(words.begin(), words.end(), value->scalar) != words.end();
  };
  bool yes = is_in(kTrue);
  if (!yes && !is_in(kFalse)) {
    Error(key, "expected true or false");
    return false;
  }
  *out = yes;
  return true;
}

bool MappingReader::Unsigned(std::string_view key, uint64_t* out) {
  const Node* value = TakeScalar(key);
  if (value == nullptr) return false;
  auto number = base::ParseInt<uint64_t>(value->scalar);
  if (!number || value->quoted) {
    Error(key, "expected a whole number that is not negative");
    return false;
  }
  *out = *number;
  return true;
}

bool MappingReader::DurationMs(std::string_view key, int64_t* out) {
  const Node* value = TakeScalar(key);
  if (value == nullptr) return false;
  auto duration = base::ParseDurationMs(value->scalar);
  if (!duration) {
    Error(key, duration.error().message());
    return false;
  }
  *out = *duration;
  return true;
}

bool MappingReader::Bytes(std::string_view key, uint64_t* out) {
  const Node* value = TakeScalar(key);
  if (value == nullptr) return false;
  auto bytes = base::ParseBytes(value->scalar);
  if (!bytes) {
    Error(key, bytes.error().message());
    return false;
  }
  *out = *bytes;
  return true;
}

bool MappingReader::StringList(std::string_view key, std::vector<std::string>* out) {
  const Node* list = TakeList(key);
  if (list == nullptr) return false;
  std::vector<std::string> texts;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const std::string* text = ScalarText(list->items[i], StrCat(Path(key), "[", i, "]"), report_);
    if (text != nullptr) texts.push_back(*text);
  }
  *out = std::move(texts);
  return true;
}

bool MappingReader::StringMap(std::string_view key, std::map<std::string, std::string>* out) {
  const Node* mapping = TakeMapping(key);
  if (mapping == nullptr) return false;
  std::map<std::string, std::string> texts;
  for (size_t i = 0; i + 1 < mapping->items.size(); i += 2) {
    const std::string& name = mapping->items[i].scalar;
    const Node& value = mapping->items[i + 1];
    if (value.kind == Node::Kind::kNull) {
      texts[name] = "";
    } else if (const std::string* text = ScalarText(value, StrCat(Path(key), ".", name), report_)) {
      texts[name] = *text;
    }
  }
  *out = std::move(texts);
  return true;
}

void MappingReader::Error(std::string_view key, std::string_view problem) {
  const Node* value = node_.Find(key);
  report_->Error(value == nullptr ? node_ : *value, Path(key), problem);
}

void MappingReader::WarnIfSet(std::string_view key, std::string_view problem) {
  if (const Node* value = Take(key)) report_->Warn(*value, Path(key), problem);
}

void MappingReader::RefuseIfSet(std::string_view key, std::string_view problem) {
  if (const Node* value = Take(key)) report_->Error(*value, Path(key), problem);
}

void MappingReader::Finish() {
  if (node_.kind != Node::Kind::kMapping) return;
  size_t unknown = 0;
  for (size_t i = 0; i + 1 < node_.items.size(); i += 2) {
    const Node& key = node_.items[i];
    if (std::find(known_.begin(), known_.end(), key.scalar) != known_.end()) continue;
    if (++unknown > kMaxErrors) return;
    // The distance to a word of another length is of no use, and slow for a long one.
    std::string_view near =
        key.scalar.size() > 64 ? std::string_view() : base::NearestWord(key.scalar, known_);
    std::string problem = "unknown key";
    if (!near.empty()) StrAppend(problem, ", did you mean ", Quote(near), "?");
    report_->Error(key, Path(key.scalar), problem);
  }
}

const std::string* ScalarText(const Node& node, const std::string& path, Report* report) {
  if (node.kind == Node::Kind::kScalar) return &node.scalar;
  report->Error(node, path, Expected("a single value", node));
  return nullptr;
}

}  // namespace slurmscope::config
