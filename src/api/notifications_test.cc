#include "api/notifications.h"

#include <gtest/gtest.h>

namespace slurmscope::api {
namespace {

class NotificationsTest : public testing::Test {
 protected:
  NotificationsTest() { notifications_.Register(router_); }
  http::Response Get(const std::string& path) {
    http::Request request;
    request.method = "GET";
    request.path = path;
    return router_.Handle(request);
  }
  static std::string Drain(http::EventQueue& queue) {
    std::string out;
    queue.Drain(out);
    return out;
  }
  base::FakeClock clock_{1'000};
  Notifications notifications_{2, clock_};
  http::Router router_;
};

TEST_F(NotificationsTest, TellsWhatIsActive) {
  EXPECT_EQ(Get("/api/v1/notifications").body, R"({"status":"success","data":[]})");
  notifications_.Add("a");
  notifications_.Add("a");
  EXPECT_EQ(
      Get("/api/v1/notifications").body,
      R"({"status":"success","data":[{"text":"a","date":"1970-01-01T00:00:01Z","active":true}]})");
  notifications_.Remove("b");
  notifications_.Remove("a");
  EXPECT_EQ(Get("/api/v1/notifications").body, R"({"status":"success","data":[]})");
}

TEST_F(NotificationsTest, TellsChangesToWhoListens) {
  notifications_.Add("a");
  http::Response response = Get("/api/v1/notifications/live");
  EXPECT_EQ(response.content_type, "text/event-stream");
  ASSERT_TRUE(response.events);
  EXPECT_EQ(Drain(*response.events),
            "data: {\"text\":\"a\",\"date\":\"1970-01-01T00:00:01Z\",\"active\":true}\n\n");
  notifications_.Remove("a");
  EXPECT_EQ(Drain(*response.events),
            "data: {\"text\":\"a\",\"date\":\"1970-01-01T00:00:01Z\",\"active\":false}\n\n");
  EXPECT_EQ(notifications_.stats().sent, 2U);
}

TEST_F(NotificationsTest, BoundsWhoListens) {
  auto first = notifications_.Subscribe();
  auto second = notifications_.Subscribe();
  EXPECT_TRUE(first && second);
  EXPECT_EQ(notifications_.Subscribe(), nullptr);
  EXPECT_EQ(Get("/api/v1/notifications/live").status, 204);
  first->Abandon();  // as when the client goes
  EXPECT_TRUE(notifications_.Subscribe());
  EXPECT_EQ(notifications_.stats().subscribers, 2U);
}

}  // namespace
}  // namespace slurmscope::api
