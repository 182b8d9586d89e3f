#include "dashboards/ui_server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "dashboards/secrets.h"

namespace slurmscope::dashboards {
namespace {

TEST(Secrets, HashesVerify) {
  std::string hash = HashPassword("correct horse").value();
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << hash;
  EXPECT_NE(hash, HashPassword("correct horse").value()) << "the salt must differ";
  EXPECT_TRUE(VerifyPassword(hash, "correct horse"));
  EXPECT_FALSE(VerifyPassword(hash, "correct horsf"));
  EXPECT_FALSE(VerifyPassword("", "correct horse"));
  EXPECT_FALSE(HashPassword(""));
}

TEST(Secrets, TokensAndDigests) {
  EXPECT_EQ(RandomToken(32).size(), 43u);
  EXPECT_NE(RandomToken(32), RandomToken(32));
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

class UiServerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "ui.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    database_ = Database::Open(directory_ + "/test.db").value();
    accounts_ = std::make_unique<Accounts>(*database_, clock_);
    ASSERT_TRUE(accounts_->EnsureAdmin("secret", password_file()));
    store_ = std::make_unique<DashboardStore>(*database_, clock_);
    ui_ = std::make_unique<UiServer>(*accounts_, *store_, [](const http::Request& request) {
      return http::Response::Text(200, "api " + request.path);
    });
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string password_file() const { return directory_ + "/admin-password"; }

  http::Response Send(std::string method, std::string path, std::string body = "", http::Pairs headers = {}) {
    http::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    request.headers = std::move(headers);
    request.headers.emplace_back("Content-Type", "application/json");
    request.headers.emplace_back("Host", "head:3000");
    if (!cookie_.empty()) request.headers.emplace_back("Cookie", "other=1; " + cookie_);
    request.remote_address = "127.0.0.1:5000";
    return ui_->Handle(request);
  }

  int LogIn(const std::string& password) {
    http::Response response = Send("POST", "/login", R"({"user":"admin","password":")" + password + "\"}");
    for (const auto& [key, value] : response.headers) {
      if (key == "Set-Cookie") cookie_ = value.substr(0, value.find(';'));
    }
    return response.status;
  }

  base::FakeClock clock_{1'700'000'000'000};
  std::string directory_;
  std::string cookie_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<DashboardStore> store_;
  std::unique_ptr<UiServer> ui_;
};

TEST_F(UiServerTest, NothingWithoutLogin) {
  for (const char* path : {"/api/user", "/api/search", "/api/dashboards/uid/x", "/api/v1/query"}) {
    EXPECT_EQ(Send("GET", path).status, 401) << path;
  }
  EXPECT_EQ(Send("POST", "/api/dashboards/db", "{}").status, 401);
  EXPECT_EQ(Send("GET", "/api/health").status, 200);
}

TEST_F(UiServerTest, LoginOpensAndLogoutCloses) {
  EXPECT_EQ(LogIn("wrong"), 401);
  EXPECT_TRUE(cookie_.empty());
  ASSERT_EQ(LogIn("secret"), 200);
  EXPECT_EQ(Send("GET", "/api/user").body, R"({"login":"admin","role":"Admin"})");
  EXPECT_EQ(Send("GET", "/api/v1/query").body, "api /api/v1/query");
  std::string stolen = cookie_;
  EXPECT_EQ(Send("POST", "/logout").status, 200);
  cookie_ = stolen;
  EXPECT_EQ(Send("GET", "/api/user").status, 401) << "the session must end on the server";
}

TEST_F(UiServerTest, TheDatabaseHoldsNoToken) {
  ASSERT_EQ(LogIn("secret"), 200);
  std::string token = cookie_.substr(cookie_.find('=') + 1);
  auto rows = database_->Execute("SELECT token_hash FROM sessions").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(TextOf(rows[0][0]), Sha256Hex(token));
}

TEST_F(UiServerTest, SessionsEnd) {
  ASSERT_EQ(LogIn("secret"), 200);
  clock_.Advance(Accounts::kIdleMs - 1000);
  EXPECT_EQ(Send("GET", "/api/user").status, 200);
  clock_.Advance(Accounts::kIdleMs + 1000);
  EXPECT_EQ(Send("GET", "/api/user").status, 401);
}

TEST_F(UiServerTest, GuessingIsThrottled) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(LogIn("wrong"), 401);
  EXPECT_EQ(LogIn("secret"), 429) << "even the right password waits";
  clock_.Advance(5 * 60 * 1000);
  EXPECT_EQ(LogIn("secret"), 200);
}

TEST_F(UiServerTest, OtherSitesCannotAct) {
  ASSERT_EQ(LogIn("secret"), 200);
  std::string body = R"({"dashboard":{"title":"Evil"}})";
  EXPECT_EQ(Send("POST", "/api/dashboards/db", body, {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(Send("POST", "/api/dashboards/db", body, {{"Origin", "http://evil"}}).status, 403);
  EXPECT_EQ(Send("POST", "/api/dashboards/db", body, {{"Origin", "http://head:3000"}}).status, 200);
}

TEST_F(UiServerTest, ImportsText) {
  ASSERT_EQ(LogIn("secret"), 200);
  http::Response saved =
      Send("POST", "/api/dashboards/db", R"({"dashboardText":"{\"title\":\"T\" // x\n}","overwrite":false})");
  EXPECT_EQ(saved.status, 200) << saved.body;
  EXPECT_EQ(Send("GET", "/api/search").body,
            R"([{"uid":"t","title":"T","url":"/d/t/t","type":"dash-db","tags":[],"isStarred":false}])");
  EXPECT_EQ(Send("POST", "/api/dashboards/db", R"({"dashboard":{"title":"T"}})").status, 412);
  EXPECT_EQ(Send("DELETE", "/api/dashboards/uid/t").status, 200);
  EXPECT_EQ(Send("GET", "/api/dashboards/uid/t").status, 404);
}

TEST_F(UiServerTest, EveryAnswerHasThePolicy) {
  for (const char* path : {"/", "/api/health", "/api/user", "/nowhere"}) {
    http::Response response = Send("GET", path);
    std::string policy;
    for (const auto& [key, value] : response.headers) {
      if (key == "Content-Security-Policy") policy = value;
    }
    EXPECT_NE(policy.find("default-src 'none'"), std::string::npos) << path;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos) << path;
  }
}

TEST_F(UiServerTest, AdminPasswordIsGeneratedOnce) {
  ASSERT_TRUE(database_->Execute("DELETE FROM users"));
  auto first = accounts_->EnsureAdmin(std::nullopt, password_file());
  ASSERT_TRUE(first && first->generated);
  EXPECT_EQ(base::ReadFile(password_file()).value(), first->generated_password + "\n");
  struct stat st {};
  ASSERT_EQ(stat(password_file().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(LogIn(first->generated_password), 200);
  EXPECT_FALSE(accounts_->EnsureAdmin(std::nullopt, password_file())->generated);
  EXPECT_EQ(LogIn(first->generated_password), 200) << "a restart keeps it";
}

TEST_F(UiServerTest, ANewPasswordEndsSessions) {
  ASSERT_EQ(LogIn("secret"), 200);
  ASSERT_TRUE(accounts_->EnsureAdmin("secret", password_file()));
  EXPECT_EQ(Send("GET", "/api/user").status, 200);
  ASSERT_TRUE(accounts_->EnsureAdmin("other", password_file()));
  EXPECT_EQ(Send("GET", "/api/user").status, 401);
}

}  // namespace
}  // namespace slurmscope::dashboards
