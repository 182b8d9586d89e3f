#include "remote/delivery.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "remote/series_table.h"
#include "remote/write_outcome.h"

namespace slurmscope::remote {
namespace {

using model::Labels;

// Items "a1 b1 a2": series and time.
std::vector<OutgoingItem> Items(const std::string& text) {
  static std::map<char, std::shared_ptr<const OutgoingSeries>> known;
  std::vector<OutgoingItem> items;
  for (size_t i = 0; i < text.size(); i += 3) {
    auto& series = known[text[i]];
    if (!series) series = std::make_shared<const OutgoingSeries>();
    OutgoingItem item;
    item.series = series;
    item.t = text[i + 1] - '0';
    item.value = static_cast<double>(text[i]);
    items.push_back(std::move(item));
  }
  return items;
}

std::string Text(const Delivery& delivery) {
  std::string out;
  for (size_t i = 0; i < delivery.part_size(); ++i) {
    const OutgoingItem& item = delivery.part()[i];
    if (i > 0) out += ' ';
    out += static_cast<char>(std::get<kSamples>(item.value));
    out += std::to_string(item.t);
  }
  return out;
}

TEST(Delivery, IsSplitByRoundsAndThenByParts) {
  Delivery delivery(Items("a1 b1 a2 c2 a3 b3"));
  EXPECT_EQ(Text(delivery), "a1 b1 a2 c2 a3 b3");
  EXPECT_TRUE(delivery.Split());
  EXPECT_EQ(Text(delivery), "a1 b1 c2");
  EXPECT_TRUE(delivery.Split());
  EXPECT_EQ(Text(delivery), "a1");
  EXPECT_FALSE(delivery.Split());
  for (const char* part : {"a1", "b1", "c2", "a2 b3", "a3"}) {
    EXPECT_EQ(Text(delivery), part);
    delivery.Next();
  }
  EXPECT_TRUE(delivery.done());
}

TEST(Delivery, LargeOnesBecomeUpToEightParts) {
  std::string text;
  for (char c = 'A'; c < 'A' + 20; ++c) text += std::string(1, c) + "1 ";
  Delivery delivery(Items(text));
  EXPECT_TRUE(delivery.Split());
  size_t parts = 0;
  size_t items = 0;
  for (; !delivery.done(); delivery.Next(), ++parts) items += delivery.part_size();
  EXPECT_EQ(parts, 7u);
  EXPECT_EQ(items, 20u);
}

TEST(Delivery, LeavesOutWhatIsOld) {
  Delivery delivery(Items("a1 b5 a2 c7"));
  std::string dropped;
  delivery.DropOlderThan(5, [&](const OutgoingItem& item) {
    dropped += static_cast<char>(std::get<kSamples>(item.value));
  });
  EXPECT_EQ(dropped, "aa");
  EXPECT_EQ(Text(delivery), "b5 c7");
  delivery.DropOlderThan(9, [](const OutgoingItem&) {});
  EXPECT_TRUE(delivery.done());
}

WriteOutcome::Kind Judge(int status, WriteVersion version, http::Pairs headers = {},
                         bool retry_429 = false) {
  http::ClientResponse response;
  response.status = status;
  response.headers = std::move(headers);
  return JudgeWrite(response, version, retry_429, 0).kind;
}

TEST(WriteOutcome, ByStatus) {
  using Kind = WriteOutcome::Kind;
  constexpr WriteVersion kV1 = WriteVersion::kV1;
  constexpr WriteVersion kV2 = WriteVersion::kV2;
  EXPECT_EQ(Judge(204, kV1), Kind::kTaken);
  EXPECT_EQ(Judge(200, kV1), Kind::kTaken);
  EXPECT_EQ(Judge(204, kV2), Kind::kOtherVersion);
  EXPECT_EQ(Judge(204, kV2, {{"x-prometheus-remote-write-samples-written", "3"}}), Kind::kTaken);
  EXPECT_EQ(Judge(415, kV2), Kind::kOtherVersion);
  EXPECT_EQ(Judge(415, kV1), Kind::kRefused);
  EXPECT_EQ(Judge(400, kV1), Kind::kRefused);
  EXPECT_EQ(Judge(301, kV1), Kind::kRefused);
  EXPECT_EQ(Judge(413, kV1), Kind::kTooLarge);
  EXPECT_EQ(Judge(429, kV1), Kind::kRefused);
  EXPECT_EQ(Judge(429, kV1, {}, true), Kind::kRetry);
  EXPECT_EQ(Judge(500, kV1), Kind::kRetry);
  EXPECT_EQ(Judge(503, kV2), Kind::kRetry);
  base::Result<http::ClientResponse> nobody =
      base::Fail(base::ErrorCode::kUnavailable, "connection refused");
  EXPECT_EQ(JudgeWrite(nobody, kV1, false, 0).kind, Kind::kRetry);
}

TEST(WriteOutcome, SaysWhy) {
  http::ClientResponse response;
  response.status = 400;
  response.body = "  out of order\nmore\n";
  EXPECT_EQ(JudgeWrite(response, WriteVersion::kV1, false, 0).reason,
            "server returned HTTP status 400: out of order");
}

TEST(WriteOutcome, RetryAfter) {
  EXPECT_EQ(ParseRetryAfter("7", 0), 7000);
  EXPECT_EQ(ParseRetryAfter(" 0 ", 0), 0);
  EXPECT_EQ(ParseRetryAfter("99999999999999", 0), 300'000);
  EXPECT_EQ(ParseRetryAfter("-4", 0), 0);
  EXPECT_EQ(ParseRetryAfter("soon", 0), 0);
  EXPECT_EQ(ParseRetryAfter("", 0), 0);
  constexpr int64_t kDate = 784'111'777'000;  // the date of RFC 9110's examples
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", kDate - 5000), 5000);
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", kDate + 5000), 0);
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 2094 08:49:37 GMT", kDate), 300'000);
}

TEST(SeriesTable, KnowsSeriesUntilTheyAreGone) {
  SeriesTable table({{"site", "n"}}, {});
  model::LogBatch batch;
  batch.series = {{1, Labels{{"__name__", "a_bucket"}}}, {2, Labels{{"__name__", "b"}}}};
  batch.metadata = {{2, {model::MetricType::kGauge, "", "of the log"}}};
  table.Take(batch);
  table.SetFamilies({{"a", {model::MetricType::kHistogram, "", "of a"}},
                     {"b", {model::MetricType::kGauge, "", "of b"}}});
  std::shared_ptr<const OutgoingSeries> series;
  ASSERT_EQ(table.Find(1, &series), SeriesTable::Found::kSend);
  EXPECT_EQ(DecodeLabels(series->labels).ToString(), R"(a_bucket{site="n"})");
  EXPECT_EQ(series->metadata.help, "of a");
  ASSERT_EQ(table.Find(2, &series), SeriesTable::Found::kSend);
  EXPECT_EQ(series->metadata.help, "of the log");
  EXPECT_EQ(table.Find(3, &series), SeriesTable::Found::kUnknown);
  model::LogBatch gone;
  gone.gone = {2};
  table.Take(gone);
  EXPECT_EQ(table.Find(2, &series), SeriesTable::Found::kUnknown);
  EXPECT_EQ(table.size(), 1u);
}

}  // namespace
}  // namespace slurmscope::remote
