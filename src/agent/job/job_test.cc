#include <unistd.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "agent/job/table.h"
#include "agent/job/tree_for_test.h"
#include "agent/job/tree_watch.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

using base::StrCat;

// The table over the directories of a tree, without a thread.
class TableTest : public ::testing::Test {
 protected:
  void Start(JobTableOptions options = {}) {
    options.procfs = tree_.path() + "/proc";
    table_ = std::make_unique<JobTable>(options);
    Tick(0);
    watch_ = std::make_unique<TreeWatch>(FindHierarchies(tree_.cgroups()), *table_, 10000);
    watch_->Scan();
  }
  void Tick(int64_t ms) {
    now_ms_ += ms;
    table_->SetTime(now_ms_, now_ms_ * 1'000'000);
  }
  const Member* Find(const std::string& job, const std::string& step = "",
                     const std::string& task = "", const std::string& node = "") const {
    const auto at = table_->jobs().find({node, job});
    if (at == table_->jobs().end()) return nullptr;
    const auto member = at->second.members.find({step, task});
    return member == at->second.members.end() ? nullptr : &member->second;
  }
  const Job& JobOf(const std::string& job) const { return table_->jobs().at({"", job}); }
  double Value(const Member* member, Measure measure) const {
    return member == nullptr ? -1 : At(member->cgroup.usage(), measure);
  }

  Tree tree_;
  int64_t now_ms_ = 1'700'000'000'000;
  std::unique_ptr<JobTable> table_;
  std::unique_ptr<TreeWatch> watch_;
};

constexpr char kJobV2[] = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7";

TEST_F(TableTest, LimitsOfAJobHoldForItsTasks) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/memory.max"), "1000\n");
  tree_.Write(StrCat(kJobV2, "/step_0/memory.max"), "max\n");
  tree_.Write(StrCat(kJobV2, "/step_0/user/task_0/memory.max"), "max\n");
  tree_.Write(StrCat(kJobV2, "/step_0/user/task_1/memory.max"), "500\n");
  Start();
  table_->ReadAll();
  EXPECT_EQ(Value(Find("7", "0"), Measure::kMemoryTotal), 1000);
  EXPECT_EQ(Value(Find("7", "0", "0"), Measure::kMemoryTotal), 1000);
  EXPECT_EQ(Value(Find("7", "0", "1"), Measure::kMemoryTotal), 500);
}

TEST_F(TableTest, LastValuesAreKeptForAWhileAndNotForever) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 1000000\n");
  Start();
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 2000000\n");
  tree_.Write(StrCat(kJobV2, "/step_0/cpu.stat"), "usage_usec 500000\n");
  watch_->Drain();
  ASSERT_NE(Find("7", "0"), nullptr);
  // The step's end has the job read.
  tree_.Remove(StrCat(kJobV2, "/step_0"));
  watch_->Drain();
  EXPECT_NE(Find("7", "0")->ended_ns, 0);
  EXPECT_EQ(Value(Find("7"), Measure::kCpuTotal), 2);
  tree_.Remove(kJobV2);
  watch_->Drain();
  EXPECT_FALSE(JobOf("7").alive());

  Tick(500'000);  // nobody has asked: kept for longer
  table_->Tend();
  EXPECT_EQ(Value(Find("7"), Measure::kCpuTotal), 2);
  table_->Served();
  table_->Tend();
  EXPECT_TRUE(table_->jobs().empty());
}

// The case of a busy machine: no look at its processes came in time.
TEST_F(TableTest, WhatWasThereFirstIsKnownAndTheLastProcessHasItReadAgain) {
  const std::string task = StrCat(kJobV2, "/step_0/user/task_0");
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 1000000\n");
  tree_.Write(StrCat(task, "/cpu.stat"), "usage_usec 0\n");
  Start();
  EXPECT_EQ(Value(Find("7"), Measure::kCpuTotal), 1);
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 3000000\n");
  tree_.Write(StrCat(task, "/cpu.stat"), "usage_usec 2000000\n");
  tree_.Write(StrCat(task, "/cgroup.events"), "populated 0\nfrozen 0\n");
  watch_->Drain();
  tree_.Remove(kJobV2);
  watch_->Drain();
  EXPECT_EQ(Value(Find("7", "0", "0"), Measure::kCpuTotal), 2);
  EXPECT_EQ(Value(Find("7"), Measure::kCpuTotal), 3);
}

