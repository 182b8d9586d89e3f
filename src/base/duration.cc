#include "base/duration.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

#include "base/strings.h"

namespace slurmscope::base {
namespace {

struct Unit {
  std::string_view name;
  int64_t size;
};
constexpr int64_t kSecond = 1000;
constexpr int64_t kDay = 24 * 3600 * kSecond;
constexpr std::array<Unit, 7> kUnits = {{{"y", 365 * kDay},
                                         {"w", 7 * kDay},
                                         {"d", kDay},
                                         {"h", 3600 * kSecond},
                                         {"m", 60 * kSecond},
                                         {"s", kSecond},
                                         {"ms", 1}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TakeDigits(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && IsDigit(text[n])) ++n;
  std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

std::string_view TakeLetters(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && !IsDigit(text[n]) && text[n] != '.') ++n;
  std::string_view letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

tl::unexpected<Error> NotADuration(std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("not a valid duration string: ", Quote(text)));
}

int DaysInMonth(int year, int month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Days since 1970-01-01 of a civil date (proleptic Gregorian).
int64_t DaysFromCivil(int64_t year, int month, int day) {
  std::tm tm{};
  tm.tm_year = static_cast<int>(year - 1900);
  tm.tm_mon = month - 1;
  tm.tm_mday = day;
  return timegm(&tm) / 86400;
}

}  // namespace

Result<int64_t> ParseDurationMs(std::string_view text) {
  if (text.empty()) return Fail(ErrorCode::kInvalidArgument, "empty duration string");
  if (text == "0") return 0;
  std::string_view rest = text;
  int64_t total = 0;
  size_t next_unit = 0;
  while (!rest.empty()) {
    auto number = ParseInt<int64_t>(TakeDigits(rest));
    std::string_view name = TakeLetters(rest);
    if (!number) return NotADuration(text);
    size_t unit = next_unit;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) return NotADuration(text);
    int64_t part;
    if (__builtin_mul_overflow(*number, kUnits[unit].size, &part) ||
        __builtin_add_overflow(total, part, &total) ||
        total > std::numeric_limits<int64_t>::max() / 1'000'000) {
      return Fail(ErrorCode::kInvalidArgument, "duration out of range");
    }
    next_unit = unit + 1;
  }
  return total;
}

std::string FormatDurationMs(int64_t milliseconds) {
  if (milliseconds == 0) return "0s";
  std::string out = milliseconds < 0 ? "-" : "";
  auto rest = static_cast<uint64_t>(milliseconds);
  if (milliseconds < 0) rest = ~rest + 1;  // the smallest int64 has no positive twin
  for (const Unit& unit : kUnits) {
    auto size = static_cast<uint64_t>(unit.size);
    bool exact_only = unit.size > kDay;  // years and weeks only where nothing is left over
    if (exact_only && rest % size != 0) continue;
    if (rest / size == 0) continue;
    StrAppend(out, rest / size, unit.name);
    rest %= size;
  }
  return out;
}

Result<int64_t> ParseGoDurationNs(std::string_view text) {
  std::string_view rest = text;
  bool negative = !rest.empty() && rest[0] == '-';
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return NotADuration(text);
  double total = 0;
  while (!rest.empty()) {
    size_t n = 0;
    while (n < rest.size() && (IsDigit(rest[n]) || rest[n] == '.')) ++n;
    double number = 0;
    auto [end, error] =
        std::from_chars(rest.data(), rest.data() + n, number, std::chars_format::fixed);
    if (n == 0 || error != std::errc() || end != rest.data() + n) return NotADuration(text);
    rest.remove_prefix(n);
    std::string_view name = TakeLetters(rest);
    double unit = name == "ns"                                                 ? 1
                  : name == "us" || name == "\xC2\xB5s" || name == "\xCE\xBCs" ? 1e3
                  : name == "ms"                                               ? 1e6
                  : name == "s"                                                ? 1e9
                  : name == "m"                                                ? 60e9
                  : name == "h"                                                ? 3600e9
                                                                               : 0;
    if (unit == 0) return NotADuration(text);
    total += number * unit;
  }
  if (total > 9.2e18) return Fail(ErrorCode::kInvalidArgument, "duration out of range");
  return static_cast<int64_t>(negative ? -total : total);
}

Result<uint64_t> ParseBytes(std::string_view text) {
  std::string_view rest = text;
  size_t n = 0;
  while (n < rest.size() && (IsDigit(rest[n]) || rest[n] == '.')) ++n;
  double number = 0;
  auto [end, error] =
      std::from_chars(rest.data(), rest.data() + n, number, std::chars_format::fixed);
  if (n == 0 || error != std::errc() || end != rest.data() + n) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("not a valid size: ", Quote(text), " (512MB, 1GB, 100)"));
  }
  rest.remove_prefix(n);
  constexpr std::string_view kPrefixes = "KMGTPE";
  double factor = 1;
  if (!rest.empty() && rest != "B") {
    size_t prefix = kPrefixes.find(rest[0]);
    std::string_view suffix = rest.substr(1);
    if (prefix == std::string_view::npos || !(suffix.empty() || suffix == "B" || suffix == "iB")) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("unknown unit in size ", Quote(text), " (B, KB, MB, GB, TB, PB, EB)"));
    }
    for (size_t i = 0; i <= prefix; ++i) factor *= 1024;
  }
  double bytes = number * factor;
  if (bytes >= 18446744073709551615.0)
    return Fail(ErrorCode::kInvalidArgument, "size out of range");
  return static_cast<uint64_t>(bytes);
}

