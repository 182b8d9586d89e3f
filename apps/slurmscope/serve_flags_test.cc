#include "serve_flags.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace slurmscope::app {
namespace {

// What the flags come to; fails the test when they are refused.
ServeFlags Parse(const std::vector<std::string>& args) {
  ServeFlagsOutcome outcome = ParseServeFlags(args);
  EXPECT_FALSE(outcome.exit) << base::Join(args, " ");
  return outcome.flags;
}

// What is printed to stderr when they are refused.
std::string Refusal(const std::vector<std::string>& args) {
  testing::internal::CaptureStderr();
  ServeFlagsOutcome outcome = ParseServeFlags(args);
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(outcome.exit) << base::Join(args, " ");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(text.find("Try slurmscope serve --help"), std::string::npos) << text;
  return text;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(ServeFlags, Defaults) {
  ServeFlags flags = Parse({});
  EXPECT_EQ(flags.config_file, "prometheus.yml");
  EXPECT_EQ(flags.listen_addresses, std::vector<std::string>{"127.0.0.1:9090"});
  EXPECT_EQ(flags.ui_listen_address, "127.0.0.1:3000");
  EXPECT_FALSE(flags.enable_lifecycle);
  EXPECT_TRUE(flags.wal_compression);
  EXPECT_EQ(flags.query_timeout_ms, 120'000);
  EXPECT_TRUE(flags.notes.empty());
  EXPECT_EQ(flags.all.at("config.file"), "prometheus.yml");
  EXPECT_EQ(flags.all.at("query.timeout"), "2m");
  EXPECT_FALSE(flags.all.contains("help"));
}

TEST(ServeFlags, ValuesInBothForms) {
  ServeFlags flags =
      Parse({"--config.file", "a.yml", "--storage.tsdb.path=/x", "--query.timeout=1m30s",
             "--query.lookback-delta", "90s", "--storage.tsdb.wal-segment-size=16MB",
             "--log.level=debug", "--log.format=json", "--web.max-connections=7"});
  EXPECT_EQ(flags.config_file, "a.yml");
  EXPECT_EQ(flags.tsdb_path, "/x");
  EXPECT_EQ(flags.query_timeout_ms, 90'000);
  EXPECT_EQ(flags.lookback_ms, 90'000);
  EXPECT_EQ(flags.wal_segment_bytes, 16u << 20);
  EXPECT_EQ(flags.log_level, base::LogLevel::kDebug);
  EXPECT_EQ(flags.log_format, "json");
  EXPECT_EQ(flags.max_connections, 7u);
  EXPECT_EQ(flags.all.at("query.timeout"), "1m30s");
}

TEST(ServeFlags, EmptyValueIsAValue) {
  EXPECT_EQ(Parse({"--ui.listen-address=", "--query.timeout=5s"}).ui_listen_address, "");
  EXPECT_EQ(Parse({"--query.timeout=5s", "--ui.listen-address="}).ui_listen_address, "");
}

TEST(ServeFlags, RepeatableFlags) {
  ServeFlags flags =
      Parse({"--web.listen-address=:1", "--web.listen-address=[::1]:2",
             "--enable-feature=promql-experimental-functions,promql-binop-fill-modifiers",
             "--enable-feature=promql-extended-range-selectors"});
  EXPECT_EQ(flags.listen_addresses, (std::vector<std::string>{":1", "[::1]:2"}));
  EXPECT_EQ(flags.features, (std::vector<std::string>{"promql-experimental-functions",
                                                      "promql-binop-fill-modifiers",
                                                      "promql-extended-range-selectors"}));
  EXPECT_TRUE(flags.notes.empty());
}

TEST(ServeFlags, Switches) {
  ServeFlags flags = Parse({"--web.enable-lifecycle", "--no-storage.tsdb.wal-compression",
                            "--storage.tsdb.no-lockfile"});
  EXPECT_TRUE(flags.enable_lifecycle);
  EXPECT_FALSE(flags.wal_compression);
  EXPECT_FALSE(flags.enable_admin_api);
  EXPECT_TRUE(Parse({"--web.enable-admin-api"}).enable_admin_api);
  EXPECT_FALSE(flags.wal_zstd);
  EXPECT_TRUE(Parse({"--storage.tsdb.wal-compression-type=zstd"}).wal_zstd);
  EXPECT_TRUE(flags.no_lockfile);
  EXPECT_FALSE(Parse({"--no-web.enable-lifecycle"}).enable_lifecycle);
}

TEST(ServeFlags, FlagsWithoutEffectAreTakenWithANote) {
  ServeFlags flags = Parse({"--storage.tsdb.samples-per-chunk=120", "--web.page-title", "x",
                            "--enable-feature=agent-mode"});
  ASSERT_EQ(flags.notes.size(), 3u);
  std::string notes = base::Join(flags.notes, "\n");
  for (std::string_view name : {"--storage.tsdb.samples-per-chunk has no effect",
                                "--web.page-title has no effect", "--enable-feature=agent-mode"}) {
    EXPECT_TRUE(Contains(notes, name)) << name << "\n" << notes;
  }
}

TEST(ServeFlags, FlagsThatWouldExposeASiteAreRefused) {
  EXPECT_TRUE(Contains(Refusal({"--agent"}), "--agent"));
}

TEST(ServeFlags, RoutePrefixIsThatOfTheExternalUrl) {
  EXPECT_EQ(Parse({}).route_prefix, "");
  EXPECT_EQ(Parse({"--web.external-url=https://a.b/x/y/"}).route_prefix, "/x/y");
  EXPECT_EQ(Parse({"--web.external-url=https://a.b"}).route_prefix, "");
  EXPECT_EQ(Parse({"--web.external-url=/x/"}).route_prefix, "/x");
  EXPECT_EQ(Parse({"--web.external-url=https://a/x", "--web.route-prefix=/"}).route_prefix, "");
  EXPECT_EQ(Parse({"--web.route-prefix=p"}).route_prefix, "/p");
}

TEST(ServeFlags, WrongFlagsAndValues) {
  EXPECT_TRUE(Contains(Refusal({"--storage.tsdb.pth=x"}),
                       "unknown flag --storage.tsdb.pth=x, did you mean --storage.tsdb.path?"));
  EXPECT_TRUE(Contains(Refusal({"stray"}), "stray"));
  EXPECT_TRUE(Contains(Refusal({"--query.timeout=soon"}), "--query.timeout"));
  EXPECT_TRUE(Contains(Refusal({"--storage.tsdb.wal-segment-size=big"}),
                       "--storage.tsdb.wal-segment-size"));
  EXPECT_TRUE(Contains(Refusal({"--web.max-connections=0"}), "--web.max-connections"));
  EXPECT_TRUE(Contains(Refusal({"--query.max-concurrency=-1"}), "--query.max-concurrency"));
  EXPECT_TRUE(Contains(Refusal({"--query.max-samples=0"}), "--query.max-samples"));
  EXPECT_TRUE(Contains(Refusal({"--log.format=xml"}), "--log.format"));
  EXPECT_TRUE(Contains(Refusal({"--storage.tsdb.wal-compression-type=lz4"}),
                       "--storage.tsdb.wal-compression-type"));
  EXPECT_TRUE(Contains(Refusal({"--config.file"}), "--config.file"));
  EXPECT_TRUE(Contains(Refusal({"--enable-feature=otlp-deltatocumulative",
                                "--enable-feature=otlp-native-delta-ingestion"}),
                       "otlp-deltatocumulative and otlp-native-delta-ingestion exclude"));
}

TEST(ServeFlags, SizesAndDurationsOutOfRange) {
  for (const char* flag :
       {"--query.timeout=0s", "--query.lookback-delta=0s", "--storage.tsdb.wal-segment-size=0",
        "--storage.tsdb.wal-segment-size=1KB", "--web.read-timeout=0s"}) {
    EXPECT_FALSE(Refusal({flag}).empty()) << flag;
  }
}

TEST(ServeFlags, HelpAndVersionExitWell) {
  for (const char* flag : {"--help", "--version"}) {
    testing::internal::CaptureStdout();
    ServeFlagsOutcome outcome = ParseServeFlags({flag});
    std::string text = testing::internal::GetCapturedStdout();
    EXPECT_TRUE(outcome.exit);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_FALSE(text.empty());
    EXPECT_FALSE(Contains(text, "auto-gomemlimit")) << "flags without effect are not shown";
  }
}

TEST(ServeFlags, UnderTheNamePrometheusTheUiKeepsOutOfTheWay) {
  ServeFlags flags = ParseServeFlags({"--storage.tsdb.path=/d"}, true).flags;
  EXPECT_EQ(flags.ui_state_path, "/d/slurmscope-ui");
  EXPECT_TRUE(flags.ui_optional);
  EXPECT_EQ(flags.all.at("ui.state-path"), "/d/slurmscope-ui");
  flags = ParseServeFlags({"--ui.state-path=/s", "--ui.listen-address=:3000"}, true).flags;
  EXPECT_EQ(flags.ui_state_path, "/s");
  EXPECT_FALSE(flags.ui_optional);
  EXPECT_FALSE(ParseServeFlags({}).flags.ui_optional);
}

TEST(ServeFlags, ReloadsByItselfWhenTold) {
  EXPECT_FALSE(ParseServeFlags({}).flags.auto_reload);
  ServeFlags flags =
      ParseServeFlags({"--config.auto-reload", "--config.auto-reload-interval=5s"}).flags;
  EXPECT_TRUE(flags.auto_reload);
  EXPECT_EQ(flags.auto_reload_interval_ms, 5000);
  EXPECT_TRUE(ParseServeFlags({"--config.auto-reload-interval=10ms"}).exit);
  EXPECT_TRUE(ParseServeFlags({"--enable-feature=auto-reload-config"}).flags.notes.empty());
}

}  // namespace
}  // namespace slurmscope::app
