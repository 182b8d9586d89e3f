#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "agent/job/gpu_jobs.h"
#include "agent/job/specs.h"
#include "agent/job/tree_for_test.h"
#include "agent/job/watch.h"
#include "agent/scraper.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

using base::StrCat;
using std::chrono::milliseconds;

constexpr char kJobV2[] = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7";

// The whole: thread, collector, page.
class PageTest : public ::testing::Test {
 protected:
  void Start(std::initializer_list<std::pair<const char*, const char*>> given = {}) {
    FlagValues flags;
    for (const FlagSpec& flag : JobCollectors()[0].flags) flags.Declare(flag);
    for (const auto& [name, value] : given) flags.Add(name, value);
    const std::string& root = tree_.path();
    Machine machine{{"/proc", root + "/sys", root, root}, base::SystemClock(), nullptr};
    auto jobs = StartJobWatch(machine.roots, flags, base::SystemClock());
    ASSERT_TRUE(jobs);
    machine.jobs = *jobs;
    Scraper::Options options;
    options.self_metrics = false;
    options.framework_metrics = false;
    auto scraper = Scraper::Create(std::make_shared<Machine>(std::move(machine)), flags, options,
                                   JobCollectors());
    ASSERT_TRUE(scraper);
    scraper_ = *std::move(scraper);
  }
  std::string Page() {
    std::string page;
    EXPECT_TRUE(scraper_->Scrape({}, Format::kText, page));
    return page;
  }
  bool Comes(std::string_view line) {
    for (int i = 0; i < 500; ++i) {
      page_ = Page();
      if (page_.find(line) != std::string::npos) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }

  Tree tree_;
  std::unique_ptr<Scraper> scraper_;
  std::string page_;
};

TEST_F(PageTest, NamesOfJobstats) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  const std::string job = kJobV2;
  tree_.Write(job + "/cpu.stat", "usage_usec 3500000\nuser_usec 3000000\nsystem_usec 500000\n");
  tree_.Write(job + "/memory.current", "1000\n");
  tree_.Write(job + "/memory.max", "2000\n");
  tree_.Write(job + "/memory.stat", "anon 600\nfile 300\nshmem 100\n");
  tree_.Write(job + "/memory.events", "max 4\noom_kill 1\n");
  tree_.Write(job + "/cpuset.cpus.effective", "0-2,8\n");
  tree_.Write(job + "/step_batch/user/task_special/cpu.stat", "usage_usec 1000000\n");
  Start();
  const std::string page = Page();
  for (const char* line :
       {"cgroup_cpu_total_seconds{jobid=\"7\",step=\"\",task=\"\"} 3.5\n",
        "cgroup_cpu_user_seconds{jobid=\"7\",step=\"\",task=\"\"} 3\n",
        "cgroup_cpu_system_seconds{jobid=\"7\",step=\"\",task=\"\"} 0.5\n",
        "cgroup_cpu_total_seconds{jobid=\"7\",step=\"batch\",task=\"special\"} 1\n",
        "cgroup_memory_used_bytes{jobid=\"7\",step=\"\",task=\"\"} 1000\n",
        "cgroup_memory_total_bytes{jobid=\"7\",step=\"\",task=\"\"} 2000\n",
        "cgroup_memory_total_bytes{jobid=\"7\",step=\"batch\",task=\"special\"} 2000\n",
        "cgroup_memory_rss_bytes{jobid=\"7\",step=\"\",task=\"\"} 600\n",
        "cgroup_memory_cache_bytes{jobid=\"7\",step=\"\",task=\"\"} 300\n",
        "cgroup_memory_shmem_bytes{jobid=\"7\",step=\"\",task=\"\"} 100\n",
        "cgroup_memory_fail_count{jobid=\"7\",step=\"\",task=\"\"} 4\n",
        "cgroup_memory_oom_kills_total{jobid=\"7\",step=\"\",task=\"\"} 1\n",
        "cgroup_cpus{jobid=\"7\",step=\"\",task=\"\"} 4\n",
        "cgroup_cpu_info{cpus=\"0,1,2,8\",jobid=\"7\",step=\"\",task=\"\"} 1\n",
        "cgroup_exporter_collect_error{jobid=\"7\",step=\"\",task=\"\"} 0\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  }
}

TEST_F(PageTest, PartsOnTwoSlurmdsAreToldApart) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  for (const char* node : {"node1", "node2"}) {
    tree_.Write(StrCat("sys/fs/cgroup/", node, "_slurmstepd.scope/job_7/cpu.stat"),
                "usage_usec 1000000\n");
  }
  Start();
  const std::string page = Page();
  for (const char* node : {"node1", "node2"}) {
    EXPECT_NE(page.find(StrCat("cgroup_cpu_total_seconds{jobid=\"7\",node=\"", node,
                               "\",step=\"\",task=\"\"} 1\n")),
              std::string::npos)
        << page;
  }
}

TEST_F(PageTest, AJobBetweenTwoScrapesIsNotLost) {
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write("sys/fs/cgroup/system.slice/slurmstepd.scope/cgroup.procs", "");
  Start();
  EXPECT_EQ(Page().find("jobid"), std::string::npos);
  const std::string task = StrCat(kJobV2, "/step_0/user/task_0");
  tree_.Write(task + "/cpu.stat", "usage_usec 1000\n");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 1000\n");
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  tree_.Write(task + "/cgroup.procs", StrCat(child, "\n"));
  std::this_thread::sleep_for(milliseconds(200));
  tree_.Write(task + "/cpu.stat", "usage_usec 750000\n");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec 800000\n");
  // The end of the process has the task and the job read; nothing else does.
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  std::this_thread::sleep_for(milliseconds(200));
  tree_.Write(task + "/cpu.stat", "");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "");
  tree_.Remove(kJobV2);
  std::this_thread::sleep_for(milliseconds(100));
  const std::string page = Page();
  for (const char* line : {"cgroup_cpu_total_seconds{jobid=\"7\",step=\"0\",task=\"0\"} 0.75\n",
                           "cgroup_cpu_total_seconds{jobid=\"7\",step=\"\",task=\"\"} 0.8\n",
                           "cgroup_end_time_seconds{jobid=\"7\",step=\"\",task=\"\"} "}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  }
}