Result<int64_t> ParseRfc3339Ms(std::string_view text) {
  auto bad = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("cannot parse ", Quote(text), " as an RFC 3339 time"));
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return bad();
  }
  auto year = ParseInt<int>(text.substr(0, 4));
  auto month = ParseInt<int>(text.substr(5, 2));
  auto day = ParseInt<int>(text.substr(8, 2));
  auto hour = ParseInt<int>(text.substr(11, 2));
  auto minute = ParseInt<int>(text.substr(14, 2));
  auto second = ParseInt<int>(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return bad();
  if (*year < 0 || *month < 1 || *month > 12 || *day < 1 || *day > DaysInMonth(*year, *month) ||
      *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59 || *second < 0 || *second > 59) {
    return bad();
  }
  std::string_view rest = text.substr(19);
  int64_t milliseconds = 0;
  if (rest[0] == '.') {
    rest.remove_prefix(1);
    std::string_view digits = TakeDigits(rest);
    if (digits.empty()) return bad();
    int64_t scale = 100;
    for (size_t i = 0; i < digits.size() && i < 3; ++i, scale /= 10)
      milliseconds += (digits[i] - '0') * scale;
  }
  int64_t offset = 0;
  if (rest == "Z" || rest == "z") {
    offset = 0;
  } else if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
    auto offset_hour = ParseInt<int>(rest.substr(1, 2));
    auto offset_minute = ParseInt<int>(rest.substr(4, 2));
    if (!offset_hour || !offset_minute) return bad();
    if (*offset_hour < 0 || *offset_hour > 23 || *offset_minute < 0 || *offset_minute > 59)
      return bad();
    offset = (*offset_hour * 60 + *offset_minute) * 60 * (rest[0] == '-' ? -1 : 1);
  } else {
    return bad();
  }
  int64_t days = DaysFromCivil(*year, *month, *day);
  int64_t seconds = days * 86400 + *hour * 3600 + *minute * 60 + *second - offset;
  return seconds * 1000 + milliseconds;
}

std::string FormatRfc3339Ms(int64_t milliseconds) {
  int64_t seconds = milliseconds / 1000;
  int64_t fraction = milliseconds % 1000;
  if (fraction < 0) {
    fraction += 1000;
    --seconds;
  }
  std::time_t time = seconds;
  std::tm tm{};
  gmtime_r(&time, &tm);
  char buffer[64];
  size_t n = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &tm);
  std::string out(buffer, n);
  if (fraction != 0) {
    char digits[8];
    std::snprintf(digits, sizeof digits, ".%03d", static_cast<int>(fraction));
    std::string_view decimals = digits;
    while (decimals.back() == '0') decimals.remove_suffix(1);
    out += decimals;
  }
  out += 'Z';
  return out;
}

}  // namespace slurmscope::base
