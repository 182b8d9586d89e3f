#include <gtest/gtest.h>

#include "promql/parser.h"

namespace slurmscope::promql {
namespace {

std::string Laid(std::string_view text) {
  auto expr = ParseExpr(text);
  return expr ? Prettify(**expr) : expr.error().message();
}

TEST(Prettify, ShortOnesStayOnALine) {
  EXPECT_EQ(Laid("sum( up )by(job)/2"), "sum by (job) (up) / 2");
  EXPECT_EQ(Laid("m{a=\"" + std::string(200, 'x') + "\"}"),
            "m{a=\"" + std::string(200, 'x') + "\"}");
}

TEST(Prettify, SplitsWhatIsTooLongAndNothingElse) {
  EXPECT_EQ(Laid("sum by (instance) (rate(node_network_receive_bytes_total{device!=\"lo\"}[5m])) + "
                 "on (instance) group_left () -(sum by (instance) "
                 "(rate(node_network_transmit_bytes_total{device!=\"lo\"}[5m] offset 1h)) or "
                 "vector(0.5))"),
            R"(  sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[5m]))
+ on (instance) group_left ()
  -(
      sum by (instance) (rate(node_network_transmit_bytes_total{device!="lo"}[5m] offset 1h))
    or
      vector(0.5)
  ))");
  EXPECT_EQ(Laid("quantile without (instance) (0.9, max_over_time((some_long_name_of_a_metric - "
                 "some_other_long_name_of_a_metric)[1h:5m] offset 1d))"),
            R"(quantile without (instance) (
  0.9,
  max_over_time((some_long_name_of_a_metric - some_other_long_name_of_a_metric)[1h:5m] offset 1d)
))");
}

TEST(Prettify, ParsesToTheSame) {
  for (std::string text :
       {"a", "-a + b", "-(a + b) ^ c", "sum(-a * b) > bool 3", "(a or b)[1h:]"}) {
    while (text.size() < 600) {
      text = text.ends_with(']') ? "max_over_time(" + text + ")" : "abs(" + text + ") - " + text;
    }
    auto expr = ParseExpr(text);
    ASSERT_TRUE(expr) << text << expr.error().message();
    auto again = ParseExpr(Prettify(**expr));
    ASSERT_TRUE(again) << Prettify(**expr);
    EXPECT_EQ(ToString(**again), ToString(**expr));
  }
}

}  // namespace
}  // namespace slurmscope::promql