TEST_F(TableTest, AJobThatRunsAgainStartsAnew) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 9000000\n");
  Start();
  table_->ReadAll();
  tree_.Remove(kJobV2);
  watch_->Drain();
  EXPECT_EQ(Value(Find("7"), Measure::kCpuTotal), 9);
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 1000000\n");
  watch_->Drain();
  table_->ReadAll();
  EXPECT_EQ(Find("7")->ended_ns, 0);
  EXPECT_EQ(Value(Find("7"), Measure::kCpuTotal), 1);
}

TEST_F(TableTest, V1HasAPartInEachHierarchy) {
  const std::string job = "/slurm_node1/uid_20001/job_3";
  for (const char* controller : {"cpuacct", "memory", "freezer", "devices"}) {
    tree_.Write(StrCat("sys/fs/cgroup/", controller, job, "/step_batch/task_0/cgroup.procs"), "");
  }
  tree_.Write(StrCat("sys/fs/cgroup/cpuacct", job, "/cpuacct.usage"), "2500000000\n");
  tree_.Write(StrCat("sys/fs/cgroup/memory", job, "/memory.usage_in_bytes"), "4096\n");
  tree_.Write(StrCat("sys/fs/cgroup/devices", job, "/devices.list"),
              "c 1:3 rwm\nc 195:0 rwm\nc 195:3 rwm\nc 195:255 rwm\n");
  Start();
  table_->ReadAll();
  const Member* all = Find("3", "", "", "node1");
  EXPECT_EQ(Value(all, Measure::kCpuTotal), 2.5);
  EXPECT_EQ(Value(all, Measure::kMemoryUsed), 4096);
  Tick(100);
  table_->Tend();
  const Job& its = table_->jobs().at({"node1", "3"});
  EXPECT_EQ(its.uid, 20001u);
  EXPECT_TRUE(its.gpus_by_devices);
  EXPECT_EQ(its.gpus.minors, (std::vector<unsigned>{0, 3}));
  // Gone when it is gone everywhere.
  tree_.Remove(StrCat("sys/fs/cgroup/memory", job));
  watch_->Drain();
  EXPECT_EQ(Find("3", "batch", "0", "node1")->ended_ns, 0);
  for (const char* controller : {"cpuacct", "freezer", "devices"}) {
    tree_.Remove(StrCat("sys/fs/cgroup/", controller, job));
  }
  watch_->Drain();
  EXPECT_NE(Find("3", "batch", "0", "node1")->ended_ns, 0);
}

TEST_F(TableTest, UserAndGpusComeFromTheFirstProcess) {
  using namespace std::string_view_literals;
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/step_0/user/task_0/cgroup.procs"), "41\n42\n");
  tree_.Write("proc/41/cmdline", "slurmstepd: [7.0]");
  tree_.Write("proc/42/cmdline", "python");
  tree_.Write("proc/42/status", "Name:\tpython\nUid:\t20001\t20001\t20001\t20001\n");
  tree_.Write("proc/42/environ", "SLURM_JOB_ID=6\0SLURM_STEP_GPUS=1\0"sv);
  Start();
  Tick(11);
  table_->Tend();
  EXPECT_EQ(JobOf("7").uid, 20001u);
  EXPECT_TRUE(JobOf("7").gpus.empty()) << "the environment is another job's";
  tree_.Write("proc/42/environ", "SLURM_JOB_ID=7\0SLURM_STEP_GPUS=2\0"sv);
  Tick(51);
  table_->Tend();
  EXPECT_EQ(JobOf("7").gpus.minors, std::vector<unsigned>{2});
  tree_.Write("proc/42/environ", "SLURM_JOB_ID=7\0SLURM_STEP_GPUS=3\0"sv);
  Tick(100'000);
  table_->Tend();
  EXPECT_EQ(JobOf("7").gpus.minors, std::vector<unsigned>{2}) << "the user changed it";
}

TEST_F(TableTest, ASluidIsResolvedByTheTitleOfSlurmstepd) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  const std::string job = "sys/fs/cgroup/system.slice/slurmstepd.scope/s8FXKTA79XAR00";
  tree_.Write(job + "/step_batch/slurm/cgroup.procs", "41\n");
  tree_.Write("proc/41/cmdline", "slurmstepd: [1234.batch]");
  Start();
  EXPECT_EQ(JobOf("s8FXKTA79XAR00").id, "");
  Tick(11);
  table_->Tend();
  EXPECT_EQ(JobOf("s8FXKTA79XAR00").id, "1234");
}

