// Remote write and read against a real storage.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/protobuf.h"
#include "remote/read_handler.h"
#include "remote/snappy_block.h"
#include "remote/write_receiver.h"
#include "tsdb/exemplar_store.h"
#include "tsdb/test_support.h"

namespace slurmscope::remote {
namespace {

using base::ProtoReader;
using base::ProtoWriter;
using base::StrCat;

constexpr int64_t kStart = 1'700'000'000'000;

void AddLabel(ProtoWriter& parent, const std::string& name, const std::string& value) {
  ProtoWriter label(parent, 1);
  label.add_string(1, name);
  label.add_string(2, value);
}

void AddSample(ProtoWriter& series, int64_t t, double v) {
  ProtoWriter sample(series, 2);
  sample.add_double(1, v);
  sample.add_int64(2, t);
}

void AddSpan(ProtoWriter& histogram, protozero::pbf_tag_type tag, int32_t offset, uint32_t length) {
  ProtoWriter span(histogram, tag);
  span.add_sint32(1, offset);
  span.add_uint32(2, length);
}

// {count:6, sum:10, zero:1, (1,2]:2, (2,4]:1, (8,16]:2} as whole numbers.
void AddHistogram(ProtoWriter& series, protozero::pbf_tag_type tag, int64_t t) {
  ProtoWriter h(series, tag);
  h.add_uint64(1, 6);
  h.add_double(3, 10);
  h.add_sint32(4, 0);
  h.add_double(5, 0.001);
  h.add_uint64(6, 1);
  AddSpan(h, 11, 1, 2);
  AddSpan(h, 11, 1, 1);
  std::vector<int64_t> deltas = {2, -1, 1};
  h.add_packed_sint64(12, deltas.begin(), deltas.end());
  h.add_int64(15, t);
}

class RemoteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tsdb::DbOptions options;
    options.path = directory_.path() + "/data";
    options.max_exemplars = 100;
    options.compaction_interval_ms = 0;
    db_ = std::move(tsdb::Db::Open(options)).value();
  }

  http::Response Write(const std::string& message, const std::string& type = "",
                       WriteReceiver::Options options = {true, true}) {
    WriteReceiver receiver(*db_, clock_, options);
    http::Request request;
    request.body = SnappyEncode(message);
    request.headers = {{"Content-Encoding", "snappy"},
                       {"Content-Type", type.empty() ? "application/x-protobuf"
                                                     : "application/x-protobuf;proto=" + type}};
    http::Response response = receiver.Handle(request);
    stats_ = receiver.stats();
    return response;
  }

  // "t:v" of each sample of a series.
  std::string Samples(const std::string& metric) {
    auto querier = std::move(db_->NewQuerier(0, kStart * 2)).value();
    model::SelectHints hints;
    hints.end = kStart * 2;
    auto set = std::move(querier->Select(true, hints, {model::Matcher::Equal("__name__", metric)}))
                   .value();
    std::string text;
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      EXPECT_TRUE(set->Decode(i, 0, kStart * 2, &columns));
      base::StrAppend(text, set->LabelsAt(i).ToString());
      for (size_t n = 0; n < columns.size(); ++n) {
        const model::FloatHistogram* h = columns.Histogram(n);
        base::StrAppend(text, " ", columns.t[n] - kStart, ":",
                        h != nullptr ? h->ToString() : StrCat(static_cast<int>(columns.v[n])));
      }
    }
    return text;
  }

  static std::string OneSeries(const std::string& metric, int64_t t, double v) {
    std::string message;
    ProtoWriter request(message);
    {
      ProtoWriter series(request, 1);
      AddLabel(series, "__name__", metric);
      AddSample(series, t, v);
    }
    return message;
  }

  static http::Request ReadRequestFor(bool chunks, bool with_site = true) {
    std::string message;
    {
      ProtoWriter request(message);
      {
        ProtoWriter query(request, 1);
        query.add_int64(1, kStart);
        query.add_int64(2, kStart + 60'000);
        for (const auto& [name, value] :
             std::vector<std::pair<std::string, std::string>>{{"__name__", "a"}, {"site", "x"}}) {
          if (name == "site" && !with_site) continue;
          ProtoWriter matcher(query, 3);
          matcher.add_string(2, name);
          matcher.add_string(3, value);
        }
      }
      if (chunks) request.add_enum(2, 1);
    }
    http::Request request;
    request.body = SnappyEncode(message);
    return request;
  }

  std::string Read(bool chunks, ReadHandler::Options options = {}, int* status = nullptr) {
    auto external = [] { return ExternalLabels{{"site", "x"}}; };
    ReadHandler handler(*db_, external, options);
    http::Response response = handler.Handle(ReadRequestFor(chunks));
    if (status != nullptr) *status = response.status;
    return response.body;
  }

  tsdb::TestDirectory directory_;
  base::FakeClock clock_{kStart + 3'600'000};
  std::unique_ptr<tsdb::Db> db_;
  ReceiverStats stats_;
};

