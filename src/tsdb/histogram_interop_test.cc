// Native histograms and exemplars beside stock Prometheus 2.42: each reads what the other wrote.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "base/bytes.h"
#include "base/float_text.h"
#include "model/histogram_spans.h"
#include "tsdb/exemplar_store.h"
#include "tsdb/histogram_test_support.h"
#include "tsdb/interop_support.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::FloatHistogram;
using model::IntHistogram;
using model::Labels;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // a border of two hours
constexpr int64_t kStep = 60'000;
constexpr int kSeries = 4;
constexpr int kMixed = 2;  // the series with integer and float histograms
const char* const kFeatures = "native-histograms,exemplar-storage";

std::string NameOf(int i) { return StrCat("h", i); }
Labels LabelsOf(int i) { return Labels{{"__name__", NameOf(i)}, {"job", "x"}}; }

struct Timed {
  int64_t t;
  HistogramWalk::Value value;
};
using Samples = std::vector<std::vector<Timed>>;

// Without custom buckets, which 2.42 does not know. What 2.42 itself makes of stale markers and
// empty histograms among float histograms, it does not read back right: it then shows the histogram
// before once more. `odd_floats` says whether there are any.
bool IsOdd(const HistogramWalk::Value& value) {
  HistogramRef h = View(value);
  return !h.integer() && (h.stale() || h.floats().count == 0);
}

Samples MakeSamples(int64_t hours, bool odd_floats) {
  Samples samples(kSeries);
  for (int i = 0; i < kSeries; ++i) {
    HistogramWalk walk(77 + static_cast<uint64_t>(i), i == kMixed, i != 1, false);
    for (int64_t t = kStart; t < kStart + hours * kHour; t += kStep) {
      HistogramWalk::Value value = walk.Next();
      while (!odd_floats && IsOdd(value)) value = walk.Next();
      samples[static_cast<size_t>(i)].push_back({t, std::move(value)});
    }
  }
  return samples;
}

// Numbers of one sample as the API shows it: time, count, sum, and for each bucket the rule of its
// borders, its borders and its count.
using Numbers = std::vector<double>;

Numbers NumbersOf(const Timed& sample) {
  FloatHistogram h = AsFloat(sample.value);
  Numbers numbers = {static_cast<double>(sample.t) / 1000, h.count, h.sum};
  for (const model::BucketRange& range : h.Ranges()) {
    // A bucket that the zero bucket covers in part is shown without that part.
    bool positive = !range.lower_inclusive;
    bool negative = !range.upper_inclusive;
    double lower = positive ? std::max(range.lower, h.zero_threshold) : range.lower;
    double upper = negative ? std::min(range.upper, -h.zero_threshold) : range.upper;
    double rule =
        range.lower_inclusive ? (range.upper_inclusive ? 3 : 1) : (range.upper_inclusive ? 0 : 2);
    numbers.insert(numbers.end(), {rule, lower, upper, range.count});
  }
  return numbers;
}

// The numbers in each `[time,{...}]` of a range vector of one series.
std::vector<Numbers> ParseHistograms(std::string_view json) {
  std::vector<Numbers> samples;
  size_t at = json.find("\"histograms\":[");
  if (at == std::string_view::npos) return samples;
  int depth = 0;
  for (std::string_view rest = json.substr(at + 13); !rest.empty();) {
    char c = rest[0];
    if (c == '[' && ++depth == 2) samples.emplace_back();
    if (c == ']' && --depth == 0) break;
    bool number = (c >= '0' && c <= '9') || c == '-' || c == '+';
    size_t length = number ? std::min(rest.find_first_of("\",]"), rest.size()) : 1;
    if (number) samples.back().push_back(base::ParseFloat(rest.substr(0, length)).value_or(NAN));
    rest.remove_prefix(length);
  }
  return samples;
}

bool Near(const Numbers& a, const Numbers& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::abs(a[i] - b[i]) > 1e-9 * std::max(std::abs(a[i]), 1.0)) return false;
  }
  return true;
}