TEST_F(TableTest, TooManyCgroupsAreCountedAndEndedOnesGiveWay) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  JobTableOptions options;
  options.most_cgroups = 3;
  Start(options);
  for (int i = 1; i <= 3; ++i) {
    tree_.Write(StrCat("sys/fs/cgroup/slurmstepd.scope/job_", i, "/cpu.stat"), "usage_usec 1\n");
  }
  watch_->Scan();
  tree_.Remove("sys/fs/cgroup/slurmstepd.scope/job_2");
  watch_->Drain();
  tree_.Write("sys/fs/cgroup/slurmstepd.scope/job_4/cpu.stat", "usage_usec 1\n");
  tree_.Write("sys/fs/cgroup/slurmstepd.scope/job_5/cpu.stat", "usage_usec 1\n");
  watch_->Drain();
  EXPECT_EQ(Find("2"), nullptr);
  EXPECT_NE(Find("4"), nullptr);
  EXPECT_EQ(Find("5"), nullptr);
  EXPECT_EQ(table_->dropped(), 2u);
}

TEST_F(TableTest, WhatIsNotShownTakesNoRoom) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  JobTableOptions options;
  options.most_cgroups = 2;
  options.detail = Level::kJob;
  Start(options);
  for (int i = 1; i <= 2; ++i) {
    tree_.Write(StrCat("sys/fs/cgroup/slurmstepd.scope/job_", i, "/step_0/cpu.stat"), "");
  }
  watch_->Scan();
  EXPECT_NE(Find("1"), nullptr);
  EXPECT_NE(Find("2"), nullptr);
  EXPECT_EQ(table_->dropped(), 0u);
}

TEST_F(TableTest, DetailStopsAtSteps) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/step_0/user/task_0/cpu.stat"), "usage_usec 1\n");
  JobTableOptions options;
  options.detail = Level::kStep;
  Start(options);
  EXPECT_TRUE(Find("7", "0")->shown);
  EXPECT_FALSE(Find("7", "0", "0")->shown);
  tree_.Remove(StrCat(kJobV2, "/step_0"));
  watch_->Drain();
  table_->Tend();
  EXPECT_NE(Find("7", "0"), nullptr);
  EXPECT_EQ(Find("7", "0", "0"), nullptr) << "not kept";
}

// jobstats wants jobs alone; v2 has processes in tasks only.
TEST_F(TableTest, OwnerAndGpusAreKnownWhateverIsShown) {
  using namespace std::string_view_literals;
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  const std::string job = "sys/fs/cgroup/system.slice/slurmstepd.scope/s8FXKTA79XAR00";
  tree_.Write(job + "/step_0/slurm/cgroup.procs", "41\n");
  tree_.Write(job + "/step_0/user/task_0/cgroup.procs", "42\n");
  tree_.Write("proc/41/cmdline", "slurmstepd: [7.0]");
  tree_.Write("proc/42/cmdline", "python");
  tree_.Write("proc/42/status", "Name:\tpython\nUid:\t20001\t20001\t20001\t20001\n");
  tree_.Write("proc/42/environ", "SLURM_JOB_ID=7\0SLURM_STEP_GPUS=2\0"sv);
  JobTableOptions options;
  options.detail = Level::kJob;
  Start(options);
  for (int i = 0; i < 3; ++i) {
    Tick(51);
    table_->Tend();
  }
  const Job& its = JobOf("s8FXKTA79XAR00");
  EXPECT_EQ(its.id, "7");
  EXPECT_EQ(its.uid, 20001u);
  EXPECT_EQ(its.gpus.minors, std::vector<unsigned>{2});
}

