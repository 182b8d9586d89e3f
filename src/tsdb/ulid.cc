#include "tsdb/ulid.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

namespace slurmscope::tsdb {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kLength = 26;

}  // namespace

std::string NewUlid(int64_t now_ms) {
  std::array<uint8_t, 16> bytes{};
  auto time = static_cast<uint64_t>(now_ms);
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(time >> (8 * (5 - i)));
  size_t filled = 6;
  while (filled < bytes.size()) {
    ssize_t n = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (n > 0) filled += static_cast<size_t>(n);
  }
  std::string out(kLength, '0');
  __extension__ unsigned __int128 number = 0;
  for (uint8_t byte : bytes) number = (number << 8) | byte;
  for (size_t i = kLength; i > 0; --i, number >>= 5) {
    out[i - 1] = kDigits[static_cast<size_t>(number & 31)];
  }
  return out;
}

bool IsUlid(std::string_view name) {
  return name.size() == kLength && name[0] <= '7' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return kDigits.find(c) != std::string_view::npos; });
}

}  // namespace slurmscope::tsdb
