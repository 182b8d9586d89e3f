// Writes the data of the comparison with stock Prometheus into a new data directory:
//   diff_data DIRECTORY
// The same bytes in every run. Series demo_* are like those of the demo service that PromQL's
// compliance tests query; series rnd_* are for the fuzzer. No sample lies on a whole second, so
// that no window that starts on one has a sample on its edge (Prometheus 2 counts that sample,
// Prometheus 3 does not).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "model/int_histogram.h"
#include "model/sample.h"
#include "tsdb/db.h"

namespace slurmscope {
namespace {

constexpr int64_t kStart = 1'700'000'000'000;
constexpr int64_t kDemoEnd = kStart + 2 * 3600 * 1000;

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

struct Point {
  int64_t t;
  double v;
  uint32_t series;
  std::shared_ptr<const model::IntHistogram> histogram = nullptr;  // then `v` means nothing
};

class Data {
 public:
  uint32_t Series(const Pairs& pairs) {
    labels_.push_back(model::Labels::FromPairs(pairs));
    return static_cast<uint32_t>(labels_.size() - 1);
  }
  void Add(uint32_t series, int64_t t, double v) { points_.push_back({t, v, series}); }
  void Add(uint32_t series, int64_t t, const model::IntHistogram& histogram) {
    points_.push_back({t, 0, series, std::make_shared<const model::IntHistogram>(histogram)});
  }

  base::Result<void> WriteTo(const std::string& path);
  size_t series() const { return labels_.size(); }
  size_t points() const { return points_.size(); }

 private:
  std::vector<model::Labels> labels_;
  std::vector<Point> points_;
};

// In order of time: a head takes nothing that is much older than its newest sample.
base::Result<void> Data::WriteTo(const std::string& path) {
  tsdb::DbOptions options;
  options.path = path;
  auto db = TRY(tsdb::Db::Open(std::move(options)));
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.t < b.t; });
  std::vector<model::SeriesRef> refs(labels_.size(), 0);
  constexpr size_t kBatch = 20'000;
  for (size_t i = 0; i < points_.size(); i += kBatch) {
    auto appender = db->NewAppender();
    for (size_t k = i; k < std::min(i + kBatch, points_.size()); ++k) {
      const Point& point = points_[k];
      const model::Labels& labels = labels_[point.series];
      model::SeriesRef ref = refs[point.series];
      auto result = point.histogram != nullptr
                        ? appender->AppendHistogram(ref, labels, point.t, *point.histogram)
                        : appender->Append(ref, labels, point.t, point.v);
      if (result.status != model::AppendStatus::kOk) {
        return base::Fail(base::ErrorCode::kInternal, "a sample was refused");
      }
      refs[point.series] = result.ref;
    }
    TRY(appender->Commit());
  }
  return db->Sync();
}

// The same numbers from every compiler: the standard's distributions are not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Below(uint64_t n) { return engine_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // Eighths, so that sums are exact whatever their order.
  double Eighths(int64_t low, int64_t high) {
    return static_cast<double>(static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) * 8)) +
                               low * 8) /
           8;
  }

 private:
  std::mt19937_64 engine_;
};

struct Instance {
  std::string name;
  int64_t offset_ms;
  double scale;
  bool resets;
};

class Demo {
 public:
  Demo(Data* data, Instance instance) : data_(*data), in_(std::move(instance)) {}

  void Write() {
    Requests();
    for (const char* mode : {"idle", "system", "user"}) {
      Counter({{"__name__", "demo_cpu_usage_seconds_total"}, {"mode", mode}},
              mode[0] == 'i' ? 3.5 : 0.25);
    }
    for (const char* type : {"buffers", "cached", "free", "used"}) {
      Wave({{"__name__", "demo_memory_usage_bytes"}, {"type", type}}, 1e9 + type[0] * 1e7, 2e8);
    }
    Wave({{"__name__", "demo_disk_usage_bytes"}}, 4e10, 5e9);
    Constant({{"__name__", "demo_disk_total_bytes"}}, 262144000000);
    Constant({{"__name__", "demo_num_cpus"}}, 4);
    Counter({{"__name__", "demo_items_shipped_total"}}, 2.2);
    Intermittent();
  }

 private:
  uint32_t Series(Pairs pairs) {
    pairs.emplace_back("instance", in_.name);
    pairs.emplace_back("job", "demo");
    return data_.Series(pairs);
  }

  template <typename Value>
  void Fill(const Pairs& pairs, Value value) {
    uint32_t series = Series(pairs);
    for (int64_t t = kStart + in_.offset_ms, i = 0; t < kDemoEnd; t += 5000, ++i) {
      data_.Add(series, t, value(i));
    }
  }

