#include "base/file.h"
#include "remote/write_manager.h"
#include "remote/write_queue_for_test.h"

namespace slurmscope::remote {
namespace {

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
