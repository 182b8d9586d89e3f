#include <cmath>

#include <gtest/gtest.h>

#include "agent/job/cgroup_path.h"
#include "agent/job/processes.h"
#include "agent/job/usage.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

using namespace std::string_view_literals;

// "node/job/step/task" of a path below the root; "-" for one that is not Slurm's.
std::string NameOf(bool unified, std::string_view path, Level* level = nullptr) {
  Place place;
  for (const std::string_view name : base::Split(path, '/')) {
    auto next = PlaceOf(place, unified, name);
    if (!next) return "-";
    place = *std::move(next);
  }
  if (level != nullptr) *level = place.level;
  const CgroupName& n = place.name;
  return base::StrCat(n.node, "/", n.job, "/", n.step, "/", n.task,
                      place.uid ? base::StrCat("/uid=", *place.uid) : "");
}

TEST(CgroupPath, AllForms) {
  EXPECT_EQ(NameOf(false, "slurm/uid_20001/job_1/step_batch/task_0"), "/1/batch/0/uid=20001");
  EXPECT_EQ(NameOf(false, "slurm_node3/uid_0/job_12/step_0"), "node3/12/0//uid=0");
  EXPECT_EQ(NameOf(false, "slurm/uid_1/job_7"), "/7///uid=1");
  Level level{};
  EXPECT_EQ(NameOf(true, "system.slice/slurmstepd.scope/job_1/step_4/user/task_3", &level),
            "/1/4/3");
  EXPECT_EQ(level, Level::kTask);
  EXPECT_EQ(NameOf(true, "system.slice/node1_slurmstepd.scope/job_1/step_extern/user/task_special"),
            "node1/1/extern/special");
  EXPECT_EQ(NameOf(true, "a.slice/a-b.slice/slurmstepd.scope/job_4294967294"), "/4294967294//");
  EXPECT_EQ(NameOf(true, "system.slice/slurmstepd.scope/s8FXKTA79XAR00/step_interactive"),
            "/s8FXKTA79XAR00/interactive/");
}

