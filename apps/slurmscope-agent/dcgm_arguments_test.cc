#include "dcgm_arguments.h"

#include <map>

#include <gtest/gtest.h>

namespace slurmscope {
namespace {

using List = std::vector<std::string>;

List Translate(const List& arguments) {
  auto done = TranslateDcgmArguments(arguments);
  EXPECT_TRUE(done) << (done ? "" : done.error().message());
  return done ? done->arguments : List{};
}

std::string Refusal(const List& arguments) {
  const auto done = TranslateDcgmArguments(arguments);
  EXPECT_FALSE(done);
  return done ? "" : done.error().message();
}

TEST(DcgmArguments, FlagsWithACounterpart) {
  EXPECT_EQ(Translate({"-f", "/etc/c.csv", "-a=:9401", "--collect-interval", "5000", "-d", "g:0"}),
            (List{"--gpu.counters-file=/etc/c.csv", "--gpu.listen-address=:9401",
                  "--gpu.collect-interval=5000ms", "--gpu.devices=g:0"}));
  EXPECT_EQ(Translate({"-n", "-o", "--rbmn", "--debug", "--log-format=text", "-x", "60000"}),
            (List{"--gpu.hostname-label=none", "--gpu.old-namespace",
                  "--gpu.replace-blanks-in-model-name", "--log.level=debug", "--log.format=logfmt",
                  "--gpu.xid-count-window=60000ms"}));
  EXPECT_EQ(Translate({"--no-hostname=false", "-k=false", "-m", "none"}), List{});
}

TEST(DcgmArguments, OursStay) {
  const List ours = {"--web.listen-address=:9100", "--collector.cpu", "--gpu.devices", "f", "-h"};
  EXPECT_EQ(Translate(ours), ours);
}

TEST(DcgmArguments, FlagsWithoutEffectAreNamed) {
  const auto done = TranslateDcgmArguments(
      {"--enable-dcgm-log", "--dcgm-log-level=INFO", "-r", "localhost:5555", "--fake-gpus"});
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->arguments.empty());
  ASSERT_EQ(done->notes.size(), 4u);
  EXPECT_EQ(done->notes[2], "-r: DCGM is not used");
}

TEST(DcgmArguments, WhatCannotBeHonouredIsRefused) {
  EXPECT_EQ(Refusal({"-k"}), "-k: this agent knows Slurm, not Kubernetes");
  EXPECT_EQ(Refusal({"-r", "other:5555"}), "-r: this agent reads the GPUs of its own node");
  EXPECT_EQ(Refusal({"-c", "1s"}), "-c: \"1s\" is not a number of milliseconds");
  EXPECT_EQ(Refusal({"--debug=maybe"}), "--debug: \"maybe\" is neither true nor false");
  EXPECT_EQ(Refusal({"-a"}), "-a: wants a value");
}

TEST(DcgmArguments, UnderItsName) {
  const std::map<std::string, std::string> environment = {{"DCGM_EXPORTER_LISTEN", ":9500"},
                                                          {"DCGM_EXPORTER_INTERVAL", "1000"},
                                                          {"DCGM_EXPORTER_KUBERNETES", "false"}};
  const auto getenv = [&](const char* name) -> const char* {
    const auto at = environment.find(name);
    return at == environment.end() ? nullptr : at->second.c_str();
  };
  const List page = {"--web.listen-address=", "--no-collector.slurm_job"};
  const auto with = [&](List more) {
    List all = page;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  auto done = TranslateDcgmCommandLine({"-c", "2000"}, getenv, "/etc/d.csv");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->arguments, with({"--gpu.counters-file=/etc/d.csv", "--gpu.listen-address=:9500",
                                   "--gpu.collect-interval=2000ms"}));
  const auto none = [](const char*) -> const char* { return nullptr; };
  done = TranslateDcgmCommandLine({}, none, "");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->arguments, with({"--gpu.listen-address=:9400"}));
}

}  // namespace
}  // namespace slurmscope
