#include "edge/web_access.h"

#include <gtest/gtest.h>

namespace slurmscope::edge {
namespace {

TEST(ListenAddress, OnlyLoopbackIsClosed) {
  for (const char* closed : {"127.0.0.1:9090", "localhost:9090", "[::1]:1", "127.9.9.9:0"})
    EXPECT_TRUE(IsLoopbackAddress(closed)) << closed;
  for (const char* open : {":9090", "0.0.0.0:9090", "[::]:9090", "10.0.0.1:9090", "head:9090",
                           "127.evil.example:9090", "localhost.example:1", "9090", ""})
    EXPECT_FALSE(IsLoopbackAddress(open)) << open;
  EXPECT_EQ(OpenAddresses({"127.0.0.1:1", ":2", "x:3"}), (std::vector<std::string>{":2", "x:3"}));
}

TEST(WebAccess, WithoutAFileEveryoneMayCome) {
  auto access = OpenWebAccess("");
  ASSERT_TRUE(access);
  EXPECT_EQ(access->access, nullptr);
  EXPECT_FALSE(OpenWebAccess("/nonexistent/web.yml"));
}

}  // namespace
}  // namespace slurmscope::edge