// All samples that are no stale markers, as a range selector gives them. Of a series that mixes
// both kinds 2.42 shows some histograms twice and others not.
void ExpectServed(StockPrometheus& prometheus, const Samples& samples, int64_t hours) {
  for (int i = 0; i < kSeries; ++i) {
    if (i == kMixed) continue;
    std::string json = prometheus.Get(StrCat("/api/v1/query?query=", NameOf(i), "%5B", hours,
                                             "h%5D&time=", (kStart + hours * kHour) / 1000 - 1));
    std::vector<Numbers> theirs = ParseHistograms(json);
    size_t at = 0;
    int shown = 0;
    for (const Timed& sample : samples[static_cast<size_t>(i)]) {
      if (View(sample.value).stale()) continue;
      if (at >= theirs.size()) break;
      if (!Near(NumbersOf(sample), theirs[at]) && ++shown < 4) {
        ADD_FAILURE() << NameOf(i) << " at " << sample.t << ": "
                      << ::testing::PrintToString(NumbersOf(sample)) << "\ninstead of "
                      << ::testing::PrintToString(theirs[at]);
      }
      ++at;
    }
    EXPECT_EQ(at, theirs.size());
    size_t stale = 0;
    for (const Timed& sample : samples[static_cast<size_t>(i)]) stale += View(sample.value).stale();
    EXPECT_EQ(theirs.size() + stale, samples[static_cast<size_t>(i)].size()) << json.substr(0, 500);
  }
}

void ExpectStored(Db& db, const Samples& samples) {
  auto querier = *db.NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  for (int i = 0; i < kSeries; ++i) {
    auto set = *querier->Select(false, hints, {model::Matcher::Equal("__name__", NameOf(i))});
    ASSERT_EQ(set->size(), 1u);
    model::Columns columns;
    ASSERT_TRUE(set->Decode(0, kMinTime, kMaxTime, &columns));
    const auto& wanted = samples[static_cast<size_t>(i)];
    EXPECT_EQ(columns.size(), wanted.size());
    for (size_t k = 0; k < std::min(columns.size(), wanted.size()); ++k) {
      ASSERT_NO_FATAL_FAILURE(ExpectSample(columns, k, wanted[k].t, wanted[k].value)) << i;
    }
  }
}

void AppendAll(Db& db, const Samples& samples, size_t first, size_t last) {
  for (size_t k = first; k < last; ++k) {
    auto appender = db.NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      const Timed& sample = samples[static_cast<size_t>(i)][k];
      HistogramRef h = View(sample.value);
      auto status =
          h.integer() ? appender->AppendHistogram(0, LabelsOf(i), sample.t, h.ints()).status
                      : appender->AppendFloatHistogram(0, LabelsOf(i), sample.t, h.floats()).status;
      ASSERT_EQ(status, model::AppendStatus::kOk);
    }
    ASSERT_TRUE(appender->Commit());
  }
}

