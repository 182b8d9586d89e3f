#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slurmscope::base {

// The spellings of a float64 that Prometheus' formats use. All give the shortest digits that read
// back to the same value, and "NaN", "+Inf", "-Inf". Exponents have a sign and at least two digits:
// 1e+06.
enum class FloatStyle {
  kExposition,  // Go 'g', -1: exponent form when the decimal exponent is < -4 or >= 6 and the
                // digits do not reach the decimal point: 953880, 1e+06, 1.055154e+06,
                // 0.0001, 1.305e-06
  kApi,         // HTTP API: 'f' unless |v| < 1e-6 or >= 1e21, then 'e'
  kFixed,       // Go 'f', -1: never an exponent (count_values, quantile labels)
};
void AppendFloat(std::string& out, double value, FloatStyle style);
std::string FormatFloat(double value, FloatStyle style);

// Reads a float as Go's ParseFloat does for exposition and PromQL: decimal, exponent, hex floats,
// "Inf", "+Inf", "infinity", "NaN" in any case; no underscores, no surrounding space. Underflow
// gives zero. nullopt when the text is not a number or overflows.
std::optional<double> ParseFloat(std::string_view text);

}  // namespace slurmscope::base