  void Counter(const Pairs& pairs, double per_second) {
    double value = 0;
    Fill(pairs, [&](int64_t i) {
      if (in_.resets && i % 97 == 96) value = 0;
      double wobble = 1 + 0.4 * std::sin(static_cast<double>(i) / 31);
      return value += per_second * 5 * in_.scale * wobble;
    });
  }

  void Wave(const Pairs& pairs, double mean, double height) {
    Fill(pairs, [&](int64_t i) {
      double x = static_cast<double>(i);
      return std::floor((mean + height * std::sin(x / 57) + height / 9 * std::sin(x / 3)) *
                        in_.scale);
    });
  }

  void Constant(const Pairs& pairs, double value) {
    Fill(pairs, [&](int64_t) { return value; });
  }

  void Requests() {
    struct Route {
      const char *method, *path, *status;
      double rate;
    };
    const Route kRoutes[] = {
        {"GET", "/api/bar", "200", 31},        {"GET", "/api/bar", "500", 2},
        {"GET", "/api/foo", "200", 47},        {"GET", "/api/foo", "500", 5},
        {"GET", "/api/nonexistent", "404", 7}, {"POST", "/api/bar", "200", 11},
        {"POST", "/api/foo", "200", 13},       {"POST", "/api/foo", "500", 1},
    };
    for (const Route& route : kRoutes) {
      Histogram({{"method", route.method}, {"path", route.path}, {"status", route.status}},
                route.rate);
    }
  }

  // 26 buckets that grow by half, and the infinite one.
  void Histogram(const Pairs& route, double per_second) {
    double bound = 0.0001;
    for (int i = 0; i <= 26; ++i, bound *= 1.5) {
      char text[32] = "+Inf";
      if (i < 26) std::snprintf(text, sizeof text, "%.17g", bound);
      Pairs pairs = route;
      pairs.emplace_back("__name__", "demo_api_request_duration_seconds_bucket");
      std::string le = text;
      pairs.emplace_back("le", le);
      double share = i < 26 ? 1 - std::exp(-bound / 0.02) : 1;
      Counter(pairs, per_second * share);
    }
    Pairs count = route;
    count.emplace_back("__name__", "demo_api_request_duration_seconds_count");
    Counter(count, per_second);
    Pairs sum = route;
    sum.emplace_back("__name__", "demo_api_request_duration_seconds_sum");
    Counter(sum, per_second * 0.02);
  }

  // Away for every second two minutes; every other time it goes with a stale marker.
  void Intermittent() {
    uint32_t series = Series({{"__name__", "demo_intermittent_metric"}});
    for (int64_t i = 0; i < (kDemoEnd - kStart) / 5000; ++i) {
      int64_t t = kStart + in_.offset_ms + i * 5000;
      bool present = (i / 24) % 2 == 0;
      bool ends = i % 96 == 24;
      if (present) data_.Add(series, t, 1);
      if (ends) data_.Add(series, t, model::StaleNan());
    }
  }

  Data& data_;
  Instance in_;
};

class Wild {
 public:
  explicit Wild(Data* data) : data_(*data), random_(20231114) {}

  void Write() {
    for (const char* a : {"x", "y", "z"}) {
      for (const char* b : {"p", "q", ""}) {
        for (const char* c : {"", "ü", "1"}) {
          if (random_.OneIn(5)) continue;
          Pairs rest = {{"a", a}, {"b", b}, {"c", c}};
          Gauge(rest);
          Counter(rest);
          Small(rest);
        }
        Special({{"a", a}, {"b", b}});
        Info({{"a", a}, {"b", b}});
        Buckets({{"a", a}, {"b", b}});
        Native({{"a", a}, {"b", b}});
      }
    }
    Texts();
  }

 private:
  uint32_t Series(std::string_view name, Pairs pairs) {
    pairs.emplace_back("__name__", name);
    return data_.Series(pairs);
  }

  // Every 15 s, with lost samples, holes of minutes, stale markers, some late starts and early
  // ends.
  template <typename Value>
  void Fill(uint32_t series, Value value) {
    int64_t offset = static_cast<int64_t>(random_.Below(14)) * 1000 + 1 +
                     static_cast<int64_t>(random_.Below(998));
    int64_t from = random_.OneIn(4) ? static_cast<int64_t>(random_.Below(120)) : 0;
    int64_t to = random_.OneIn(4) ? 120 + static_cast<int64_t>(random_.Below(120)) : 240;
    int64_t hole = 0;
    for (int64_t i = from; i < to; ++i) {
      int64_t t = kStart + offset + i * 15'000;
      auto v = value();
      if (hole > 0) {
        --hole;
      } else if (random_.OneIn(60)) {
        hole = static_cast<int64_t>(random_.Below(40));
        if (random_.OneIn(2)) data_.Add(series, t, model::StaleNan());
      } else if (!random_.OneIn(12)) {
        data_.Add(series, t, v);
      }
    }
  }

