#include "edge/client_auth.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "http/server.h"

namespace slurmscope::edge {
namespace {

using Settings = ClientAuth::Settings;

class ClientAuthTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  void Make(config::HttpClientConfig config) {
    auth_ = std::make_shared<ClientAuth>(std::move(config), *client_, clock_);
  }
  Result<Settings> Get() {
    auto promise = std::make_shared<std::promise<Result<Settings>>>();
    auth_->Get([promise](const Result<Settings>& settings) { promise->set_value(settings); });
    return promise->get_future().get();
  }
  std::string Authorization() {
    auto settings = Get();
    if (!settings) return settings.error().message();
    for (const auto& [name, value] : (*settings)->headers) {
      if (name == "Authorization") return value;
    }
    return "none";
  }

  const std::string directory_ = ::testing::TempDir() + "client_auth_" +
                                 ::testing::UnitTest::GetInstance()->current_test_info()->name();
  base::FakeClock clock_{1'000'000};
  std::unique_ptr<http::Client> client_ = http::Client::Start({}).value();
  std::shared_ptr<ClientAuth> auth_;
};

TEST_F(ClientAuthTest, ReadsSecretsAgainWhenTheirFileChanges) {
  const std::string file = Write("pw", "one\n");
  config::HttpClientConfig config;
  config.basic_auth = config::BasicAuthConfig{{"user", ""}, {"", file}};
  Make(config);
  const Settings first = *Get();
  EXPECT_EQ(Authorization(), "Basic dXNlcjpvbmU=");
  clock_.Advance(5000);
  EXPECT_EQ(*Get(), first) << "the same object while nothing changes";
  Write("pw", "second\n");
  EXPECT_EQ(*Get(), first) << "not looked at twice in a second";
  clock_.Advance(1001);
  EXPECT_EQ(Authorization(), "Basic dXNlcjpzZWNvbmQ=");
  std::filesystem::remove(file);
  clock_.Advance(1001);
  EXPECT_NE(Authorization().find("unable to read basic auth password"), std::string::npos);
  Write("pw", "one");
  clock_.Advance(1001);
  EXPECT_EQ(Authorization(), "Basic dXNlcjpvbmU=");
}

TEST_F(ClientAuthTest, ReadsTokensHeadersAndCertificates) {
  config::HttpClientConfig config;
  config.authorization = config::AuthorizationConfig{"Token", {"abc", ""}};
  config.headers["X-A"] = {{"v"}, {"s"}, {Write("h", "f\n")}};
  config.tls.ca.file = Write("ca", "CA");
  config.tls.server_name = "node";
  config.tls.insecure_skip_verify = true;
  config.proxy.url = "http://proxy:3128";
  config.proxy.connect_headers["X-P"] = {"p"};
  Make(config);
  auto settings = Get();
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(
      (*settings)->headers,
      (http::Pairs{{"Authorization", "Token abc"}, {"X-A", "v"}, {"X-A", "s"}, {"X-A", "f"}}));
  EXPECT_EQ((*settings)->tls.ca, "CA");
  EXPECT_EQ((*settings)->tls.server_name, "node");
  EXPECT_FALSE((*settings)->tls.verify);
  EXPECT_TRUE((*settings)->http2);
  EXPECT_EQ((*settings)->proxy.for_http, "http://proxy:3128");
  EXPECT_EQ((*settings)->proxy.connect_headers, (http::Pairs{{"X-P", "p"}}));
}

TEST_F(ClientAuthTest, ASecretOfTwoLinesIsAnErrorThatDoesNotShowIt) {
  config::HttpClientConfig config;
  config.authorization = config::AuthorizationConfig{"Bearer", {"", Write("t", "hunter2\nx: y")}};
  Make(config);
  EXPECT_EQ(Authorization(), "authorization credentials has more than one line");
}

TEST_F(ClientAuthTest, TakesProxiesOfTheEnvironment) {
  ::setenv("https_proxy", "proxy:1", 1);
  ::setenv("HTTP_PROXY", "http://u:p@proxy:2", 1);
  ::setenv("NO_PROXY", "a,b", 1);
  config::HttpClientConfig config;
  config.proxy.from_environment = true;
  Make(config);
  const http::ProxySettings proxy = (*Get())->proxy;
  for (const char* name : {"https_proxy", "HTTP_PROXY", "NO_PROXY"}) ::unsetenv(name);
  EXPECT_EQ(proxy.for_https, "http://proxy:1");
  EXPECT_EQ(proxy.for_http, "http://u:p@proxy:2");
  EXPECT_EQ(proxy.no_proxy, "a,b");
  EXPECT_TRUE(proxy.spares_loopback);
}

class OAuth2Test : public ClientAuthTest {
 protected:
  void Serve(std::function<http::Response(const http::Request&)> answer) {
    http::ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    server_ = http::Server::Start(options, [this, answer](const http::Request& request) {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
                return answer(request);
              }).value();
    config::HttpClientConfig config;
    config.oauth2.emplace();
    config.oauth2->client_id = "the id";
    config.oauth2->client_secret.text = "hunter2";
    config.oauth2->scopes = {"a", "b"};
    config.oauth2->endpoint_params = {{"audience", "x y"}};
    config.oauth2->token_url = "http://" + server_->addresses()[0] + "/token";
    Make(config);
  }
  size_t Requests() {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }

