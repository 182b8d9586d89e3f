#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/strings.h"
#include "remote/snappy_block.h"
#include "remote/write_manager.h"
#include "remote/write_message.h"
#include "remote/write_receiver.h"
#include "tsdb/test_support.h"

// The sender between two storages: one's log is followed, the other's receiver takes what is sent.
namespace slurmscope::remote {

using base::StrCat;
using model::Labels;

inline constexpr int64_t kStart = 1'700'000'000'000;

template <typename Condition>
bool WaitFor(const Condition& condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

inline std::unique_ptr<tsdb::Db> OpenStorage(const std::string& path) {
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
  std::atomic<int> status = 0;            // likewise
  std::atomic<bool> lose_answer = false;  // what was stored is answered 503
  std::atomic<bool> atomic = false;   // one bad sample and nothing is stored, as Prometheus 2 does
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

}  // namespace slurmscope::remote
