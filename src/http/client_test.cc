#include "http/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <thread>

#include "base/strings.h"
#include "http/gzip.h"
#include "http/socket_for_test.h"
#include "http/transfer.h"

namespace slurmscope::http {
namespace {

using base::ErrorCode;
using base::StrCat;

Response Serve(const Request& r) {
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
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
};

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
