#include "agent/collectors/json_fixture.h"

#include "agent/progress.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent {

base::Result<config::Node> ReadJsonFixture(const std::string& path) {
  constexpr uint64_t kLimit = 1 << 20;
  NotePath(path);
  const std::string text = TRY(base::ReadFile(path, kLimit));
  return config::ParseJson(text, path);
}

int64_t JsonInt(const config::Node& object, std::string_view key) {
  return base::ParseInt<int64_t>(JsonText(object, key)).value_or(0);
}

std::string JsonText(const config::Node& object, std::string_view key) {
  const config::Node* node = object.Find(key);
  return node == nullptr ? std::string() : node->scalar;
}

std::string JsonBytes(const config::Node& object, std::string_view key) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : JsonText(object, key)) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

}  // namespace slurmscope::agent
