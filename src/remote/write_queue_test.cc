// The sender between two storages: one's log is followed, the other's receiver takes what is sent.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "remote/snappy_block.h"
#include "remote/write_manager.h"
#include "remote/write_message.h"
#include "remote/write_receiver.h"
#include "tsdb/exemplar_store.h"
#include "tsdb/histogram_test_support.h"
#include "tsdb/test_support.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using model::Labels;

constexpr int64_t kStart = 1'700'000'000'000;

template <typename Condition>
bool WaitFor(const Condition& condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::unique_ptr<tsdb::Db> OpenStorage(const std::string& path) {
  tsdb::DbOptions options;
  options.path = path;
  options.max_exemplars = 1000;
  options.metadata_records = true;
  options.compaction_interval_ms = 0;
  return std::move(tsdb::Db::Open(options)).value();
}

// A receiver with a storage of its own, that can be told to fail or to forget its answers.
class Receiver {
 public:
  explicit Receiver(const std::string& path) : db_(OpenStorage(path)) {
    writer_ = std::make_unique<WriteReceiver>(*db_, clock_, WriteReceiver::Options{true, true});
    http::ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    server_ = http::Server::Start(options, [this](const http::Request& request) {
                return Handle(request);
              }).value();
  }
  std::string url() const { return StrCat("http://", server_->addresses().front(), "/write"); }
  tsdb::Db& db() { return *db_; }
  std::vector<http::Request> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  ReceiverStats stats() const { return writer_->stats(); }

  // Of each request: a status that is not 0 is answered without looking at it.
  std::function<int(const http::Request&)> refuse = [](const http::Request&) { return 0; };
  std::atomic<int> status = 0;           // likewise
  std::atomic<bool> lose_answer = false;  // what was stored is answered 503
  std::atomic<bool> atomic = false;  // one bad sample and nothing is stored, as Prometheus 2 does
  std::atomic<bool> only_v1 = false;  // takes 2.0 for an empty 1.0
  http::Pairs headers;

 private:
  http::Response Handle(const http::Request& request) {
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    int answer = status != 0 ? status.load() : refuse(request);
    if (answer != 0) {
      auto response = http::Response::Text(answer, "not now\n");
      response.headers = headers;
      return response;
    }
    std::lock_guard lock(mutex_);
    if (only_v1 && request.Header("Content-Type").find("v2") != std::string_view::npos)
      return http::Response::Text(204, "");
    if (atomic && HasOld(request)) return http::Response::Text(400, "out of order sample\n");
    http::Response response = writer_->Handle(request);
    return lose_answer ? http::Response::Text(503, "") : response;
  }
  // Whether it has a sample older than what is stored, but for one that is the newest itself.
  bool HasOld(const http::Request& request) {
    bool old = false;
    auto message = SnappyDecode(request.body, 1 << 20);
    auto take = [&](WriteSeries& series) {
      std::string labels = Labels::FromPairs(series.labels).ToString();
      for (const model::Sample& sample : series.samples) {
        auto newest = newest_.find(labels);
        old |= newest != newest_.end() && sample.t < newest->second;
      }
    };
    EXPECT_TRUE(message && DecodeWriteV1(*message, take));
    if (old) return true;
    auto remember = [&](WriteSeries& series) {
      for (const model::Sample& sample : series.samples)
        newest_[Labels::FromPairs(series.labels).ToString()] = sample.t;
    };
    EXPECT_TRUE(DecodeWriteV1(*message, remember));
    return false;
  }

  base::FakeClock clock_{kStart + 3'600'000};
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<WriteReceiver> writer_;
  mutable std::mutex mutex_;
  std::vector<http::Request> requests_;
  std::map<std::string, int64_t> newest_;
  std::unique_ptr<http::Server> server_;
};

class WriteQueueTest : public testing::Test {
 protected:
  WriteQueueTest()
      : receiver_(directory_.path() + "/receiver"), db_(OpenStorage(directory_.path() + "/data")) {
    client_ = http::Client::Start({}).value();
    config_.name = "r";
    config_.url = receiver_.url();
    config_.queue.batch_send_deadline_ms = 20;
    config_.queue.min_backoff_ms = 5;
    config_.queue.max_backoff_ms = 50;
    config_.metadata.send = false;
  }

  WriteSources Sources() {
    WriteSources sources;
    sources.open_log = [this](std::optional<model::LogPosition> from) {
      return db_->FollowLog(from);
    };
    sources.families = [] {
      return std::vector<FamilyMetadata>{
          {"m", {model::MetricType::kCounter, "seconds", "What m is."}}};
    };
    return sources;
  }
  std::unique_ptr<WriteQueue> Start(int64_t tick_ms = WriteQueue::kTickMs) {
    return std::make_unique<WriteQueue>(config_, external_, directory_.path() + "/position",
                                        Sources(), *client_, base::SystemClock(), tick_ms);
  }
  // One sample of each of some series.
  void Append(int64_t t, int series = 10) {
    auto appender = db_->NewAppender();
    for (int i = 0; i < series; ++i) {
      appender->Append(0, Labels{{"__name__", "m"}, {"i", StrCat(i)}}, kStart + t,
                       static_cast<double>(t) + i);
    }
    ASSERT_TRUE(appender->Commit());
  }
  bool Arrived() {
    return WaitFor([&] { return tsdb::DumpDb(receiver_.db()) == tsdb::DumpDb(*db_); });
  }

  tsdb::TestDirectory directory_;
  Receiver receiver_;
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<http::Client> client_;
  config::RemoteWriteConfig config_;
  std::map<std::string, std::string> external_;
};

TEST_F(WriteQueueTest, SendsWhatComesFromNowOn) {
  Append(1000);
  auto queue = Start();
  for (int64_t t = 2000; t <= 30'000; t += 1000) Append(t);
  tsdb::Dump expected = tsdb::DumpDb(*db_, {}, kStart + 2000);
  EXPECT_TRUE(WaitFor([&] { return tsdb::DumpDb(receiver_.db()) == expected; }));
  queue->Stop(WriteQueue::HowToStop::kFlush, 60'000);
  WriteStats stats = queue->stats();
  EXPECT_EQ(stats.kinds[kSamples].sent, 290u);
  EXPECT_EQ(stats.kinds[kSamples].read, 290u);
  EXPECT_EQ(stats.kinds[kSamples].pending, 0u);
  EXPECT_EQ(stats.kinds[kSamples].failed, 0u);
  EXPECT_EQ(stats.highest_sent_ms, kStart + 30'000);
  EXPECT_GT(stats.bytes, 0u);
  http::Request request = receiver_.requests().front();
  EXPECT_EQ(request.Header("X-Prometheus-Remote-Write-Version"), "0.1.0");
  EXPECT_EQ(request.Header("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(request.Header("Content-Encoding"), "snappy");
}

TEST_F(WriteQueueTest, GoesOnAfterItWasStoppedAtAnyPlace) {
  Start();  // from here on
  for (int64_t t = 1; t <= 60; ++t) {
    Append(t * 1000);
    if (t % 7 != 0) continue;
    auto queue = Start();
    if (t % 2 == 0) Append(t * 1000 + 500);
    if (t % 3 == 0) queue->Stop(WriteQueue::HowToStop::kFlush, 60'000);
  }
  auto queue = Start();
  EXPECT_TRUE(Arrived());
}

TEST_F(WriteQueueTest, TriesAgainUntilItIsTaken) {
  receiver_.status = 503;
  auto queue = Start();
  for (int64_t t = 1000; t <= 20'000; t += 1000) Append(t);
  EXPECT_TRUE(WaitFor([&] { return receiver_.requests().size() > 4; }));
  EXPECT_GT(queue->stats().kinds[kSamples].pending, 0u);
  receiver_.status = 0;
  EXPECT_TRUE(Arrived());
  EXPECT_TRUE(WaitFor([&] { return queue->stats().kinds[kSamples].pending == 0; }));
  EXPECT_GT(queue->stats().kinds[kSamples].retried, 0u);
  EXPECT_EQ(queue->stats().kinds[kSamples].failed, 0u);
}

// What was stored is sent once more when the answer got lost: nothing is twice there.
TEST_F(WriteQueueTest, AnAnswerThatIsLostLosesNothing) {
  receiver_.lose_answer = true;
  auto queue = Start();
  for (int64_t t = 1000; t <= 9000; t += 1000) Append(t);
  EXPECT_TRUE(WaitFor([&] { return receiver_.requests().size() > 2; }));
  receiver_.lose_answer = false;
  for (int64_t t = 10'000; t <= 19'000; t += 1000) Append(t);
  EXPECT_TRUE(Arrived());
}

TEST_F(WriteQueueTest, WhatIsRefusedIsGivenUp) {
  receiver_.status = 400;
  auto queue = Start();
  Append(1000);
  EXPECT_TRUE(WaitFor([&] { return queue->stats().kinds[kSamples].failed == 10; }));
  EXPECT_EQ(receiver_.requests().size(), 1u);
  receiver_.status = 429;
  Append(2000);
  EXPECT_TRUE(WaitFor([&] { return queue->stats().kinds[kSamples].failed == 20; }));
  receiver_.status = 0;
  Append(3000);
  tsdb::Dump expected = tsdb::DumpDb(*db_, {}, kStart + 3000);
  EXPECT_TRUE(WaitFor([&] { return tsdb::DumpDb(receiver_.db()) == expected; }));
}

TEST_F(WriteQueueTest, WaitsAsLongAsTheReceiverAsksFor) {
  config_.queue.retry_on_http_429 = true;
  receiver_.headers = {{"Retry-After", "1"}};
  receiver_.status = 429;
  auto queue = Start();
  auto begin = std::chrono::steady_clock::now();
  Append(1000);
  EXPECT_TRUE(WaitFor([&] { return receiver_.requests().size() == 1; }));
  receiver_.status = 0;
  EXPECT_TRUE(Arrived());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_EQ(receiver_.requests().size(), 2u);
}

TEST_F(WriteQueueTest, SendsInPartsWhatIsTooLarge) {
  receiver_.refuse = [](const http::Request& request) {
    size_t samples = 0;
    auto take = [&](WriteSeries& series) { samples += series.samples.size(); };
    auto message = SnappyDecode(request.body, 1 << 20);
    EXPECT_TRUE(message && DecodeWriteV1(*message, take));
    return samples > 3 ? 413 : 0;
  };
  auto queue = Start();
  for (int64_t t = 1000; t <= 5000; t += 1000) Append(t);
  EXPECT_TRUE(Arrived());
  EXPECT_EQ(queue->stats().kinds[kSamples].failed, 0u);
}

// After kill -9 it is not known what of the last requests arrived, and a receiver that takes all of
// a request or nothing refuses those that have some of it.
TEST_F(WriteQueueTest, FindsWhatAnEarlierProcessHasNotSent) {
  receiver_.atomic = true;
  config_.queue.max_samples_per_send = 64;
  Start();
  std::string before = *base::ReadFile(directory_.path() + "/position");
  {
    auto queue = Start();
    for (int64_t t = 1000; t <= 5000; t += 1000) Append(t, 37);
    EXPECT_TRUE(Arrived());
  }
  // As if the process had died before it could write down that all this was taken.
  ASSERT_TRUE(base::WriteFileAtomic(directory_.path() + "/position", before));
  for (int64_t t = 6000; t <= 9000; t += 1000) Append(t, 41);
  auto queue = Start();
  EXPECT_TRUE(Arrived());
}

TEST_F(WriteQueueTest, ManyShardsKeepTheOrderOfASeries) {
  config_.queue.max_samples_per_send = 10;
  config_.queue.capacity = 20;
  std::atomic<bool> slow = true;
  receiver_.refuse = [&](const http::Request&) {
    if (slow) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return 0;
  };
  auto queue = Start(20);  // so that the number of shards changes while it runs
  for (int64_t t = 1; t <= 200; ++t) Append(t * 1000, 25);
  EXPECT_TRUE(WaitFor([&] { return queue->stats().shards > 1; }));
  slow = false;
  EXPECT_TRUE(Arrived());
  EXPECT_EQ(receiver_.stats().refused, 0u);
  EXPECT_GT(queue->stats().enqueue_retries, 0u);
}

TEST_F(WriteQueueTest, RelabelsAndAddsExternalLabels) {
  external_ = {{"site", "north"}, {"i", "mine"}};
  config::RelabelConfig drop;
  drop.source_labels = {"i"};
  drop.regex = *model::Regex::Compile("[2-9]");
  drop.action = config::RelabelAction::kDrop;
  config::RelabelConfig rename;
  rename.regex = *model::Regex::Compile("(.*)");
  rename.source_labels = {"site"};
  rename.target_label = "place";
  config_.write_relabel_configs = {drop, rename};
  auto queue = Start();
  Append(1000);
  EXPECT_TRUE(WaitFor([&] { return queue->stats().highest_sent_ms == kStart + 1000; }));
  tsdb::Dump dump = tsdb::DumpDb(receiver_.db());
  ASSERT_EQ(dump.size(), 2u);
  EXPECT_EQ(dump.begin()->first, R"(m{i="0", place="north", site="north"})");
  EXPECT_EQ(queue->stats().kinds[kSamples].dropped_relabeled, 8u);
}

TEST_F(WriteQueueTest, LeavesOutWhatIsTooOld) {
  config_.queue.sample_age_limit_ms = 3'600'000;
  auto queue = Start();
  Append(1000);  // of 2023
  auto appender = db_->NewAppender();
  int64_t now = base::SystemClock().NowMs();
  appender->Append(0, Labels{{"__name__", "m"}, {"i", "1"}}, now, 5);
  ASSERT_TRUE(appender->Commit());
  EXPECT_TRUE(WaitFor([&] { return queue->stats().kinds[kSamples].sent == 1; }));
  EXPECT_EQ(queue->stats().kinds[kSamples].dropped_too_old, 10u);
}

// All kinds by both versions, and what the receiver then has.
class AllKinds : public WriteQueueTest {
 protected:
  void AppendAll() {
    auto appender = db_->NewAppender();
    Labels h{{"__name__", "h"}};
    Labels m{{"__name__", "m_total"}};
    tsdb::HistogramWalk walk(7, true, true, config_.v2);
    for (int64_t t = 1000; t <= 40'000; t += 1000) {
      auto value = walk.Next();
      if (const auto* ints = std::get_if<model::IntHistogram>(&value)) {
        appender->AppendHistogram(0, h, kStart + t, *ints);
      } else {
        appender->AppendFloatHistogram(0, h, kStart + t, std::get<model::FloatHistogram>(value));
      }
      auto ref = appender->Append(0, m, kStart + t, static_cast<double>(t)).ref;
      appender->AppendExemplar(ref, m, {Labels{{"trace", StrCat(t)}}, 1.5, kStart + t, true});
    }
    ASSERT_TRUE(appender->Commit());
  }
  static std::string Histograms(tsdb::Db& db) {
    auto querier = std::move(db.NewQuerier(0, kStart * 2)).value();
    model::SelectHints hints;
    hints.end = kStart * 2;
    auto matcher = *model::Matcher::Make(model::MatchType::kEqual, "__name__", "h");
    auto set = std::move(querier->Select(true, hints, {matcher})).value();
    std::string out;
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      EXPECT_TRUE(set->Decode(i, 0, kStart * 2, &columns));
      for (size_t k = 0; k < columns.size(); ++k) {
        const model::FloatHistogram* histogram = columns.Histogram(k);
        out += StrCat(columns.t[k], " ", histogram == nullptr ? "-" : histogram->ToString(), "\n");
      }
    }
    return out;
  }
  void Check() {
    auto queue = Start();
    AppendAll();
    EXPECT_TRUE(WaitFor([&] {
      WriteStats stats = queue->stats();
      return stats.highest_sent_ms == kStart + 40'000 && stats.kinds[kSamples].pending == 0 &&
             stats.kinds[kHistograms].pending == 0 && stats.kinds[kExemplars].pending == 0;
    }));
    std::string mine = Histograms(*db_);
    EXPECT_GT(mine.size(), 2000u);
    EXPECT_EQ(Histograms(receiver_.db()), mine);
    EXPECT_EQ(tsdb::DumpDb(receiver_.db()), tsdb::DumpDb(*db_));
    EXPECT_EQ(receiver_.stats().histograms, 40u);
    EXPECT_EQ(receiver_.stats().exemplars, 40u);
  }
};

TEST_F(AllKinds, ByOne) {
  config_.send_exemplars = true;
  config_.send_native_histograms = true;
  Check();
}

TEST_F(AllKinds, ByTwoWithMetadata) {
  config_.v2 = true;
  Check();
  http::Request request = receiver_.requests().back();
  EXPECT_EQ(request.Header("Content-Type"),
            "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  EXPECT_EQ(request.Header("X-Prometheus-Remote-Write-Version"), "2.0.0");
  auto metadata = receiver_.db().MetadataOf(Labels{{"__name__", "m_total"}});
  // Families are asked for before the first series comes, and then again at the next tick.
  EXPECT_TRUE(!metadata || metadata->help == "What m is.");
}

TEST_F(AllKinds, OnlySamplesUnlessAskedFor) {
  auto queue = Start();
  AppendAll();
  EXPECT_TRUE(WaitFor([&] { return queue->stats().highest_sent_ms == kStart + 40'000; }));
  EXPECT_EQ(receiver_.stats().histograms, 0u);
  EXPECT_EQ(receiver_.stats().exemplars, 0u);
}

TEST_F(WriteQueueTest, MetadataGoesWithTheSeriesByTwo) {
  config_.v2 = true;
  auto queue = Start(20);
  Labels series{{"__name__", "m"}, {"i", "0"}};
  int64_t t = 1000;
  EXPECT_TRUE(WaitFor([&] {
    Append(t += 1000);
    auto known = receiver_.db().MetadataOf(series);
    return known && known->help == "What m is." && known->unit == "seconds";
  }));
}

TEST_F(WriteQueueTest, MetadataGoesInMessagesOfItsOwnByOne) {
  config_.metadata.send = true;
  config_.metadata.send_interval_ms = 20;
  auto queue = Start();
  EXPECT_TRUE(WaitFor([&] { return queue->stats().metadata_sent > 1; }));
  EXPECT_EQ(queue->stats().metadata_failed, 0u);
  auto message = SnappyDecode(receiver_.requests().front().body, 1 << 20);
  ASSERT_TRUE(message);
  EXPECT_NE(message->find("What m is."), std::string::npos);
}

// A receiver that knows 1.0 only takes a 2.0 message for one without series.
TEST_F(WriteQueueTest, FallsBackToOne) {
  config_.v2 = true;
  config_.queue.min_shards = 4;
  receiver_.only_v1 = true;
  auto queue = Start();
  for (int64_t t = 1000; t <= 9000; t += 1000) Append(t);
  EXPECT_TRUE(Arrived());
  EXPECT_TRUE(WaitFor([&] { return queue->stats().v1; }));
}

TEST_F(WriteQueueTest, FallsBackToOneOn415) {
  config_.v2 = true;
  receiver_.refuse = [](const http::Request& request) {
    return request.Header("Content-Type").find("v2") != std::string_view::npos ? 415 : 0;
  };
  auto queue = Start();
  for (int64_t t = 1000; t <= 9000; t += 1000) Append(t);
  EXPECT_TRUE(Arrived());
}

TEST_F(WriteQueueTest, FlushEndsSoonWhenTheReceiverFails) {
  receiver_.status = 500;
  {
    auto queue = Start();
    Append(1000);
    queue->Stop(WriteQueue::HowToStop::kFlush, 600'000);
  }
  receiver_.status = 0;
  auto queue = Start();
  EXPECT_TRUE(Arrived());
}

// Reloads of all sorts while samples come: all of them arrive, once.
TEST_F(WriteQueueTest, ReloadsLoseNothing) {
  config_.identity = "1";
  WriteManager manager(directory_.path() + "/remote_write", Sources(), *client_, 60'000);
  manager.Apply({config_}, {});
  int64_t t = 0;
  auto append_some = [&] {
    for (int i = 0; i < 20; ++i) Append(t += 1000);
  };
  append_some();
  manager.Apply({config_}, {});
  append_some();
  config_.identity = "2";
  config_.queue.max_samples_per_send = 7;
  manager.Apply({config_}, {});
  append_some();
  config_.name = "another name";
  manager.Apply({config_}, {});
  append_some();
  receiver_.status = 503;
  append_some();
  config_.identity = "3";
  manager.Apply({config_}, {});
  receiver_.status = 0;
  EXPECT_TRUE(Arrived());
  ASSERT_EQ(manager.stats().size(), 1u);
  EXPECT_EQ(manager.stats()[0].name, "another name");
  manager.Apply({}, {});
  EXPECT_TRUE(manager.stats().empty());
  EXPECT_TRUE(base::ListDirectory(directory_.path() + "/remote_write")->empty());
}

}  // namespace
}  // namespace slurmscope::remote
