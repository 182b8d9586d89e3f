#include <gtest/gtest.h>

#include "base/strings.h"
#include "http/listener.h"
#include "http/server.h"

namespace slurmscope::http {
namespace {

Request Get(std::string path, std::string method = "GET") {
  Request request;
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

Handler Named(std::string name) {
  return [name](const Request& r) {
    return Response::Text(200, base::StrCat(name, ' ', r.Param("name"), r.Param("rest")));
  };
}

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router_.Add("GET", "/*rest", Named("all"));
    router_.Add("GET POST", "/api/label/:name/values", Named("label"));
    router_.Add("GET", "/api/label/fixed/values", Named("fixed"));
    router_.Add("GET", "/api/*rest", Named("api"));
    router_.Add("DELETE", "/api/only/delete", Named("delete"));
  }
  Router router_;
};

TEST_F(RouterTest, PrefersTheNarrowerPattern) {
  EXPECT_EQ(router_.Handle(Get("/api/label/job/values")).body, "label job");
  EXPECT_EQ(router_.Handle(Get("/api/label/fixed/values")).body, "fixed ");
  EXPECT_EQ(router_.Handle(Get("/api/label/a/b/c")).body, "api label/a/b/c");
  EXPECT_EQ(router_.Handle(Get("/")).body, "all ");
  EXPECT_EQ(router_.Handle(Get("/x/y")).body, "all x/y");
  EXPECT_EQ(router_.PatternOf(Get("/api/label/job/values")), "/api/label/:name/values");
}

TEST_F(RouterTest, PathParameterWinsOverTheQuery) {
  Request request = Get("/api/label/job/values");
  request.params = {{"name", "spoofed"}};
  EXPECT_EQ(router_.Handle(request).body, "label job");
}

TEST_F(RouterTest, AnswersHeadByGet) { EXPECT_EQ(router_.Handle(Get("/x", "HEAD")).status, 200); }

TEST(Router, SaysNotFoundAndNotAllowed) {
  Router router;
  router.Add("GET POST", "/a", Named("a"));
  router.Add("PUT", "/a", Named("b"));
  const Response missing = router.Handle(Get("/b"));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "404 page not found\n");
  EXPECT_EQ(router.Handle(Get("/a/")).status, 404);
  const Response wrong = router.Handle(Get("/a", "DELETE"));
  EXPECT_EQ(wrong.status, 405);
  ASSERT_EQ(wrong.headers.size(), 1u);
  EXPECT_EQ(wrong.headers[0].second, "GET, HEAD, POST, PUT");
  EXPECT_EQ(router.PatternOf(Get("/b")), "");
}

TEST(Request, Accessors) {
  Request request;
  request.params = {{"a", "1"}, {"b", ""}, {"a", "2"}};
  request.headers = {{"X-Thing", "v"}, {"Cookie", "a=1; session=\"x=y\";b=2"}};
  EXPECT_EQ(request.Param("a"), "1");
  EXPECT_EQ(request.ParamAll("a").size(), 2u);
  EXPECT_TRUE(request.HasParam("b"));
  EXPECT_FALSE(request.HasParam("A"));
  EXPECT_EQ(request.Header("x-thing"), "v");
  EXPECT_EQ(request.Cookie("session"), "x=y");
  EXPECT_EQ(request.Cookie("b"), "2");
  EXPECT_EQ(request.Cookie("none"), "");
}

TEST(Listener, ParsesAddresses) {
  EXPECT_EQ(ParseHostPort(":9090")->host, "");
  EXPECT_EQ(ParseHostPort("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseHostPort("localhost:80")->port, 80);
  for (const char* bad :
       {"", "9090", "a:b", "::1:80", "a:70000", "a:-1", "[]:1", "[::1]", "[a:1"}) {
    EXPECT_FALSE(ParseHostPort(bad)) << bad;
  }
}

TEST(Listener, NamesAnAddressInUse) {
  auto first = Listen("127.0.0.1:0");
  ASSERT_TRUE(first) << first.error().message();
  const std::string address = first->front().address();
  const auto second = Listen(address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message(),
            "listen tcp " + address +
                ": address already in use: another program listens there; stop it or give "
                "another --web.listen-address");
}

TEST(Listener, LocalhostSharesOneFreePort) {
  auto listeners = Listen("localhost:0");
  ASSERT_TRUE(listeners) << listeners.error().message();
  for (const Listener& listener : *listeners) EXPECT_EQ(listener.port(), listeners->front().port());
}

}  // namespace
}  // namespace slurmscope::http