TEST_F(RemoteTest, TakesVersionOne) {
  std::string message;
  {
    ProtoWriter request(message);
    ProtoWriter series(request, 1);
    AddLabel(series, "job", "j");  // not sorted, as some senders do
    AddLabel(series, "__name__", "a");
    AddSample(series, kStart, 1);
    AddSample(series, kStart + 1000, 2);
    ProtoWriter exemplar(series, 3);
    AddLabel(exemplar, "trace", "t");
    exemplar.add_double(2, 0.5);
    exemplar.add_int64(3, kStart);
  }
  {
    ProtoWriter request(message);
    ProtoWriter series(request, 1);
    AddLabel(series, "__name__", "h");
    AddHistogram(series, 4, kStart);
  }
  http::Response response = Write(message);
  EXPECT_EQ(response.status, 204) << response.body;
  EXPECT_EQ(Samples("a"), "a{job=\"j\"} 0:1 1000:2");
  EXPECT_EQ(Samples("h"), "h 0:{count:6, sum:10, [-0.001,0.001]:1, (1,2]:2, (2,4]:1, (8,16]:2}");
  EXPECT_EQ(stats_.samples, 2u);
  EXPECT_EQ(stats_.histograms, 1u);
  EXPECT_EQ(stats_.exemplars, 1u);
}

TEST_F(RemoteTest, TakesVersionTwo) {
  std::string message;
  ProtoWriter request(message);
  {
    ProtoWriter series(request, 5);  // before the symbols that it uses
    std::vector<uint32_t> refs = {1, 2, 3, 4};
    series.add_packed_uint32(1, refs.begin(), refs.end());
    AddSample(series, kStart, 7);
  }
  {
    ProtoWriter series(request, 5);
    std::vector<uint32_t> refs = {1, 4};
    series.add_packed_uint32(1, refs.begin(), refs.end());
    AddHistogram(series, 3, kStart + 5);
  }
  for (const char* symbol : {"", "__name__", "a", "job", "j"}) request.add_string(4, symbol);
  http::Response response = Write(message, "io.prometheus.write.v2.Request");
  EXPECT_EQ(response.status, 204) << response.body;
  EXPECT_EQ(Samples("a"), "a{job=\"j\"} 0:7");
  EXPECT_EQ(Samples("j"), "j 5:{count:6, sum:10, [-0.001,0.001]:1, (1,2]:2, (2,4]:1, (8,16]:2}");
  http::Pairs written = {{"X-Prometheus-Remote-Write-Samples-Written", "1"},
                         {"X-Prometheus-Remote-Write-Histograms-Written", "1"},
                         {"X-Prometheus-Remote-Write-Exemplars-Written", "0"}};
  EXPECT_EQ(response.headers, written);
}

TEST_F(RemoteTest, StoresWhatItCanAndNamesTheRest) {
  ASSERT_EQ(Write(OneSeries("a", kStart + 1000, 1)).status, 204);
  std::string message = OneSeries("a", kStart, 5) + OneSeries("b", kStart, 6) +
                        OneSeries("", kStart, 7) + OneSeries("far", kStart + 90'000'000, 1);
  http::Response response = Write(message);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "out of order sample for series a\n");
  EXPECT_EQ(Samples("b"), "b 0:6");
  EXPECT_EQ(Samples("a"), "a 1000:1");
  EXPECT_EQ(Samples("far"), "");
  EXPECT_EQ(stats_.samples, 1u);
  EXPECT_EQ(stats_.refused, 2u);
  EXPECT_EQ(stats_.invalid_labels, 1u);
}

TEST_F(RemoteTest, RefusesWhatItDoesNotUnderstand) {
  std::string good = OneSeries("a", kStart, 1);
  EXPECT_EQ(Write(good, "io.prometheus.write.v3.Request").status, 415);
  EXPECT_EQ(Write(good, "io.prometheus.write.v2.Request", {true, false}).status, 415);
  EXPECT_EQ(Write(good, "prometheus.WriteRequest", {false, true}).status, 415);
  EXPECT_EQ(Write(good.substr(0, good.size() - 3)).status, 400);
  std::string wrong_type;
  {
    ProtoWriter request(wrong_type);
    ProtoWriter series(request, 1);
    series.add_uint64(2, 7);  // a sample is a message
  }
  EXPECT_EQ(Write(good + wrong_type).body,
            "malformed protobuf message: field of an unexpected wire type\n");
  EXPECT_EQ(Samples("a"), "") << "nothing of a malformed request is stored";

  WriteReceiver receiver(*db_, clock_, {});
  http::Request request;
  request.body = "\xff\xff\xff\xff\x0f";  // says 4 GiB
  request.headers = {{"Content-Encoding", "snappy"}};
  EXPECT_EQ(receiver.Handle(request).status, 400);
  request.headers = {{"Content-Encoding", "gzip"}};
  EXPECT_EQ(receiver.Handle(request).status, 415);
}

