// Reading from other systems: a storage behind our own handler, by chunks and by samples.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/protobuf.h"
#include "base/strings.h"
#include "remote/read_fanout.h"
#include "remote/read_handler.h"
#include "remote/snappy_block.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/histogram_test_support.h"
#include "tsdb/merged_querier.h"
#include "tsdb/test_support.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using model::Labels;

constexpr int64_t kStart = 1'700'000'000'000;

Result<void> Decode(const model::RawChunk& chunk, int64_t mint, int64_t maxt, model::Columns* out) {
  return tsdb::DecodeChunk({chunk.encoding, chunk.bytes}, mint, maxt, out);
}

// The request without the kinds of answers that its sender takes: an old client's.
std::string OnlySamples(std::string_view body) {
  std::string message = SnappyDecode(body, 1 << 20).value();
  base::ProtoReader reader(message.data(), message.size());
  EXPECT_TRUE(reader.next(1));
  std::string_view query = base::View(reader.get_view());
  std::string out;
  base::ProtoWriter(out).add_message(1, query.data(), query.size());
  return SnappyEncode(out);
}

class ReadClientTest : public testing::Test {
 protected:
  ReadClientTest()
      : far_(tsdb::OpenDb(directory_.path() + "/far")),
        near_(tsdb::OpenDb(directory_.path() + "/near")),
        handler_(*far_, [this] { return far_external_; }, {}),
        client_(http::Client::Start({}).value()),
        fanout_(
            {*near_, [this] { return near_begins_; }, tsdb::NewMergedQuerier, Decode, *client_}) {
    http::ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    server_ = http::Server::Start(options, [this](const http::Request& request) {
                ++requests_;
                if (meet_ > 0) Meet();
                if (status_ != 200) return http::Response::Text(status_, "no\nmore");
                http::Request read = request;
                if (only_samples_) read.body = OnlySamples(request.body);
                http::Response response = handler_.Handle(read);
                std::lock_guard lock(mutex_);
                type_ = response.content_type;
                return response;
              }).value();
    config_.url = StrCat("http://", server_->addresses().front(), "/read");
    config_.read_recent = true;
  }

  // Waits until so many requests are there.
  void Meet() {
    for (int i = 0; i < 2000 && requests_ < meet_; ++i) usleep(5000);
    met_ = requests_ >= meet_;
  }