TEST_F(PageTest, TheUserHasANameOnceItIsKnown) {
  tree_.Write("sys/fs/cgroup/memory/slurm/uid_0/job_9/memory.usage_in_bytes", "5\n");
  Start();
  EXPECT_TRUE(Comes("cgroup_info{jobid=\"9\",uid=\"0\",username=\"root\"} 1\n")) << page_;
  EXPECT_NE(page_.find("cgroup_uid{jobid=\"9\"} 0\n"), std::string::npos);
}

TEST_F(PageTest, GarbageIsSaid) {
  using namespace std::string_view_literals;
  tree_.Write("sys/fs/cgroup/cgroup.controllers", "");
  tree_.Write(StrCat(kJobV2, "/cpu.stat"), "usage_usec \0\0\0\n-1 -1 -1"sv);
  tree_.Write(StrCat(kJobV2, "/memory.current"), "99999999999999999999999999\n");
  tree_.Write(StrCat(kJobV2, "/memory.stat/x"), "a directory\n");
  Start();
  const std::string page = Page();
  EXPECT_NE(page.find("cgroup_exporter_collect_error{jobid=\"7\",step=\"\",task=\"\"} 1\n"),
            std::string::npos)
      << page;
  EXPECT_EQ(page.find("cgroup_memory"), std::string::npos) << page;
}

TEST_F(PageTest, NoCgroupsIsNoError) {
  Start();
  EXPECT_EQ(Page(), "");
  FlagValues flags;
  for (const FlagSpec& flag : JobCollectors()[0].flags) flags.Declare(flag);
  flags.Add("collector.slurm_job.detail", "all");
  EXPECT_FALSE(StartJobWatch({}, flags, base::SystemClock()));
}

TEST(GpuJobs, ByMinorNumberPlaceOrUuid) {
  auto identity = std::make_shared<gpu::GpuIdentity>();
  identity->index = 0;
  identity->minor = 3;
  identity->uuid = "GPU-1";
  gpu::GpuEntity gpu;
  gpu.identity = identity;
  gpu.place = 8;
  EXPECT_TRUE(Holds({{3}, {}, {}}, gpu));
  EXPECT_FALSE(Holds({{0}, {}, {}}, gpu));
  EXPECT_TRUE(Holds({{}, {8}, {}}, gpu));
  EXPECT_TRUE(Holds({{}, {}, {"GPU-1"}}, gpu));
  identity->minor = -1;
  EXPECT_TRUE(Holds({{0}, {}, {}}, gpu));
}

// Slurm's numbers count instances, so they are no minor numbers there.
TEST(GpuJobs, InstancesByPlaceOrUuid) {
  auto identity = std::make_shared<gpu::GpuIdentity>();
  identity->minor = 0;
  identity->uuid = "GPU-1";
  gpu::GpuEntity gpu, instance;
  gpu.identity = instance.identity = identity;
  gpu.partitioned = instance.instance = true;
  instance.place = 1;
  instance.instance_uuid = "MIG-1";
  EXPECT_FALSE(Holds({{0}, {0}, {}}, gpu));
  EXPECT_FALSE(Holds({{0}, {0}, {"GPU-1"}}, instance));
  EXPECT_TRUE(Holds({{}, {1}, {}}, instance));
  EXPECT_TRUE(Holds({{}, {}, {"MIG-1"}}, instance));
}

}  // namespace
}  // namespace slurmscope::agent::job
