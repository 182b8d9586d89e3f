#include "base/float_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace slurmscope::base {
namespace {

constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Spelling {
  double value;
  std::string_view exposition;
  std::string_view api;
  std::string_view fixed;
};

// What Go prints by FormatFloat(v, 'g', -1, 64), by the API's rule and by 'f'.
const Spelling kSpellings[] = {
    {0, "0", "0", "0"},
    {-0.0, "-0", "-0", "-0"},
    {1, "1", "1", "1"},
    {-1.5, "-1.5", "-1.5", "-1.5"},
    {0.1, "0.1", "0.1", "0.1"},
    {0.3, "0.3", "0.3", "0.3"},
    {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
    {0.001, "0.001", "0.001", "0.001"},
    {0.0001, "0.0001", "0.0001", "0.0001"},
    {0.00001, "1e-05", "0.00001", "0.00001"},
    {0.000001, "1e-06", "0.000001", "0.000001"},
    {0.0000001, "1e-07", "1e-07", "0.0000001"},
    {1.305e-06, "1.305e-06", "0.000001305", "0.000001305"},
    {100000, "100000", "100000", "100000"},
    {953880, "953880", "953880", "953880"},
    {1e20, "1e+20", "100000000000000000000", "100000000000000000000"},
    {1e21, "1e+21", "1e+21", "1000000000000000000000"},
    {123456789, "1.23456789e+08", "123456789", "123456789"},
    {1055154, "1.055154e+06", "1055154", "1055154"},
    {1000000, "1e+06", "1000000", "1000000"},
    {123456.75, "123456.75", "123456.75", "123456.75"},
    {1234567.5, "1.2345675e+06", "1234567.5", "1234567.5"},
    {1.7e308, "1.7e+308", "1.7e+308", ""},
    {kMax, "1.7976931348623157e+308", "1.7976931348623157e+308", ""},
    {kTiny, "5e-324", "5e-324", ""},
    {kInf, "+Inf", "+Inf", "+Inf"},
    {-kInf, "-Inf", "-Inf", "-Inf"},
    {kNan, "NaN", "NaN", "NaN"},
};

TEST(FloatText, SpellsAsGo) {
  for (const Spelling& s : kSpellings) {
    EXPECT_EQ(FormatFloat(s.value, FloatStyle::kExposition), s.exposition) << s.value;
    EXPECT_EQ(FormatFloat(s.value, FloatStyle::kApi), s.api) << s.value;
    if (!s.fixed.empty()) {
      EXPECT_EQ(FormatFloat(s.value, FloatStyle::kFixed), s.fixed) << s.value;
    }
  }
  EXPECT_EQ(FormatFloat(kMax, FloatStyle::kFixed).size(), 309u);
  std::string tiny = FormatFloat(-kTiny, FloatStyle::kFixed);
  EXPECT_EQ(tiny.size(), 3u + 324u);
  EXPECT_EQ(tiny.substr(tiny.size() - 2), "05");
}

TEST(FloatText, EveryStyleReadsBackToTheSameBits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    auto value = std::bit_cast<double>(random());
    if (std::isnan(value)) continue;
    for (FloatStyle style : {FloatStyle::kExposition, FloatStyle::kApi, FloatStyle::kFixed}) {
      auto back = ParseFloat(FormatFloat(value, style));
      ASSERT_TRUE(back) << value;
      EXPECT_EQ(std::bit_cast<uint64_t>(*back), std::bit_cast<uint64_t>(value));
    }
  }
}

TEST(FloatText, Reads) {
  struct Case {
    std::string_view text;
    double value;
  };
  for (const Case& c : std::initializer_list<Case>{{"0", 0},
                                                   {"1", 1},
                                                   {"+5", 5},
                                                   {"-5.", -5},
                                                   {".5", 0.5},
                                                   {"1e3", 1000},
                                                   {"1E+3", 1000},
                                                   {"0x1p-2", 0.25},
                                                   {"0X1P+4", 16},
                                                   {"-0x1.8p1", -3},
                                                   {"0x.8p0", 0.5},
                                                   {"1e-400", 0},
                                                   {"-1e-400", -0.0},
                                                   {"0x1p-2000", 0},
                                                   {"5e-324", kTiny},
                                                   {"1.7976931348623157e308", kMax},
                                                   {"Inf", kInf},
                                                   {"+inf", kInf},
                                                   {"-INFINITY", -kInf},
                                                   {"0e9999999999", 0},
                                                   {"007", 7}}) {
    auto value = ParseFloat(c.text);
    ASSERT_TRUE(value) << c.text;
    EXPECT_EQ(std::bit_cast<uint64_t>(*value), std::bit_cast<uint64_t>(c.value)) << c.text;
  }
  for (std::string_view nan : {"NaN", "nan", "NAN"})
    EXPECT_TRUE(std::isnan(ParseFloat(nan).value())) << nan;
}

TEST(FloatText, Refuses) {
  for (std::string_view bad :
       {"",       "+",     "-",      ".",        "e5",   "1e",   "1e+",     "1_000",
        " 1",     "1 ",    "1x",     "--1",      "+-1",  "0x",   "0xp1",    "0x1",
        "0x1.8",  "1e400", "-1e400", "0x1p2000", "+NaN", "-nan", "infinit", "0x-1p1",
        "0x+1p1", "0x1p",  "1.2.3",  "1,5",      "0b1"}) {
    EXPECT_FALSE(ParseFloat(bad)) << bad;
  }
}

}  // namespace
}  // namespace slurmscope::base
