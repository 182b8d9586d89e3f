#include "agent/collectors/human_size.h"

#include <cmath>
#include <cstdint>

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kUnits = "kMGTPE";

// Takes the unit off; 1 when there is none.
double TakeUnit(std::string_view& text) {
  if (text.empty()) return 1;
  const size_t unit = text.back() == 'K' ? 0 : kUnits.find(text.back());
  if (unit == std::string_view::npos) return 1;
  text.remove_suffix(1);
  return static_cast<double>(uint64_t{1} << (10 * (unit + 1)));
}

// As std::floor, which would be the agent's only use of libm.
double WithoutFraction(double value) {
  constexpr double kAllWholeBeyond = 0x1p53;
  if (!(std::abs(value) < kAllWholeBeyond)) return value;
  const auto whole = static_cast<double>(static_cast<int64_t>(value));
  return whole > value ? whole - 1 : whole;
}

}  // namespace

std::optional<double> ParseHumanSize(std::string_view text) {
  const double unit = TakeUnit(text);
  const auto value = base::ParseFloat(text);
  if (!value) return std::nullopt;
  return WithoutFraction(*value * unit);
}

std::optional<double> ParseBcacheSize(std::string_view text) {
  const double unit = TakeUnit(text);
  const size_t point = text.find('.');
  const auto whole = base::ParseInt<int64_t>(text.substr(0, point));
  if (!whole) return std::nullopt;
  double value = static_cast<double>(*whole) * unit;
  if (point == std::string_view::npos) return value;
  const auto tenths = base::ParseInt<int64_t>(text.substr(point + 1));
  if (!tenths) return std::nullopt;
  return value + static_cast<double>(*tenths) * 100 * unit / 1024;
}

}  // namespace slurmscope::agent