TEST(CgroupPath, WhatIsNotOfJobs) {
  for (const char* path :
       {"slurmx", "slurm/uid_x", "slurm/uid_1/job_", "slurm/uid_1/job_01", "slurm/uid_1/job_1x",
        "slurm/uid_1/job_99999999999", "slurm/uid_1/job_1/step_", "slurm/uid_1/job_1/step_a b",
        "slurm/uid_1/job_1/step_0/task_0/task_0", "slurm/system", "slurm_", "user.slice",
        "slurm/uid_1/s8FXKTA79XAR00", "slurm/uid_1/job_1/step_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_EQ(NameOf(false, path), "-") << path;
  }
  for (const char* path : {"slurmstepd.scope/system", "slurmstepd.scope/job_1/step_0/slurm",
                           "xslurmstepd.scope", "slurmstepd.scope/job_1/step_0/task_0",
                           "user.slice/user-0.slice", "slurmstepd.scope/s8fxkta79xar00"}) {
    EXPECT_EQ(NameOf(true, path), "-") << path;
  }
}

Usage Parse(bool unified, std::string_view file, std::string_view text) {
  Usage usage;
  usage.fill(NAN);
  for (const UsageFile& spec : UsageFiles(unified)) {
    if (spec.name == file) spec.parse(text, usage);
  }
  return usage;
}

TEST(UsageFiles, V2) {
  Usage usage = Parse(true, "cpu.stat", "usage_usec 3500000\nuser_usec 3000000\nsystem_usec x\n");
  EXPECT_EQ(At(usage, Measure::kCpuTotal), 3.5);
  EXPECT_EQ(At(usage, Measure::kCpuUser), 3);
  EXPECT_TRUE(std::isnan(At(usage, Measure::kCpuSystem)));
  EXPECT_TRUE(std::isnan(At(Parse(true, "memory.max", "max\n"), Measure::kMemoryTotal)));
  EXPECT_EQ(At(Parse(true, "memory.max", "1048576\n"), Measure::kMemoryTotal), 1048576);
  usage = Parse(true, "io.stat",
                "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=5 wios=1\n");
  EXPECT_EQ(At(usage, Measure::kIoReadBytes), 15);
  EXPECT_EQ(At(usage, Measure::kIoWrites), 3);
  usage = Parse(true, "cpu.pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n"
                "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n");
  EXPECT_EQ(At(usage, Measure::kCpuWaiting), 2.5);
  usage = Parse(true, "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n");
  EXPECT_EQ(At(usage, Measure::kMemoryFails), 7);
  EXPECT_EQ(At(usage, Measure::kOomKills), 1);
}

TEST(UsageFiles, V1) {
  EXPECT_EQ(At(Parse(false, "cpuacct.usage", "1500000000\n"), Measure::kCpuTotal), 1.5);
  const Usage usage = Parse(false, "memory.stat",
                            "cache 1\nrss 2\nhierarchical_memory_limit 9223372036854771712\n"
                            "hierarchical_memsw_limit 100\ntotal_cache 3\ntotal_rss 4\n");
  EXPECT_EQ(At(usage, Measure::kMemoryRss), 4);
  EXPECT_EQ(At(usage, Measure::kMemoryCache), 3);
  EXPECT_TRUE(std::isnan(At(usage, Measure::kMemoryTotal)));
  EXPECT_EQ(At(usage, Measure::kSwapTotal), 100);
  const Usage io = Parse(false, "blkio.throttle.io_service_bytes_recursive",
                         "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n8:16 Read 4\nTotal 7\n");
  EXPECT_EQ(At(io, Measure::kIoReadBytes), 5);
  EXPECT_EQ(At(io, Measure::kIoWrittenBytes), 2);
}

TEST(Processes, GpusOfAnEnvironment) {
  // Seen on the second node of a job: SLURM_JOB_GPUS is the first node's.
  const auto environ = ParseEnviron(
      "SLURM_JOB_GPUS=1,2\0SLURM_STEP_GPUS=0,3\0CUDA_VISIBLE_DEVICES=0,1\0SLURM_JOB_ID=7\0"sv);
  EXPECT_EQ(environ.job, "7");
  EXPECT_EQ(GpusOf(environ, "0").minors, (std::vector<unsigned>{0, 3}));
  EXPECT_EQ(GpusOf(environ, "batch").minors, (std::vector<unsigned>{1, 2}));
  // Numbers of CUDA count from 0 in each job.
  EXPECT_TRUE(GpusOf(ParseEnviron("CUDA_VISIBLE_DEVICES=0,1\0"sv), "batch").empty());
}

// What was handed down from the job in which this one was submitted; Slurm takes the other away.
TEST(Processes, GpusOfAnotherJobsEnvironmentDoNotCount) {
  EXPECT_TRUE(GpusOf(ParseEnviron("SLURM_JOB_GPUS=1\0"sv), "0").empty());
  EXPECT_TRUE(GpusOf(ParseEnviron("SLURM_STEP_GPUS=3\0"sv), "batch").empty());
  EXPECT_TRUE(GpusOf(ParseEnviron("SLURM_STEP_GPUS=3\0"sv), "interactive").empty());
  EXPECT_TRUE(GpusOf(ParseEnviron("CUDA_VISIBLE_DEVICES=GPU-1\0"sv), "batch").empty());
}

TEST(Processes, UuidsAreMoreExactThanNumbers) {
  const GpuList list =
      GpusOf(ParseEnviron("SLURM_JOB_GPUS=5\0CUDA_VISIBLE_DEVICES=MIG-ab\0"sv), "batch");
  EXPECT_EQ(list.uuids, std::vector<std::string>{"MIG-ab"});
  EXPECT_TRUE(list.minors.empty());
  EXPECT_EQ(GpusOf(ParseEnviron("SLURM_STEP_GPUS=0\0ROCR_VISIBLE_DEVICES=GPU-ab\0"sv), "0").uuids,
            std::vector<std::string>{"GPU-ab"});
}

TEST(Processes, NumbersOfSlurm) {
  GpuList list = ParseGpuList("0,2");
  GpuNumbering::Parse("minor")->Apply(list);
  EXPECT_EQ(list.minors, (std::vector<unsigned>{0, 2}));
  list = ParseGpuList("0,2,9");
  GpuNumbering::Parse("4-5,1")->Apply(list);
  EXPECT_EQ(list.minors, (std::vector<unsigned>{4, 1}));
  list = ParseGpuList("0,2,GPU-1");
  GpuNumbering::Parse("nvml")->Apply(list);
  EXPECT_EQ(list.places, (std::vector<unsigned>{0, 2}));
  EXPECT_TRUE(list.minors.empty());
  EXPECT_EQ(list.uuids.size(), 1u);
  for (const char* bad : {"", "x", "0,x", "GPU-1", ",", "-"}) {
    EXPECT_FALSE(GpuNumbering::Parse(bad)) << bad;
  }
}

TEST(Processes, CutEnvironment) {
  EXPECT_EQ(ParseEnviron("SLURM_JOB_ID=12"sv).job, "");
  EXPECT_EQ(ParseEnviron("A\0\0=\0SLURM_JOB_ID=12\0SLURM_JOB_ID=13\0"sv).job, "12");
}

TEST(Processes, GpuLists) {
  EXPECT_EQ(ParseGpuList("0, 2-4,x,5-,999,4").minors, (std::vector<unsigned>{0, 2, 3, 4}));
  EXPECT_EQ(ParseGpuList("0-253").minors.size(), 64u);
  EXPECT_EQ(ParseGpuList("MIG-1,GPU-a b,GPU-2").uuids,
            (std::vector<std::string>{"MIG-1", "GPU-2"}));
}

TEST(Processes, DevicesList) {
  EXPECT_FALSE(ParseDevicesList("a *:* rwm\n"));
  EXPECT_FALSE(ParseDevicesList(""));
  EXPECT_FALSE(ParseDevicesList("c 195:* rwm\n"));
  EXPECT_EQ(ParseDevicesList("c 1:3 rwm\nc 195:2 rwm\nc 195:255 rwm\nb 195:1 r\nc 195:5 rw\n"),
            (std::vector<unsigned>{2, 5}));
}

TEST(Processes, SmallOnes) {
  EXPECT_EQ(ParseStepdTitle("slurmstepd: [12.batch] "), "12");
  EXPECT_EQ(ParseStepdTitle("slurmstepd: [x.0]"), "");
  EXPECT_EQ(ParseStepdTitle("slurmstepd"), "");
  EXPECT_EQ(ParseStatusUid("Name:\tx\nUid:\t20001\t20001\t0\t0\n"), 20001u);
  EXPECT_FALSE(ParseStatusUid("Uid:\n"));
  std::vector<int> pids;
  ParsePids("1\n0\n-3\nx\n4\n5\n", 2, pids);
  EXPECT_EQ(pids, (std::vector<int>{1, 4}));
}

}  // namespace
}  // namespace slurmscope::agent::job