// The kernel counts them in the cgroup of the process that was killed.
TEST_F(TableTest, OomKillsOfV1AreThoseOfAllTasks) {
  const std::string job = "sys/fs/cgroup/memory/slurm/uid_1/job_3";
  const auto kills = [&](const std::string& path, int count) {
    tree_.Write(path + "/memory.oom_control",
                StrCat("oom_kill_disable 0\nunder_oom 0\noom_kill ", count, "\n"));
  };
  kills(job, 0);
  kills(job + "/step_0", 0);
  kills(job + "/step_0/task_0", 0);
  kills(job + "/step_0/task_1", 1);
  for (const Level detail : {Level::kTask, Level::kJob}) {
    JobTableOptions options;
    options.detail = detail;
    Start(options);
    table_->ReadAll();
    EXPECT_EQ(Value(Find("3", "0", "1"), Measure::kOomKills), 1);
    EXPECT_EQ(Value(Find("3", "0"), Measure::kOomKills), 1);
    EXPECT_EQ(Value(Find("3"), Measure::kOomKills), 1);
  }
  kills(job + "/step_0/task_0", 2);
  table_->ReadAll();
  table_->ReadAll();
  EXPECT_EQ(Value(Find("3", "0"), Measure::kOomKills), 3);
  EXPECT_EQ(Value(Find("3"), Measure::kOomKills), 3);
  tree_.Remove(job + "/step_0");
  watch_->Drain();
  EXPECT_EQ(Value(Find("3"), Measure::kOomKills), 3);
}

TEST_F(TableTest, NotMoreProcessesAreFollowedThanDescriptorsAllow) {
  const std::string job = "sys/fs/cgroup/memory/slurm/uid_1/job_3";
  for (const char* task : {"/step_0/task_0", "/step_0/task_1", "/step_0/task_2"}) {
    tree_.Write(StrCat(job, task, "/cgroup.procs"), StrCat(::getpid(), "\n"));
  }
  tree_.Write(StrCat("proc/", ::getpid(), "/cmdline"), "slurmstepd: [3.0]");
  JobTableOptions options;
  options.most_followed = 2;
  Start(options);
  table_->Tend();
  EXPECT_TRUE(Find("3", "0", "1")->process.is_open());
  EXPECT_FALSE(Find("3", "0", "2")->process.is_open());
  EXPECT_FALSE(table_->sees_ends());
  tree_.Remove(job);
  watch_->Drain();
  table_->Served();
  Tick(100'000);
  table_->Tend();
  table_->Tend();
  EXPECT_TRUE(table_->sees_ends());
}

// The process that will be the task's is followed before it starts the task's program.
TEST_F(TableTest, AProcessIsFollowedFromItsFirstMoment) {
  const std::string task = "sys/fs/cgroup/memory/slurm/uid_1/job_3/step_0/task_0";
  tree_.Write(task + "/cgroup.procs", StrCat(::getpid(), "\n"));
  tree_.Write(StrCat("proc/", ::getpid(), "/cmdline"), "slurmstepd: [3.0]");
  Start();
  table_->Tend();
  EXPECT_TRUE(Find("3", "0", "0")->process.is_open());
  EXPECT_FALSE(Find("3", "0", "0")->identified);
}

}  // namespace
}  // namespace slurmscope::agent::job