  std::mutex mutex_;
  std::vector<http::Request> requests_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(OAuth2Test, FetchesATokenAndKeepsItUntilItExpires) {
  std::atomic<int> count = 0;
  Serve([&](const http::Request&) {
    return http::Response::Json(200, R"({"access_token":"t)" + std::to_string(++count) +
                                         R"(","token_type":"bearer","expires_in":60})");
  });
  EXPECT_FALSE(auth_->Ready());
  EXPECT_EQ(Authorization(), "Bearer t1");
  EXPECT_EQ(Authorization(), "Bearer t1");
  ASSERT_TRUE(auth_->Ready());
  ASSERT_EQ(Requests(), 1u);
  const http::Request& request = requests_[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.Param("grant_type"), "client_credentials");
  EXPECT_EQ(request.Param("scope"), "a b");
  EXPECT_EQ(request.Param("audience"), "x y");
  // "the%20id:hunter2" or with a plus sign: RFC 6749, section 2.3.1.
  EXPECT_TRUE(request.Header("Authorization").starts_with("Basic "));
  clock_.Advance(49'000);
  EXPECT_EQ(Authorization(), "Bearer t1");
  clock_.Advance(2'000);
  EXPECT_EQ(Authorization(), "Bearer t2") << "fetched again before the last ten seconds";
}

TEST_F(OAuth2Test, PutsTheSecretIntoTheBodyForServersThatWantIt) {
  Serve([&](const http::Request& request) {
    if (request.Param("client_secret") != "hunter2") return http::Response::Text(401, "no");
    return http::Response::Json(200, R"({"access_token":"t"})");
  });
  EXPECT_EQ(Authorization(), "Bearer t");
  EXPECT_EQ(Requests(), 2u);
  clock_.Advance(3'600'000);
  EXPECT_EQ(Authorization(), "Bearer t");
  EXPECT_EQ(Requests(), 3u) << "remembered";
}

TEST_F(OAuth2Test, ErrorsShowNoSecret) {
  Serve([](const http::Request& request) {
    return http::Response::Text(500, "you sent hunter2 " + std::string(request.Param("scope")));
  });
  EXPECT_EQ(Authorization(), "oauth2: cannot fetch token: status 500");
  Serve([](const http::Request&) { return http::Response::Text(200, "hunter2"); });
  EXPECT_EQ(Authorization(),
            "oauth2: cannot fetch token: the server's answer holds no access_token");
  Serve([](const http::Request&) {
    return http::Response::Json(200, R"({"access_token":"a\r\nX: y"})");
  });
  EXPECT_EQ(Authorization(),
            "oauth2: cannot fetch token: the server's answer holds no access_token");
}

TEST_F(OAuth2Test, ManyThatWaitShareOneRequest) {
  std::promise<void> go_on;
  auto may_go = go_on.get_future().share();
  Serve([may_go](const http::Request&) {
    may_go.wait();
    return http::Response::Json(200, R"({"access_token":"t"})");
  });
  std::atomic<int> got = 0;
  for (int i = 0; i < 100; ++i)
    auth_->Get([&](const Result<Settings>& settings) { got += settings ? 1 : 0; });
  go_on.set_value();
  EXPECT_EQ(Authorization(), "Bearer t");
  for (int i = 0; i < 400 && got < 100; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(got, 100);
  EXPECT_EQ(Requests(), 1u);
}

}  // namespace
}  // namespace slurmscope::edge