std::unique_ptr<Db> OpenWithExemplars(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.max_exemplars = 1000;
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

TEST(HistogramInterop, StockPrometheusServesOurLogAndBlocks) {
  SKIP_WITHOUT("prometheus");
  TestDirectory directory;
  Samples samples = MakeSamples(8, true);
  {
    auto db = OpenWithExemplars(directory.path() + "/data");
    AppendAll(*db, samples, 0, samples[0].size());
    ASSERT_TRUE(db->Compact());
    EXPECT_GE(db->storage_stats().blocks, 2u);
    auto appender = db->NewAppender();
    model::Exemplar exemplar{Labels{{"trace_id", "abc"}}, 0.5, kStart + 7 * kHour + 1500, true};
    EXPECT_EQ(appender->AppendExemplar(0, LabelsOf(0), exemplar), model::ExemplarStatus::kOk);
    ASSERT_TRUE(appender->Commit());
  }
  StockPrometheus prometheus(directory.path(), kFeatures);
  ExpectServed(prometheus, samples, 8);
  std::string exemplars = prometheus.Get("/api/v1/query_exemplars?query=h0");
  EXPECT_NE(exemplars.find(R"("labels":{"trace_id":"abc"},"value":"0.5","timestamp":)" +
                           std::to_string((kStart + 7 * kHour) / 1000 + 1) + ".5"),
            std::string::npos)
      << exemplars;
}

template <typename Bucket>
void PutSide(Message& message, const std::vector<Bucket>& buckets, uint64_t first_field) {
  model::ForEachSpan(
      buckets.size(), [&](size_t i) { return buckets[i].index; },
      [&](model::Span span) {
        Message inner;
        inner.Signed(1, span.offset).Varint(2, span.length);
        message.Bytes(first_field, inner.bytes());
      });
  std::string counts;
  constexpr bool kWhole = std::is_same_v<Bucket, model::IntHistogramBucket>;
  auto before = decltype(Bucket::count){};
  for (const Bucket& bucket : buckets) {
    if constexpr (kWhole) {
      base::PutVarint(counts, bucket.count - before);
    } else {
      Message::PutLittle(counts, bucket.count);
    }
    before = bucket.count;
  }
  message.Bytes(first_field + (kWhole ? 1 : 2), counts);
}

std::string HistogramMessage(const Timed& sample) {
  Message message;
  auto put = [&](const auto& h) {
    message.Double(3, h.sum).Signed(4, h.schema).Double(5, h.zero_threshold);
    PutSide(message, h.negative, 8);
    PutSide(message, h.positive, 11);
    message.Varint(14, static_cast<uint64_t>(h.hint));
  };
  HistogramRef h = View(sample.value);
  if (h.integer()) {
    message.Varint(1, h.ints().count).Varint(6, h.ints().zero_count);
    put(h.ints());
  } else {
    message.Double(2, h.floats().count).Double(7, h.floats().zero_count);
    put(h.floats());
  }
  return message.Varint(15, static_cast<uint64_t>(sample.t)).bytes();
}

void PutLabels(Message& message, const Labels& labels) {
  for (model::Label label : labels) {
    Message pair;
    pair.Bytes(1, label.name).Bytes(2, label.value);
    message.Bytes(1, pair.bytes());
  }
}

std::string WriteRequest(const Samples& samples, size_t k, bool with_exemplar) {
  Message request;
  for (int i = 0; i < kSeries; ++i) {
    Message series;
    PutLabels(series, LabelsOf(i));
    series.Bytes(4, HistogramMessage(samples[static_cast<size_t>(i)][k]));
    if (with_exemplar && i == 0) {
      Message exemplar;
      PutLabels(exemplar, Labels{{"trace_id", StrCat("t", k)}});
      exemplar.Double(2, 1.5).Varint(3, static_cast<uint64_t>(samples[0][k].t));
      series.Bytes(3, exemplar.bytes());
    }
    request.Bytes(1, series.bytes());
  }
  return request.bytes();
}

bool HasBlock(const std::string& data) {
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (std::filesystem::exists(entry.path() / "meta.json")) return true;
  }
  return false;
}

TEST(HistogramInterop, WeReadWhatStockPrometheusWroteAndGoOn) {
  SKIP_WITHOUT("prometheus");
  TestDirectory directory;
  std::string data = directory.path() + "/data";
  constexpr int64_t kHours = 6;
  Samples samples = MakeSamples(kHours, false);
  size_t fed = samples[0].size() - 60;
  {
    StockPrometheus prometheus(directory.path(), kFeatures);
    // Time by time: samples of both kinds in one request would come out of order.
    std::vector<std::string> requests;
    for (size_t k = 0; k < fed; ++k) requests.push_back(WriteRequest(samples, k, k % 30 == 0));
    prometheus.Write(requests);
    // It looks once a minute or when there is much; killed before or after, both must do.
    for (int i = 0; i < 20 && !HasBlock(data); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }
  Samples seen = samples;
  for (auto& series : seen) series.resize(fed);
  {
    auto db = OpenWithExemplars(data);
    ASSERT_TRUE(db);
    EXPECT_EQ(db->replay().corruption, "");
    EXPECT_EQ(db->replay().invalid_histograms, 0u);
    EXPECT_GT(db->replay().histograms, 0u);
    ExpectStored(*db, seen);
    auto found = db->exemplars()->Select(kMinTime, kMaxTime, {{}});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].labels, LabelsOf(0));
    // The first one came before its series.
    EXPECT_EQ(found[0].exemplars.size(), (fed - 1) / 30);
    EXPECT_EQ(found[0].exemplars[0].labels.Get("trace_id"), "t30");
    AppendAll(*db, samples, fed, samples[0].size());
    ExpectStored(*db, samples);
  }
  StockPrometheus prometheus(directory.path(), kFeatures);
  ExpectServed(prometheus, samples, kHours);
}

}  // namespace
}  // namespace slurmscope::tsdb
