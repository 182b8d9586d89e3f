#include "tsdb_text.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/strings.h"

namespace slurmscope::app {
namespace {

using base::StrAppend;
using base::StrCat;

constexpr size_t kMinColumn = 13;
constexpr size_t kPadding = 2;

// A thousandth with its zeros at the end cut off: 990 -> ".99", 0 -> "".
std::string Fraction(uint64_t thousandths) {
  if (thousandths == 0) return "";
  std::string digits = std::to_string(1000 + thousandths).substr(1);
  digits.erase(digits.find_last_not_of('0') + 1);
  return "." + digits;
}

}  // namespace

std::string GoDuration(int64_t milliseconds) {
  if (milliseconds == 0) return "0s";
  uint64_t rest = milliseconds < 0 ? 0 - static_cast<uint64_t>(milliseconds)
                                   : static_cast<uint64_t>(milliseconds);
  std::string out = milliseconds < 0 ? "-" : "";
  if (rest < 1000) return StrCat(out, rest, "ms");
  uint64_t seconds = rest / 1000;
  if (seconds >= 3600) StrAppend(out, seconds / 3600, "h");
  if (seconds >= 60) StrAppend(out, seconds / 60 % 60, "m");
  StrAppend(out, seconds % 60, Fraction(rest % 1000), "s");
  return out;
}

std::string GoTime(int64_t milliseconds) {
  std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return StrCat(milliseconds, " ms");
  char text[64];
  size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S +0000 UTC", &parts);
  return {text, size};
}

std::string Base2Bytes(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes == 0) return "0B";
  std::string out;
  for (std::string_view unit : kUnits) {
    if (bytes % 1024 != 0) out = StrCat(bytes % 1024, unit) + out;
    bytes /= 1024;
  }
  return out;
}

std::string GoLabels(const model::Labels& labels, std::string_view separator) {
  std::string out = "{";
  for (model::Label label : labels) {
    if (out.size() > 1) out += separator;
    bool plain = model::IsLegacyLabelName(label.name);
    StrAppend(out, plain ? std::string(label.name) : base::Quote(label.name), "=",
              base::Quote(label.value));
  }
  out += '}';
  return out;
}

std::string AlignColumns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(kMinColumn);
      widths[i] = std::max(widths[i], row[i].size() + kPadding);
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size(), ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace slurmscope::app
