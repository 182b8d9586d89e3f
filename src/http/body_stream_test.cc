#include "http/body_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/strings.h"
#include "http/client.h"
#include "http/socket_for_test.h"

namespace slurmscope::http {
namespace {

using base::StrCat;

bool WaitFor(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

// A body of so many pieces of 100 kB, each of other text. `alive` counts bodies that are held.
Response Long(int pieces, std::atomic<int>& alive, std::atomic<int>& made) {
  struct Life {
    explicit Life(std::atomic<int>& a) : alive(a) { ++alive; }
    ~Life() { --alive; }
    std::atomic<int>& alive;
    int next = 0;
  };
  auto life = std::make_shared<Life>(alive);
  Response response = Response::Json(200, "[");
  response.rest = [life, pieces, &made](std::string& out) {
    const std::string line = StrCat(life->next, ",");
    while (out.size() < 100'000) out += line;
    ++made;
    return ++life->next < pieces;
  };
  return response;
}

std::string Whole(int pieces) {
  std::string all;
  for (int i = 0; i < pieces; ++i) {
    std::string piece = i == 0 ? "[" : "";
    const std::string line = StrCat(i, ",");
    while (piece.size() < 100'000) piece += line;
    all += piece;
  }
  return all;
}

class StreamTest : public testing::Test {
 protected:
  StreamTest() : client_(*Client::Start({})) {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.worker_threads = 2;
    server_ = *Server::Start(options, [this](const Request& request) {
      if (request.path == "/small") return Response::Text(200, "small");
      if (request.path == "/broken") {
        Response response = Response::Json(200, "begin");
        response.rest = [](std::string&) -> bool { throw std::runtime_error("no more"); };
        return response;
      }
      return Long(request.path == "/endless" ? 1 << 30 : 30, alive_, made_);
    });
  }

  Result<ClientResponse> Fetch(std::string path, Pairs headers = {}, std::string method = "GET") {
    ClientRequest request;
    request.url = StrCat("http://127.0.0.1:", server_->port(), path);
    request.method = std::move(method);
    request.accept_gzip = headers.empty();
    request.headers = std::move(headers);
    return client_->FetchAndWait(std::move(request));
  }

  std::atomic<int> alive_{0};
  std::atomic<int> made_{0};
  std::unique_ptr<Client> client_;
  std::unique_ptr<Server> server_;
};

TEST_F(StreamTest, ArrivesWholeInEachCoding) {
  const std::string want = Whole(30);
  auto gzip = Fetch("/long");
  ASSERT_TRUE(gzip) << gzip.error().message();
  EXPECT_EQ(gzip->body, want);
  EXPECT_LT(gzip->wire_bytes, want.size() / 4);
  auto plain = Fetch("/long", {{"Accept-Encoding", "identity"}});
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(plain->body, want);
  auto zstd = Fetch("/long", {{"Accept-Encoding", "gzip;q=0.5, zstd"}});
  ASSERT_TRUE(zstd) << zstd.error().message();
  EXPECT_TRUE(zstd->body.starts_with("\x28\xB5\x2F\xFD"));
  EXPECT_LT(zstd->body.size(), want.size() / 4);
  EXPECT_EQ(Fetch("/small")->body, "small");
  EXPECT_TRUE(WaitFor([&] { return alive_ == 0; }));
}

TEST_F(StreamTest, HeadHasNoBody) {
  auto head = Fetch("/long", {{"Accept-Encoding", "identity"}}, "HEAD");
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(head->body, "");
  EXPECT_TRUE(WaitFor([&] { return alive_ == 0; }));
}

TEST_F(StreamTest, ABrokenBodyIsSeenToBeCutOff) {
  EXPECT_FALSE(Fetch("/broken"));
  EXPECT_EQ(Fetch("/small")->body, "small");
}

// Clients that ask for much and read nothing hold a piece each, and no worker.
TEST_F(StreamTest, ClientsThatDoNotReadHoldUpNobody) {
  std::vector<std::unique_ptr<RawSocket>> sockets;
  for (int i = 0; i < 12; ++i) {
    sockets.push_back(std::make_unique<RawSocket>(server_->port()));
    sockets.back()->Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(WaitFor([&] { return alive_ == 12; }));
  int before = -1;
  ASSERT_TRUE(WaitFor([&] {
    const int seen = std::exchange(before, made_.load());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return seen == made_.load();
  }));
  EXPECT_EQ(Fetch("/small")->body, "small");
  sockets.clear();
  EXPECT_TRUE(WaitFor([&] { return alive_ == 0; }));
}

TEST_F(StreamTest, StopCutsOffWhatDoesNotEnd) {
  RawSocket socket(server_->port());
  socket.Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(WaitFor([&] { return alive_ == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  server_->Stop(0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  server_.reset();
  EXPECT_EQ(alive_, 0);
}

}  // namespace
}  // namespace slurmscope::http
