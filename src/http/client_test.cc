#include "http/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "http/gzip.h"
#include "http/socket_for_test.h"
#include "http/transfer.h"

namespace slurmscope::http {
namespace {

using base::ErrorCode;
using base::StrCat;

Response ServeLater(const Request& r);

Response Serve(const Request& r) {
  if (r.path.starts_with("/later/")) return ServeLater(r);
  if (r.path == "/bomb") {
    Response bomb = Response::Text(200, GzipCompress(std::string(8 << 20, '0'), 9));
    bomb.gzipped = true;
    return bomb;
  }
  if (r.path == "/big") return Response::Text(200, std::string(200'000, 'x'));
  if (r.path == "/slow") {
    while (!r.canceled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (r.path == "/loop") return Response::Redirect("/loop");
  if (r.path == "/file") return Response::Redirect("file:///etc/passwd");
  if (r.path == "/from") return Response::Redirect("/to?x=1");
  return Response::Text(r.path == "/teapot" ? 418 : 200,
                        StrCat(r.method, ' ', r.raw_target, ' ', r.Header("User-Agent"), ' ',
                               r.Header("X-Own"), '|', r.Header("Accept-Encoding"), '|', r.body));
}

// Answers "ok" to the first request, so that its connection is kept, then what the path says.
Response ServeLater(const Request& r) {
  static std::mutex mutex;
  static std::map<std::string, int, std::less<>> count;
  {
    const std::lock_guard lock(mutex);
    if (count[r.raw_target]++ == 0) return Response::Text(200, "ok");
  }
  if (r.path == "/later/big") return Response::Text(200, std::string(200'000, 'x'));
  if (r.path == "/later/moved") return Response::Redirect("/to");
  if (r.path == "/later/slow") {
    while (!r.canceled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Response response = Response::Text(r.path == "/later/teapot" ? 418 : 200, "later");
  if (r.path == "/later/close") response.headers.emplace_back("Connection", "close");
  return response;
}

class ClientTest : public testing::Test {
 protected:
  ClientTest() : client_(*Client::Start({.user_agent = "Test/1", .max_connections = 0})) {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.worker_threads = 2;
    server_ = *Server::Start(std::move(options), Serve);
  }
  ClientRequest To(std::string target) const {
    ClientRequest request;
    request.url = StrCat("http://127.0.0.1:", server_->port(), target);
    return request;
  }
  // Unique, so that each test has first requests of its own.
  ClientRequest Later(std::string_view what) const {
    static int number = 0;
    ClientRequest request = To(StrCat("/later/", what, "?n=", ++number));
    request.repeats = true;
    return request;
  }
  Result<ClientResponse> Repeat(const std::shared_ptr<const ClientRequest>& request) {
    const auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
    auto future = promise->get_future();
    client_->Fetch(request, [promise](Result<ClientResponse>&& result) {
      promise->set_value(std::move(result));
    });
    return future.get();
  }
  // The second outcome, when the first was "ok".
  Result<ClientResponse> Second(ClientRequest request) {
    const auto shared = std::make_shared<const ClientRequest>(std::move(request));
    const auto first = Repeat(shared);
    EXPECT_TRUE(first && first->body == "ok");
    return Repeat(shared);
  }
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, RepeatsARequestOnAConnectionOfItsOwn) {
  ClientRequest request = To("/echo?x=1");
  request.headers = {{"X-Own", "yes"}};
  request.repeats = true;
  const auto repeated = std::make_shared<const ClientRequest>(request);
  request.repeats = false;
  const auto plain = client_->FetchAndWait(request);
  ASSERT_TRUE(plain);
  for (int i = 0; i < 20; ++i) {
    const auto r = Repeat(repeated);
    ASSERT_TRUE(r) << r.error().message();
    EXPECT_EQ(r->body, plain->body);
    EXPECT_EQ(r->status, 200);
    EXPECT_EQ(r->content_type, plain->content_type);
    EXPECT_EQ(r->wire_bytes, plain->wire_bytes);
  }
  EXPECT_EQ(server_->stats().connections, 2u);
}

TEST_F(ClientTest, RepeatedRequestsUnpackAndBound) {
  ClientRequest request = Later("big");
  const auto r = Second(request);
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_EQ(r->body, std::string(200'000, 'x'));
  EXPECT_LT(r->wire_bytes, 20'000u);
  for (bool gzip : {true, false}) {
    request = Later("big");
    request.max_body_bytes = 199'999;
    request.accept_gzip = gzip;
    const auto bounded = Second(request);
    ASSERT_FALSE(bounded);
    EXPECT_EQ(bounded.error().code(), ErrorCode::kResourceExhausted);
    EXPECT_NE(bounded.error().message().find("longer than 199999 bytes"), std::string::npos);
  }
}

TEST_F(ClientTest, RepeatedRequestsMeetAllThatOthersDo) {
  EXPECT_EQ(Second(Later("teapot"))->status, 418);
  EXPECT_TRUE(Second(Later("moved"))->body.starts_with("GET /to "));
  ClientRequest stay = Later("moved");
  stay.follow_redirects = false;
  EXPECT_EQ(Second(std::move(stay))->status, 302);
  ClientRequest slow = Later("slow");
  slow.timeout_ms = 300;
  const std::string url = slow.url;
  const auto late = Second(std::move(slow));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(late.error().message(), StrCat("Get \"", url, "\": context deadline exceeded"));
}

TEST_F(ClientTest, RepeatedRequestsOutliveTheirConnection) {
  const auto closes = std::make_shared<const ClientRequest>(Later("close"));
  for (const char* body : {"ok", "later", "later", "later"}) {
    const auto r = Repeat(closes);
    ASSERT_TRUE(r) << r.error().message();
    EXPECT_EQ(r->body, body);
  }
  const auto request = std::make_shared<const ClientRequest>(Later("x"));
  ASSERT_TRUE(Repeat(request));
  ServerOptions options;
  options.listen_addresses = server_->addresses();
  server_->Stop();
  const auto gone = Repeat(request);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message().find("connection refused"), std::string::npos);
  server_.reset();
  server_ = *Server::Start(std::move(options), Serve);
  EXPECT_EQ(Repeat(request)->body, "later");
  EXPECT_EQ(Repeat(request)->body, "later");
}

TEST_F(ClientTest, EndsRepeatedRequestsWithCanceled) {
  const auto request = std::make_shared<const ClientRequest>(Later("slow"));
  ASSERT_TRUE(Repeat(request));
  std::promise<Result<ClientResponse>> promise;
  client_->Fetch(request, [&](Result<ClientResponse> r) { promise.set_value(std::move(r)); });
  auto future = promise.get_future();
  EXPECT_EQ(future.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  client_.reset();
  EXPECT_EQ(future.get().error().code(), ErrorCode::kCanceled);
}

TEST_F(ClientTest, RunsTasksAtTheirTime) {
  std::promise<int64_t> first;
  std::promise<int64_t> second;
  const int64_t at = base::SystemClock().SteadyNs() + 30'000'000;
  client_->RunAt(at, [&] {
    second.set_value(base::SystemClock().SteadyNs());
    client_->RunAt(0, [&] { first.set_value(0); });
  });
  EXPECT_GE(second.get_future().get(), at);
  first.get_future().get();
}

TEST_F(ClientTest, SendsWhatItIsTold) {
  ClientRequest request = To("/a?b=c%20d");
  request.method = "PUT";
  request.headers = {{"X-Own", "yes"}, {"Content-Type", "text/plain"}};
  request.body = std::string("nul\0byte", 8);
  auto r = client_->FetchAndWait(std::move(request));
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_EQ(r->body, std::string("PUT /a?b=c%20d Test/1 yes|gzip|nul\0byte", 39));
  EXPECT_EQ(r->content_type, "text/plain; charset=utf-8");
  ClientRequest plain = To("/");
  plain.accept_gzip = false;
  EXPECT_EQ(client_->FetchAndWait(std::move(plain))->body, "GET / Test/1 ||");
}

TEST_F(ClientTest, AnyStatusIsAResponse) {
  EXPECT_EQ(client_->FetchAndWait(To("/teapot"))->status, 418);
}

TEST_F(ClientTest, ReusesConnections) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client_->FetchAndWait(To("/")));
  EXPECT_EQ(server_->stats().connections, 1u);
}

TEST_F(ClientTest, FollowsRedirectsWithinReason) {
  EXPECT_TRUE(client_->FetchAndWait(To("/from"))->body.starts_with("GET /to?x=1"));
  ClientRequest stay = To("/from");
  stay.follow_redirects = false;
  EXPECT_EQ(client_->FetchAndWait(std::move(stay))->status, 302);
  EXPECT_NE(client_->FetchAndWait(To("/loop")).error().message().find("stopped after 10 redirects"),
            std::string::npos);
  EXPECT_FALSE(client_->FetchAndWait(To("/file")));
  ClientRequest file;
  file.url = "file:///etc/passwd";
  EXPECT_EQ(client_->FetchAndWait(std::move(file)).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(ClientTest, TimesOut) {
  ClientRequest request = To("/slow");
  request.timeout_ms = 100;
  const std::string url = request.url;
  const auto r = client_->FetchAndWait(std::move(request));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(r.error().message(), StrCat("Get \"", url, "\": context deadline exceeded"));
}

TEST_F(ClientTest, SaysWhyItCannotConnect) {
  ClientRequest request = To("/");
  const int port = server_->port();
  server_->Stop();
  const auto r = client_->FetchAndWait(std::move(request));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(r.error().message(), StrCat("Get \"http://127.0.0.1:", port, "/\": dial tcp 127.0.0.1:",
                                        port, ": connect: connection refused"));
}

TEST_F(ClientTest, BoundsBodiesAndBombs) {
  for (const char* target : {"/big", "/bomb"}) {
    for (bool gzip : {true, false}) {
      ClientRequest request = To(target);
      request.max_body_bytes = 100'000;
      request.accept_gzip = gzip;
      const auto r = client_->FetchAndWait(std::move(request));
      ASSERT_FALSE(r) << target;
      EXPECT_EQ(r.error().code(), ErrorCode::kResourceExhausted) << r.error().message();
    }
  }
  EXPECT_EQ(client_->FetchAndWait(To("/big"))->body.size(), 200'000u);
}

TEST_F(ClientTest, TakesABodyOfJustTheBound) {
  ClientRequest request = To("/big");
  request.max_body_bytes = 200'000;
  EXPECT_TRUE(client_->FetchAndWait(request));
  request.max_body_bytes = 199'999;
  EXPECT_FALSE(client_->FetchAndWait(request));
}

TEST_F(ClientTest, RefusesHeaderInjection) {
  ClientRequest request = To("/");
  request.headers = {{"X-Own", "a\r\nX-Evil: 1"}};
  EXPECT_EQ(client_->FetchAndWait(std::move(request)).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(ClientTest, IgnoresProxiesOfTheEnvironment) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  EXPECT_TRUE(client_->FetchAndWait(To("/")));
  unsetenv("http_proxy");
}

TEST_F(ClientTest, EndsRunningRequestsWithCanceled) {
  std::promise<Result<ClientResponse>> promise;
  client_->Fetch(To("/slow"), [&](Result<ClientResponse> r) { promise.set_value(std::move(r)); });
  auto future = promise.get_future();
  EXPECT_EQ(future.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  client_.reset();
  EXPECT_EQ(future.get().error().code(), ErrorCode::kCanceled);
}

TEST(RedactedUrl, LeavesSecretsOut) {
  EXPECT_EQ(RedactedUrl("http://u:p@host:1/a@b"), "http://xxxxx@host:1/a@b");
  EXPECT_EQ(RedactedUrl("http://u:p@q@host"), "http://xxxxx@host");
  EXPECT_EQ(RedactedUrl("http://host/x?mail=a@b"), "http://host/x?mail=a@b");
}

}  // namespace
}  // namespace slurmscope::http
