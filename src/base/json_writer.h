#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slurmscope::base {

// Writes JSON into a string as it goes: no tree, no copies. Commas are its own affair; balanced
// Begin and End calls are the caller's. Strings are escaped; bytes that are not UTF-8 become
// U+FFFD. Not thread-safe.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view key);

  JsonWriter& String(std::string_view value);
  JsonWriter& Int(int64_t value);
  JsonWriter& Uint(uint64_t value);
  // A JSON number in the API's float form; NaN and infinities, which JSON has not, become null.
  JsonWriter& Double(double value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  // Already JSON.
  JsonWriter& Raw(std::string_view json);

  // Key and value at once.
  JsonWriter& Field(std::string_view key, std::string_view value) { return Key(key).String(value); }
  JsonWriter& Field(std::string_view key, const char* value) { return Key(key).String(value); }
  JsonWriter& Field(std::string_view key, bool value) { return Key(key).Bool(value); }
  JsonWriter& Field(std::string_view key, double value) { return Key(key).Double(value); }
  JsonWriter& Field(std::string_view key, int value) { return Key(key).Int(value); }
  JsonWriter& Field(std::string_view key, int64_t value) { return Key(key).Int(value); }
  JsonWriter& Field(std::string_view key, uint64_t value) { return Key(key).Uint(value); }

  // "x" with escapes, appended to `out`.
  static void AppendString(std::string& out, std::string_view value);

 private:
  void Separate();

  std::string& out_;
  std::vector<bool> has_items_;  // of the open objects and arrays
  bool after_key_ = false;
};

}  // namespace slurmscope::base
