#include "http/event_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "http/server.h"
#include "http/socket_for_test.h"

namespace slurmscope::http {
namespace {

TEST(EventQueueTest, WakesOnceAndDrains) {
  EventQueue queue;
  int woken = 0;
  EXPECT_TRUE(queue.WaitForText([&] { ++woken; }));
  EXPECT_TRUE(queue.Push("a"));
  EXPECT_TRUE(queue.Push("b"));
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(queue.WaitForText([&] { ++woken; })) << "there is something already";
  std::string out;
  EXPECT_TRUE(queue.Drain(out));
  EXPECT_EQ(out, "ab");
  EXPECT_TRUE(queue.WaitForText([&] { ++woken; }));
  queue.Close();
  EXPECT_EQ(woken, 2);
  EXPECT_FALSE(queue.Drain(out));
  EXPECT_FALSE(queue.Push("c"));
}

TEST(EventQueueTest, LetsGoOfAClientThatDoesNotRead) {
  EventQueue queue;
  EXPECT_TRUE(queue.Push(std::string(EventQueue::kMaxWaitingBytes, 'x')));
  EXPECT_FALSE(queue.Push("x"));
  EXPECT_TRUE(queue.closed());
}

// A server whose answers are event streams; more subscribers than workers.
class EventStreamTest : public testing::Test {
 protected:
  static constexpr int kSubscribers = 12;

  void SetUp() override {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.worker_threads = 2;
    options.idle_timeout_seconds = 1;
    auto server = Server::Start(options, [this](const Request&) {
      auto queue = std::make_shared<EventQueue>();
      const std::lock_guard lock(mutex_);
      queues_.push_back(queue);
      Response response;
      response.content_type = "text/event-stream";
      response.body = ": hello\n\n";
      response.events = std::move(queue);
      return response;
    });
    ASSERT_TRUE(server) << server.error().message();
    server_ = *std::move(server);
    for (int i = 0; i < kSubscribers; ++i) {
      clients_.push_back(std::make_unique<RawSocket>(server_->port()));
      ASSERT_TRUE(
          clients_.back()->Send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"));
      const std::string head = clients_.back()->ReadUntil(": hello");
      ASSERT_NE(head.find("200 OK"), std::string::npos) << head;
      ASSERT_EQ(head.find("gzip"), std::string::npos) << head;
    }
  }
  void PushToAll(const std::string& text) {
    const std::lock_guard lock(mutex_);
    for (const auto& queue : queues_) queue->Push(text);
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<EventQueue>> queues_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<RawSocket>> clients_;
};

TEST_F(EventStreamTest, TellsAllWithoutAWorkerEach) {
  for (const std::string text : {"data: one\n\n", "data: two\n\n"}) {
    PushToAll(text);
    for (const auto& client : clients_) {
      EXPECT_NE(client->ReadUntil(text).find(text), std::string::npos);
    }
  }
  PushToAll("data: last\n\n");
  for (const auto& queue : queues_) queue->Close();
  for (const auto& client : clients_) {
    EXPECT_NE(client->ReadUntil("0\r\n\r\n").find("data: last"), std::string::npos);
  }
}

TEST_F(EventStreamTest, NoticesThatAClientHasGone) {
  for (const auto& client : clients_) client->Close();
  const auto all_closed = [&] {
    for (const auto& queue : queues_) {
      if (!queue->closed()) return false;
    }
    return true;
  };
  for (int i = 0; i < 4000 && !all_closed(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(all_closed());
}

TEST_F(EventStreamTest, EndsWithTheServer) {
  PushToAll("data: bye\n\n");
  server_->Stop(60);
  for (const auto& client : clients_) {
    const std::string end = client->ReadUntil("0\r\n\r\n");
    EXPECT_NE(end.find("data: bye"), std::string::npos);
    EXPECT_NE(end.find("0\r\n\r\n"), std::string::npos) << "not cut off";
  }
}

}  // namespace
}  // namespace slurmscope::http