  void Gauge(const Pairs& pairs) {
    Fill(Series("rnd_gauge", pairs), [&] { return random_.Eighths(-1000, 1000); });
  }

  // Never near zero: there Prometheus 2.42 and 3 extrapolate rates differently.
  void Counter(const Pairs& pairs) {
    double value = random_.Eighths(100'000, 200'000);
    Fill(Series("rnd_counter_total", pairs), [&, value]() mutable {
      if (random_.OneIn(40)) value = random_.Eighths(100'000, 100'010);
      return value += random_.Eighths(0, 20);
    });
  }

  void Small(const Pairs& pairs) {
    Fill(Series("rnd_small", pairs), [&] { return static_cast<double>(random_.Below(6)) - 1; });
  }

  void Special(const Pairs& pairs) {
    const double kInf = std::numeric_limits<double>::infinity();
    const double values[] = {model::NormalNan(), kInf, -kInf, 0, -0.0, 1, -2.5, 1e9, -1e-3};
    Fill(Series("rnd_special", pairs), [&] { return values[random_.Below(9)]; });
  }

  void Info(Pairs pairs) {
    pairs.emplace_back("version", random_.OneIn(2) ? "1.0" : "2.0");
    Fill(Series("rnd_info", pairs), [] { return 1.0; });
  }

  void Buckets(const Pairs& pairs) {
    double total = 1000;
    for (const char* le : {"0.1", "0.5", "1", "2.5", "10", "+Inf"}) {
      Pairs all = pairs;
      all.emplace_back("le", le);
      double value = total += 500;
      Fill(Series("rnd_seconds_bucket", all),
           [&, value]() mutable { return value += random_.Eighths(0, 30); });
    }
  }

  // Counts that are never near zero, and begin anew now and then.
  void Native(const Pairs& pairs) {
    model::IntHistogram h;
    h.schema = static_cast<int32_t>(random_.Below(3));
    h.zero_threshold = 0.001;
    auto restart = [this, &h] {
      h.positive = {{1, 100'000}, {2, 50'000}, {5, 1000}};
      h.negative = {{0, 10'000}};
      h.zero_count = random_.Below(1000);
      h.sum = 12'345;
    };
    restart();
    Fill(Series("rnd_native", pairs), [&] {
      if (random_.OneIn(50)) restart();
      if (random_.OneIn(30)) h.positive.push_back({h.positive.back().index + 2, 1});
      for (auto* buckets : {&h.positive, &h.negative}) {
        for (model::IntHistogramBucket& bucket : *buckets)
          bucket.count += static_cast<int64_t>(random_.Below(20));
      }
      h.sum += random_.Eighths(-10, 30);
      h.count = h.zero_count;
      for (const auto* buckets : {&h.positive, &h.negative}) {
        for (const model::IntHistogramBucket& bucket : *buckets)
          h.count += static_cast<uint64_t>(bucket.count);
      }
      return h;
    });
  }

  // Label values that are hard to match.
  void Texts() {
    const char* values[] = {"Москва",  "日本", "a.b", "a\tb", "a\"b", "a\\b",
                            " ",       "A",    "a",   "ab",   "abc",  "é",
                            "e\u0301", "🙂", "0",   "-1",   "/x/y", "x|y"};
    for (const char* value : values) {
      uint32_t series =
          Series("rnd_text", {{"text", value}, {"kind", value[1] ? "long" : "short"}});
      Fill(series, [] { return 1.0; });
    }
    Fill(Series("rnd_text", {{"kind", "none"}}), [] { return 1.0; });
    Fill(Series("rnd:record:sum", {{"a", "x"}}), [] { return 2.0; });
  }

  Data& data_;
  Random random_;
};

int Main(const std::string& path) {
  Data data;
  Demo(&data, {"demo.example:10000", 137, 1, false}).Write();
  Demo(&data, {"demo.example:10001", 1893, 1.3, true}).Write();
  Demo(&data, {"demo.example:10002", 4641, 0.7, false}).Write();
  Wild(&data).Write();
  if (auto done = data.WriteTo(path); !done) {
    std::fprintf(stderr, "diff_data: %s: %s\n", path.c_str(), done.error().message().c_str());
    return 1;
  }
  std::printf("%zu series, %zu samples\n", data.series(), data.points());
  return 0;
}

}  // namespace
}  // namespace slurmscope

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: diff_data DIRECTORY\n");
    return 2;
  }
  return slurmscope::Main(argv[1]);
}
