// Samples out of order beside stock Prometheus 2.42: both are given the same, and each opens what
// the other wrote.
#include <cmath>
#include <filesystem>
#include <random>

#include "base/float_text.h"
#include "tsdb/interop_support.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

constexpr int64_t kMinute = 60'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kStart = 1'700'006'400'000;  // a border of two hours
constexpr int kSeries = 8;
constexpr int kCorrected = 6;  // has samples of times that it had before
constexpr int kLate = 7;       // has nothing in order
const char* const kWindow = "{tsdb: {out_of_order_time_window: 6h}}";

struct Put {
  int series;
  int64_t t;
  double v;
};
using Batches = std::vector<std::vector<Put>>;
using Samples = std::vector<std::map<int64_t, double>>;  // by series

Labels LabelsOf(int i) { return Labels{{"__name__", "m"}, {"i", StrCat(i)}}; }

// A batch for each minute from `from` on. `replaced` gets the values that others took the place of.
Batches MakeBatches(int from, int minutes, Samples* samples, Samples* replaced = nullptr) {
  std::mt19937_64 random(static_cast<unsigned>(from) + 3);
  samples->resize(kSeries);
  Batches batches;
  for (int minute = from; minute < from + minutes; ++minute) {
    int64_t now = kStart + minute * kMinute;
    auto& batch = batches.emplace_back();
    auto put = [&](int i, int64_t t, double v) {
      batch.push_back({i, t, v});
      auto old = (*samples)[static_cast<size_t>(i)].find(t);
      if (replaced != nullptr && old != (*samples)[static_cast<size_t>(i)].end())
        (*replaced)[static_cast<size_t>(i)][t] = old->second;
      (*samples)[static_cast<size_t>(i)][t] = v;
    };
    for (int i = 0; i < kSeries; ++i) {
      double v = static_cast<double>(random() % 10'000) / 8;
      bool late = i == kLate || (i != kCorrected && random() % 3 == 0);
      int64_t t = now + i;
      if (late) t = now - kHour - static_cast<int64_t>(random() % (4 * kHour));
      bool there = (*samples)[static_cast<size_t>(i)].count(t) > 0;
      if (t < kStart || there || (i == kLate && minute < 5)) continue;
      put(i, t, v);
    }
    if (minute % 7 == 0 && minute > 30) put(kCorrected, now + kCorrected - 20 * kMinute, -minute);
  }
  return batches;
}

void Give(Db& db, const Batches& batches) {
  for (const auto& batch : batches) {
    auto appender = db.NewAppender();
    for (const Put& put : batch) {
      ASSERT_EQ(appender->Append(0, LabelsOf(put.series), put.t, put.v).status,
                model::AppendStatus::kOk);
    }
    ASSERT_TRUE(appender->Commit());
  }
}

void Give(StockPrometheus& prometheus, const Batches& batches) {
  std::vector<std::string> requests;
  for (const auto& batch : batches) {
    Message request;
    for (const Put& put : batch) {
      Message series;
      for (model::Label label : LabelsOf(put.series)) {
        series.Bytes(1, Message().Bytes(1, label.name).Bytes(2, label.value).bytes());
      }
      Message sample;
      sample.Double(1, put.v).Varint(2, static_cast<uint64_t>(put.t));
      request.Bytes(1, series.Bytes(2, sample.bytes()).bytes());
    }
    requests.push_back(request.bytes());
  }
  prometheus.Write(requests);
}

Samples Ours(Db& db) {
  Samples samples(kSeries);
  Dump dump = DumpDb(db);
  for (int i = 0; i < kSeries; ++i) {
    for (const auto& [t, bits] : dump[LabelsOf(i).ToString()]) {
      samples[static_cast<size_t>(i)][t] = std::bit_cast<double>(bits);
    }
  }
  return samples;
}

Samples Theirs(StockPrometheus& prometheus, int minutes) {
  Samples samples(kSeries);
  for (int i = 0; i < kSeries; ++i) {
    std::string json =
        prometheus.Get(StrCat("/api/v1/query?query=m%7Bi%3D%22", i,
                              "%22%7D%5B90h%5D&time=", (kStart + minutes * kMinute) / 1000));
    size_t at = json.find("\"values\":[");
    std::string_view rest = at == std::string::npos ? "" : std::string_view(json).substr(at + 10);
    while (rest.starts_with("[")) {
      size_t comma = rest.find(",\"");
      size_t end = rest.find("\"]");
      auto t = base::ParseFloat(rest.substr(1, comma - 1));
      auto v = base::ParseFloat(rest.substr(comma + 2, end - comma - 2));
      EXPECT_TRUE(t && v) << rest.substr(0, 50);
      samples[static_cast<size_t>(i)][std::llround(*t * 1000)] = *v;
      rest.remove_prefix(end + 2);
      if (rest.starts_with(",")) rest.remove_prefix(1);
    }
  }
  return samples;
}

// Where there is one in `replaced`, that value will do too.
void ExpectSame(const Samples& expected, const Samples& found, const std::string& what,
                const Samples& replaced = Samples(kSeries)) {
  for (size_t i = 0; i < kSeries; ++i) {
    EXPECT_EQ(expected[i].size(), found[i].size()) << what << ", series " << i;
    int shown = 0;
    for (const auto& [t, v] : expected[i]) {
      auto it = found[i].find(t);
      bool same = it != found[i].end() && it->second == v;
      auto old = replaced[i].find(t);
      if (it != found[i].end() && old != replaced[i].end()) same |= it->second == old->second;
      if (!same && ++shown < 4) {
        ADD_FAILURE() << what << ", series " << i << " at " << t - kStart << ": "
                      << (it == found[i].end() ? "missing" : std::to_string(it->second)) << ", not "
                      << v;
      }
    }
  }
}

std::unique_ptr<Db> Open(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.ooo_window_ms = 6 * kHour;
  options.retention_ms = int64_t{100} * 365 * 24 * kHour;
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

// Less than what makes a block.
TEST(OooInterop, LogsAreReadBothWays) {
  SKIP_WITHOUT("prometheus");
  TestDirectory ours;
  TestDirectory theirs;
  Samples samples;
  Batches first = MakeBatches(0, 170, &samples);
  {
    StockPrometheus prometheus(theirs.path(), "", kWindow);
    Give(prometheus, first);
    ExpectSame(samples, Theirs(prometheus, 170), "2.42");
    prometheus.Kill();
  }
  {
    auto db = Open(ours.path() + "/data");
    Give(*db, first);
    ExpectSame(samples, Ours(*db), "ours");
  }
  // Each goes on with what the other left.
  Samples more = samples;
  Batches second = MakeBatches(171, 5, &more);
  {
    auto db = Open(theirs.path() + "/data");
    EXPECT_EQ(db->replay().corruption, "");
    EXPECT_EQ(db->replay().unknown_series_samples, 0u);
    EXPECT_GT(db->replay().ooo_samples, 50u);
    ExpectSame(samples, Ours(*db), "ours, of 2.42");
    Give(*db, second);
    ExpectSame(more, Ours(*db), "ours, of both");
  }
  {
    StockPrometheus prometheus(ours.path(), "", kWindow);
    ExpectSame(samples, Theirs(prometheus, 180), "2.42, of ours");
    Give(prometheus, second);
    ExpectSame(more, Theirs(prometheus, 180), "2.42, of both");
  }
  {
    StockPrometheus prometheus(theirs.path(), "", kWindow);
    ExpectSame(more, Theirs(prometheus, 180), "2.42, of 2.42 and ours");
  }
  auto db = Open(ours.path() + "/data");
  ExpectSame(more, Ours(*db), "ours, of ours and 2.42");
}

TEST(OooInterop, BlocksAreReadBothWays) {
  SKIP_WITHOUT("prometheus");
  TestDirectory ours;
  TestDirectory theirs;
  Samples samples;
  constexpr int kMinutes = 600;
  // Which of two values of a time 2.42 takes depends on whether it has written a block in between.
  Samples replaced(kSeries);
  Batches batches = MakeBatches(0, kMinutes, &samples, &replaced);
  {
    StockPrometheus prometheus(theirs.path(), "", kWindow);
    Give(prometheus, batches);
    ExpectSame(samples, Theirs(prometheus, kMinutes), "2.42", replaced);
    prometheus.Kill();
  }
  {
    auto db = Open(theirs.path() + "/data");
    EXPECT_EQ(db->replay().corruption, "");
    ExpectSame(samples, Ours(*db), "ours, of 2.42", replaced);
    ASSERT_TRUE(db->Compact());
    ExpectSame(samples, Ours(*db), "ours, of 2.42, compacted", replaced);
  }
  {
    auto db = Open(ours.path() + "/data");
    for (size_t i = 0; i < batches.size(); i += 50) {
      size_t end = std::min(i + 50, batches.size());
      Give(*db, Batches(batches.begin() + static_cast<std::ptrdiff_t>(i),
                        batches.begin() + static_cast<std::ptrdiff_t>(end)));
      ASSERT_TRUE(db->Compact());
    }
    EXPECT_GT(db->storage_stats().vertical_compactions, 0u);
    ExpectSame(samples, Ours(*db), "ours");
  }
  StockPrometheus prometheus(ours.path(), "", kWindow);
  ExpectSame(samples, Theirs(prometheus, kMinutes), "2.42, of ours", replaced);
}

}  // namespace
}  // namespace slurmscope::tsdb
