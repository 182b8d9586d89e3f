#include "base/json_writer.h"

#include <cmath>

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool IsPlain(char c) {
  auto byte = static_cast<uint8_t>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  auto byte = static_cast<uint8_t>(c);
  StrAppend(out, "\\u00", kHexDigits[byte >> 4], kHexDigits[byte & 15]);
}

}  // namespace

void JsonWriter::AppendString(std::string& out, std::string_view value) {
  out += '"';
  while (!value.empty()) {
    size_t plain = 0;
    while (plain < value.size() && IsPlain(value[plain])) ++plain;
    out += value.substr(0, plain);
    value.remove_prefix(plain);
    if (value.empty()) break;
    if (static_cast<uint8_t>(value[0]) < 0x80) {
      AppendEscaped(out, value[0]);
      value.remove_prefix(1);
      continue;
    }
    size_t length = 2;
    while (length <= 4 && length <= value.size() && !IsValidUtf8(value.substr(0, length))) ++length;
    bool valid = length <= 4 && length <= value.size();
    out += valid ? value.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    value.remove_prefix(valid ? length : 1);
  }
  out += '"';
}

void JsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_items_.empty()) return;
  if (has_items_.back()) out_ += ',';
  has_items_.back() = true;
}

JsonWriter& JsonWriter::BeginObject() {
  Separate();
  out_ += '{';
  has_items_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  out_ += '}';
  has_items_.pop_back();
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  Separate();
  out_ += '[';
  has_items_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  out_ += ']';
  has_items_.pop_back();
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  Separate();
  AppendString(out_, key);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view value) {
  Separate();
  AppendString(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Int(int64_t value) {
  Separate();
  StrAppend(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Uint(uint64_t value) {
  Separate();
  StrAppend(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Null();
  Separate();
  AppendFloat(out_, value, FloatStyle::kApi);
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) { return Raw(value ? "true" : "false"); }
JsonWriter& JsonWriter::Null() { return Raw("null"); }

JsonWriter& JsonWriter::Raw(std::string_view json) {
  Separate();
  out_ += json;
  return *this;
}

}  // namespace slurmscope::base