TEST_F(RemoteTest, RefusesSpansThatDoNotFit) {
  std::string message;
  {
    ProtoWriter request(message);
    ProtoWriter series(request, 1);
    AddLabel(series, "__name__", "h");
    ProtoWriter h(series, 4);
    h.add_uint64(1, 6);
    AddSpan(h, 11, 0, 4'000'000'000u);
  }
  EXPECT_EQ(Write(message).status, 400);
}

TEST_F(RemoteTest, ReadsSamples) {
  Write(OneSeries("a", kStart, 1) + OneSeries("a", kStart + 1000, 2) + OneSeries("b", kStart, 3));
  std::string body = std::move(SnappyDecode(Read(false), 1 << 20)).value();
  ProtoReader response(body.data(), body.size());
  ASSERT_TRUE(response.next(1));
  ProtoReader result = response.get_message();
  ASSERT_TRUE(result.next(1));
  ProtoReader series = result.get_message();
  EXPECT_FALSE(result.next(1)) << "one series";
  std::string text;
  while (series.next()) {
    bool label = series.tag() == 1;
    ProtoReader part = series.get_message();
    while (part.next()) {
      if (label) {
        text += part.get_string();
      } else if (part.tag() == 1) {
        base::StrAppend(text, static_cast<int>(part.get_double()));
      } else {
        base::StrAppend(text, part.get_int64() - kStart);
      }
      text += ' ';
    }
  }
  EXPECT_EQ(text, "__name__ a site x 1 0 2 1000 ");

  int status = 0;
  ReadHandler::Options limited;
  limited.max_samples = 1;
  EXPECT_EQ(Read(false, limited, &status), "exceeded sample limit (1)\n");
  EXPECT_EQ(status, 400);
}

TEST(Snappy, PiecesMakeOneBlock) {
  for (size_t length : {0, 1, 99, 100, 101, 200'000}) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += static_cast<char>('a' + i * i % 7);
    SnappyPieces pieces(text);
    std::string block;
    while (pieces.Next(block, 100)) continue;
    EXPECT_EQ(SnappyDecode(block, 1 << 20).value(), text);
  }
}

// Far more than a piece: it comes in parts, and its turn lasts until the last one.
TEST_F(RemoteTest, StreamsLargeAnswers) {
  std::string message;
  for (int i = 0; i < 3000; ++i) {
    ProtoWriter request(message);
    ProtoWriter series(request, 1);
    AddLabel(series, "__name__", "a");
    AddLabel(series, "i", StrCat(i, std::string(300, 'x')));
    AddSample(series, kStart, i);
  }
  Write(message);
  ReadHandler::Options options;
  options.max_concurrent = 1;
  ReadHandler handler(
      *db_, [] { return ExternalLabels{}; }, options);
  for (bool chunks : {true, false}) {
    http::Response response = handler.Handle(ReadRequestFor(chunks, false));
    ASSERT_EQ(response.status, 200);
    EXPECT_LT(response.body.size(), 600'000u);
    ASSERT_TRUE(response.rest);
    EXPECT_EQ(handler.Handle(ReadRequestFor(chunks, false)).status, 503);
    std::string all = response.body;
    int parts = 1;
    bool more = true;
    while (more) {
      std::string part;
      more = response.rest(part);
      all += part;
      ++parts;
    }
    EXPECT_GT(parts, 2);
    response.rest = nullptr;
    EXPECT_EQ(handler.Handle(ReadRequestFor(chunks, false)).status, 200);
    if (!chunks) all = SnappyDecode(all, 16 << 20).value();
    size_t found = 0;
    for (size_t at = 0; (at = all.find("__name__", at)) != std::string::npos; ++at) ++found;
    EXPECT_EQ(found, 3000u);
  }
  options.max_message_bytes = 1000;
  ReadHandler small(
      *db_, [] { return ExternalLabels{}; }, options);
  EXPECT_EQ(small.Handle(ReadRequestFor(false, false)).status, 400);
}

TEST_F(RemoteTest, ReadsChunks) {
  Write(OneSeries("a", kStart, 1) + OneSeries("a", kStart + 1000, 2));
  std::string body = Read(true);
  base::ByteReader frames(body);
  uint64_t size = frames.Uvarint();
  uint32_t checksum = frames.U32Be();
  std::string_view frame = frames.Bytes(size);
  ASSERT_TRUE(frames.ok() && frames.empty());
  EXPECT_EQ(base::Crc32c(frame), checksum);
  ProtoReader response(frame.data(), frame.size());
  ASSERT_TRUE(response.next(1));
  ProtoReader series = response.get_message();
  ASSERT_TRUE(series.next(2));
  ProtoReader chunk = series.get_message();
  ASSERT_TRUE(chunk.next(1));
  EXPECT_EQ(chunk.get_int64(), kStart);
  ASSERT_TRUE(chunk.next(2));
  EXPECT_EQ(chunk.get_int64(), kStart + 1000);
  ASSERT_TRUE(chunk.next(3));
  EXPECT_EQ(chunk.get_enum(), 1);
  ASSERT_TRUE(chunk.next(4));
  EXPECT_EQ(base::View(chunk.get_view()).substr(0, 2), std::string_view("\0\2", 2));
}

}  // namespace
}  // namespace slurmscope::remote
