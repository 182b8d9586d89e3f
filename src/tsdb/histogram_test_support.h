#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "tsdb/open_histogram.h"

namespace slurmscope::tsdb {

// A series of samples as programs make them: counters that grow, get new buckets, start anew, end
// and come back, change their schema, turn into gauges or custom buckets or floats.
class HistogramWalk {
 public:
  using Value = std::variant<model::IntHistogram, model::FloatHistogram>;

  // `mixed`: integer and float histograms take turns; else it is `integer` alone. Without `custom`
  // there are no custom buckets, which older versions of Prometheus do not know.
  HistogramWalk(uint64_t seed, bool mixed, bool integer = true, bool custom = true)
      : random_(seed), mixed_(mixed), integer_(integer), custom_(custom) {
    Restart();
  }

  Value Next() {
    if (Chance(40)) Restart();
    if (mixed_ && Chance(30)) integer_ = !integer_;
    bool ends = Chance(50);
    Observe();
    Value value;
    if (integer_) {
      value = ends ? Marker<model::IntHistogram>() : Ints();
    } else {
      value = ends ? Marker<model::FloatHistogram>() : Floats();
    }
    return value;
  }

 private:
  bool Chance(unsigned one_in) { return random_() % one_in == 0; }
  int Between(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }

  void Restart() {
    positive_.clear();
    negative_.clear();
    zero_ = 0;
    sum_ = 0;
    gauge_ = Chance(4);
    bounds_.clear();
    schema_ = custom_ && Chance(3) ? model::FloatHistogram::kCustomSchema : Between(-4, 8);
    threshold_ = Chance(3) ? 0.001 : Chance(2) ? 1.0 / 128 : 0;
    if (schema_ != model::FloatHistogram::kCustomSchema) return;
    threshold_ = 0;
    double bound = Chance(2) ? 0.005 : -3.25;
    for (int i = Between(1, 12); i > 0; --i) {
      bounds_.push_back(bound);
      bound += Chance(4) ? 1.0 / 3 : Between(1, 40000);
    }
  }

  void Observe() {
    bool custom = !bounds_.empty();
    for (int i = Between(0, 6); i > 0; --i) {
      int index = custom ? Between(0, static_cast<int>(bounds_.size())) : Between(-20, 30);
      positive_[index] += Between(0, 1000);
      if (!custom && Chance(3)) negative_[Between(-5, 5)] += Between(1, 9);
      if (!custom && Chance(2)) ++zero_;
    }
    if (gauge_ && Chance(3) && !positive_.empty()) positive_.erase(positive_.begin());
    sum_ += Between(-100, 1000) / 7.0;
  }

  template <typename Histogram>
  Histogram Marker() {
    Histogram h;
    h.sum = model::StaleNan();
    return h;
  }
  template <typename Histogram>
  Histogram Common() {
    Histogram h;
    h.schema = schema_;
    h.hint = gauge_ ? model::ResetHint::kGauge : model::ResetHint::kUnknown;
    h.zero_threshold = threshold_;
    h.sum = sum_;
    h.custom_values = bounds_;
    return h;
  }
  model::IntHistogram Ints() {
    auto h = Common<model::IntHistogram>();
    h.zero_count = h.count = static_cast<uint64_t>(zero_);
    for (const auto& [index, count] : positive_) h.positive.push_back({index, count});
    for (const auto& [index, count] : negative_) h.negative.push_back({index, count});
    for (const auto& bucket : h.positive) h.count += static_cast<uint64_t>(bucket.count);
    for (const auto& bucket : h.negative) h.count += static_cast<uint64_t>(bucket.count);
    return h;
  }
  model::FloatHistogram Floats() {
    model::FloatHistogram h = Ints().ToFloat();
    h.Scale(0.25);
    h.sum = sum_;
    return h;
  }

  std::mt19937_64 random_;
  bool mixed_;
  bool integer_;
  bool custom_;
  bool gauge_ = false;
  int32_t schema_ = 0;
  double threshold_ = 0;
  int64_t zero_ = 0;
  double sum_ = 0;
  std::map<int32_t, int64_t> positive_;
  std::map<int32_t, int64_t> negative_;
  std::vector<double> bounds_;
};

inline HistogramRef View(const HistogramWalk::Value& value) {
  return value.index() == 0 ? HistogramRef(std::get<0>(value)) : HistogramRef(std::get<1>(value));
}

inline model::FloatHistogram AsFloat(const HistogramWalk::Value& value) {
  return value.index() == 0 ? std::get<0>(value).ToFloat() : std::get<1>(value);
}

// Compares what a query gets with what was put in.
inline void ExpectSample(const model::Columns& columns, size_t i, int64_t t,
                         const HistogramWalk::Value& value) {
  ASSERT_LT(i, columns.size());
  EXPECT_EQ(columns.t[i], t);
  if (View(value).stale()) {
    EXPECT_EQ(columns.Histogram(i), nullptr);
    EXPECT_TRUE(model::IsStale(columns.v[i]));
    return;
  }
  ASSERT_NE(columns.Histogram(i), nullptr) << i;
  model::FloatHistogram wanted = AsFloat(value);
  EXPECT_TRUE(columns.Histogram(i)->Equals(wanted))
      << i << ": " << columns.Histogram(i)->ToString() << " instead of " << wanted.ToString();
  EXPECT_EQ(columns.Histogram(i)->hint == model::ResetHint::kGauge,
            wanted.hint == model::ResetHint::kGauge);
}

}  // namespace slurmscope::tsdb