  // All kinds of samples over some chunks.
  void Fill(tsdb::Db& db, int64_t from, int64_t to) {
    auto appender = db.NewAppender();
    tsdb::HistogramWalk walk(3, true);
    for (int64_t t = from; t < to; t += 1000) {
      appender->Append(0, Labels{{"__name__", "f"}, {"x", "1"}}, kStart + t,
                       static_cast<double>(t) / 3);
      appender->Append(0, Labels{{"__name__", "f"}, {"x", "2"}}, kStart + t, model::StaleNan());
      auto value = walk.Next();
      Labels h{{"__name__", "h"}};
      if (const auto* ints = std::get_if<model::IntHistogram>(&value)) {
        appender->AppendHistogram(0, h, kStart + t, *ints);
      } else {
        appender->AppendFloatHistogram(0, h, kStart + t, std::get<model::FloatHistogram>(value));
      }
    }
    ASSERT_TRUE(appender->Commit());
  }
  static std::vector<model::Matcher> Match(const std::string& name, const std::string& value,
                                           model::MatchType type = model::MatchType::kEqual) {
    return {*model::Matcher::Make(type, name, value)};
  }
  // As text, with the warnings.
  std::string Query(model::Queryable& storage, const std::vector<model::Matcher>& matchers,
                    int64_t from = 0, int64_t to = 1'000'000) {
    auto querier = std::move(storage.NewQuerier(kStart + from, kStart + to)).value();
    model::SelectHints hints;
    hints.start = kStart + from;
    hints.end = kStart + to;
    auto set = std::move(querier->Select(true, hints, matchers)).value();
    std::string out;
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      EXPECT_TRUE(set->Decode(i, hints.start, hints.end, &columns));
      if (columns.size() == 0) continue;
      base::StrAppend(out, set->LabelsAt(i).ToString(), ":");
      for (size_t k = 0; k < columns.size(); ++k) {
        const model::FloatHistogram* histogram = columns.Histogram(k);
        base::StrAppend(out, " ", columns.t[k] - kStart, "=",
                        histogram != nullptr ? histogram->ToString()
                                             : StrCat(std::bit_cast<uint64_t>(columns.v[k])));
      }
      out += "\n";
    }
    for (const std::string& warning : querier->Warnings()) base::StrAppend(out, "! ", warning);
    return out;
  }
  std::vector<model::Matcher> All() { return Match("__name__", ".+", model::MatchType::kRegexp); }

  tsdb::TestDirectory directory_;
  std::unique_ptr<tsdb::Db> far_;
  std::unique_ptr<tsdb::Db> near_;
  ExternalLabels far_external_;
  std::atomic<int> status_ = 200;
  std::atomic<int> requests_ = 0;
  std::atomic<int> meet_ = 0;
  std::atomic<bool> met_ = false;
  std::atomic<bool> only_samples_ = false;
  int64_t near_begins_ = 0;
  std::mutex mutex_;
  std::string type_;  // guarded by mutex_ while requests may come
  ReadHandler handler_;
  std::unique_ptr<http::Client> client_;
  ReadFanout fanout_;
  config::RemoteReadConfig config_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(ReadClientTest, GivesWhatIsThereByChunksAndBySamples) {
  Fill(*far_, 0, 500'000);
  fanout_.Apply({config_}, {});
  for (bool only_samples : {false, true}) {
    only_samples_ = only_samples;
    std::string expected = Query(*far_, All(), 5000, 400'000);
    EXPECT_GT(expected.size(), 10'000u);
    EXPECT_EQ(Query(fanout_, All(), 5000, 400'000), expected);
    EXPECT_EQ(type_.starts_with("application/x-streamed-protobuf"), !only_samples);
  }
  EXPECT_EQ(requests_, 2);
}

TEST_F(ReadClientTest, JoinsWhatBothHave) {
  Fill(*far_, 0, 300'000);
  Fill(*near_, 200'000, 400'000);
  AppendOne(*near_, Labels{{"__name__", "mine"}}, kStart + 5, 1);
  fanout_.Apply({config_}, {});
  std::string matched = Query(fanout_, Match("x", "1"));
  size_t samples = 0;
  for (size_t at = 0; (at = matched.find('=', at + 1)) != std::string::npos;) ++samples;
  EXPECT_EQ(samples, 401u) << "and one = of the label";
  EXPECT_EQ(Query(fanout_, Match("__name__", "mine")), Query(*near_, Match("__name__", "mine")));
}

TEST_F(ReadClientTest, AsksOnlyForWhatTheStorageDoesNotHave) {
  Fill(*far_, 0, 300'000);
  config_.read_recent = false;
  fanout_.Apply({config_}, {});
  near_begins_ = kStart - 1;
  EXPECT_EQ(Query(fanout_, All()), "");
  EXPECT_EQ(requests_, 0);
  near_begins_ = kStart + 9000;
  EXPECT_EQ(Query(fanout_, Match("x", "1")), Query(*far_, Match("x", "1"), 0, 9000));
}

TEST_F(ReadClientTest, AsksOnlyWithTheMatchersThatAreRequired) {
  Fill(*far_, 0, 10'000);
  config_.required_matchers = {{"x", "1"}};
  fanout_.Apply({config_}, {});
  EXPECT_EQ(Query(fanout_, All()), "");
  EXPECT_EQ(Query(fanout_, Match("x", "2")), "");
  EXPECT_EQ(requests_, 0);
  EXPECT_EQ(Query(fanout_, Match("x", "1")), Query(*far_, Match("x", "1")));
}

TEST_F(ReadClientTest, AsksForOurExternalLabelsAndTakesThemOff) {
  Fill(*far_, 0, 10'000);
  far_external_ = {{"site", "north"}};
  fanout_.Apply({config_}, {{"site", "north"}});
  EXPECT_EQ(Query(fanout_, Match("x", "1")), Query(*far_, Match("x", "1")));
  fanout_.Apply({config_}, {{"site", "south"}});
  EXPECT_EQ(Query(fanout_, Match("x", "1")), "");
  config_.filter_external_labels = false;
  fanout_.Apply({config_}, {{"site", "south"}});
  EXPECT_NE(Query(fanout_, Match("x", "1")).find("site=\"north\""), std::string::npos);
}

TEST_F(ReadClientTest, AsksSeveralSystemsAtOnce) {
  Fill(*far_, 0, 10'000);
  auto other = config_;
  other.url += "2";
  fanout_.Apply({config_, other}, {});
  meet_ = 2;
  EXPECT_EQ(Query(fanout_, Match("x", "1")), Query(*far_, Match("x", "1")));
  EXPECT_TRUE(met_) << "one was asked only after the other had answered";
}

TEST_F(ReadClientTest, ASystemThatFailsIsAWarning) {
  Fill(*far_, 0, 10'000);
  AppendOne(*near_, Labels{{"__name__", "f"}, {"x", "1"}}, kStart, 1);
  fanout_.Apply({config_}, {});
  status_ = 500;
  std::string expected = Query(*near_, Match("x", "1"));
  EXPECT_EQ(Query(fanout_, Match("x", "1")), StrCat(expected, "! remote_read ", config_.url,
                                                    ": server returned HTTP status 500: no"));
  server_.reset();
  std::string refused = Query(fanout_, Match("x", "1"));
  EXPECT_TRUE(refused.starts_with(expected)) << refused;
  EXPECT_NE(refused.find("connection refused"), std::string::npos) << refused;
}

TEST(ReadAnswer, DamageIsAnError) {
  ReadLimits limits{0, 1000, 10, 100};
  EXPECT_EQ(DecodeChunkedAnswer("\x05\x01", limits, Decode).error().message(),
            "the answer is cut off");
  EXPECT_EQ(DecodeChunkedAnswer(std::string("\x01\0\0\0\0x", 6), limits, Decode).error().message(),
            "a frame's checksum is wrong");
  EXPECT_EQ(DecodeChunkedAnswer("\xff\xff\x7f", limits, Decode).error().code(),
            base::ErrorCode::kResourceExhausted);
  std::string many;
  {
    model::Columns columns;
    for (int64_t t = 0; t < 11; ++t) columns.Append(t, 1);
    QueryResultWriter writer(&many);
    writer.AddSeries(Labels{{"a", "b"}}, columns);
  }
  EXPECT_EQ(DecodeReadAnswer(many, limits).error().code(), base::ErrorCode::kResourceExhausted);
  limits.maxt = 9;
  EXPECT_EQ(DecodeReadAnswer(many, limits)->at(0).samples.size(), 10u);
}

}  // namespace
}  // namespace slurmscope::remote
