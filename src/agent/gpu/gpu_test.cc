#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "agent/gpu/collector.h"
#include "agent/gpu/specs.h"
#include "agent/gpu/web.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;
using std::chrono::milliseconds;

constexpr const char* kUsual =
    "gpus 2\n0.field.82 50\n0.field.83 123456789\n0.field.142 1\n0.field.143 0\n0.field.145 0\n"
    "0.gpm.1 50\n0.gpm.2 40.5\n0.gpm.5 12.25\n0.gpm.20 100\n0.procs 4711:1048576\n";

// A fake driver, its configuration in a directory of its own, and the page of its GPUs.
class GpuTest : public testing::Test {
 protected:
  GpuTest() {
    char name[] = "/tmp/gpu_test.XXXXXX";
    directory_ = ::mkdtemp(name);
    ::setenv("FAKE_NVML_CONFIG", (directory_ + "/config").c_str(), 1);
    ::setenv("NODE_NAME", "n1", 1);
    Configure(kUsual);
    // Held open, so that counts survive an unloading.
    fake_ = ::dlopen(FAKE_NVML_NEW, RTLD_NOW);
    Reset();
    flags_.Add("nvml.library", FAKE_NVML_NEW);
    flags_.Add("gpu.collect-interval", "0s");
    flags_.Add("gpu.kernel-log", "");
    flags_.Add("gpu.pause-file", directory_ + "/pause");
  }
  ~GpuTest() override {
    collector_.reset();
    machine_.reset();
    // A thread that the test made hang comes back yet.
    const auto is_open = reinterpret_cast<int (*)()>(::dlsym(fake_, "fakeNvmlOpen"));
    for (int i = 0; i < 1000 && is_open() != 0; ++i) std::this_thread::sleep_for(milliseconds(10));
    ::dlclose(fake_);
  }

  void Write(const std::string& file, std::string_view text) const {
    ASSERT_TRUE(base::WriteFileAtomic(StrCat(directory_, "/", file), text).has_value());
  }
  void Configure(std::string_view text) const { Write("config", text); }
  void Reset() const { reinterpret_cast<void (*)()>(::dlsym(fake_, "fakeNvmlResetCalls"))(); }
  uint64_t Calls(const char* symbol = "") const {
    return reinterpret_cast<unsigned long long (*)(const char*)>(::dlsym(fake_, "fakeNvmlCalls"))(
        symbol);
  }

  void Start() {
    for (const FlagSpec& flag : GpuFlags()) flags_.Declare(flag);
    const Roots roots{directory_, directory_, directory_, directory_};
    auto service = StartGpuService(roots, flags_, base::SystemClock());
    ASSERT_TRUE(service.has_value()) << service.error().message();
    machine_ = std::make_shared<Machine>(
        Machine{roots, base::SystemClock(), nullptr, std::move(*service)});
    families_.Clear();
    auto made = GpuPageCollectors()[0].make(*machine_, flags_, families_);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    collector_ = std::move(*made);
  }

  std::string Page() {
    families_.Begin();
    updated_ = collector_->Update();
    std::string out;
    merger_.Render({&families_}, out);
    return out;
  }
  // The next page that has `text`, or the last one after ten seconds.
  std::string PageWith(std::string_view text, bool wanted = true) {
    std::string page;
    for (int i = 0; i < 500; ++i) {
      page = Page();
      if ((page.find(text) != std::string::npos) == wanted) return page;
      std::this_thread::sleep_for(milliseconds(20));
    }
    ADD_FAILURE() << (wanted ? "not seen: " : "still seen: ") << text << "\n" << page;
    return page;
  }
  static bool Has(const std::string& page, std::string_view text) {
    return page.find(text) != std::string::npos;
  }

  std::string directory_;
  void* fake_ = nullptr;
  FlagValues flags_;
  std::shared_ptr<Machine> machine_;
  FamilySet families_;
  std::unique_ptr<Collector> collector_;
  Merger merger_;
  Result<void> updated_;
};

std::string Line(std::string_view name, std::string_view gpu, std::string_view value) {
  const std::string bus = StrCat("00000000:1", gpu, ":00.0");
  return StrCat(
      "\n", name, "{gpu=\"", gpu, "\",UUID=\"GPU-0000000", gpu, "\",pci_bus_id=\"", bus,
      "\",device=\"nvidia", gpu,
      "\",modelName=\"NVIDIA H200\",Hostname=\"n1\",DCGM_FI_DRIVER_VERSION=\"550.90.07\"} ", value,
      "\n");
}

// Without what differs from run to run.
std::string Stable(const std::string& page) {
  std::string out;
  for (const std::string_view line : base::Split(page, '\n')) {
    const bool timed = line.starts_with("slurmscope_agent_gpu_snapshot_age_seconds ") ||
                       line.starts_with("slurmscope_agent_gpu_read_seconds ");
    if (!timed && !line.empty()) base::StrAppend(out, line, "\n");
  }
  return out;
}

TEST_F(GpuTest, GoldenPage) {
  Start();
  Page();
  std::this_thread::sleep_for(milliseconds(110));  // GPM needs two samples apart
  const std::string page = Stable(PageWith("DCGM_FI_PROF_SM_ACTIVE"));
  const std::string golden = SLURMSCOPE_ROOM_DIR "/testdata/gpu_golden.txt";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(base::WriteFileAtomic(golden, page).has_value());
  }
  EXPECT_EQ(page, base::ReadFile(golden).value_or(""));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_POWER_USAGE", "0", "123.456")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_MEMORY_TEMP", "0", "50")));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_MEMORY_TEMP{gpu=\"1\"")) << "blank values are left out";
  EXPECT_TRUE(Has(page, Line("DCGM_FI_PROF_SM_ACTIVE", "0", "0.405")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_PROF_PCIE_TX_BYTES", "0", "1.048576e+08")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_FB_FREE", "0", "142171")));
}

TEST_F(GpuTest, FewCallsAScrape) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Reset();
  for (int i = 0; i < 10; ++i) Page();
  // On a busy machine the reading of the start may still be under way: two GPUs, ten pages and
  // that.
  EXPECT_LE(Calls("nvmlDeviceGetFieldValues"), 2u * 11);
  EXPECT_LE(Calls("nvmlDeviceGetTemperatureThreshold"), 2u * 4) << "rarely changes";
  EXPECT_LE(Calls("nvmlDeviceGetUUID"), 2u);
  EXPECT_EQ(Calls("nvmlInit_v2"), 0u);
  const uint64_t all = Calls() - Calls("nvmlEventSetWait_v2");
  EXPECT_LE(all, 10u * 2 * 13 + 2 * 60);
}

TEST_F(GpuTest, YoungValuesAreGivenAgain) {
  flags_.Add("gpu.collect-interval", "1h");
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Reset();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Has(Page(), "DCGM_FI_DEV_GPU_TEMP"));
  EXPECT_EQ(Calls("nvmlDeviceGetTemperature"), 0u);
}

TEST_F(GpuTest, LostGpuIsAMetricAndComesNotAsGap) {
  Start();
  EXPECT_TRUE(Has(PageWith("DCGM_FI_DEV_GPU_TEMP"), Line("slurmscope_agent_gpu_lost", "1", "0")));
  Configure(StrCat(kUsual, "1.rc 15\n"));
  const std::string page = PageWith(Line("slurmscope_agent_gpu_lost", "1", "1"));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_GPU_TEMP{gpu=\"1\""));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_GPU_TEMP", "0", "45")));
}

TEST_F(GpuTest, DriverGoesAndComesBack) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Configure(StrCat(kUsual, "rc.nvmlDeviceGetTemperature 9\nrc.nvmlInit_v2 9\n"));
  const std::string page = PageWith("slurmscope_agent_gpu_driver_up 0");
  EXPECT_FALSE(updated_.has_value());
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_GPU_TEMP{"));
  EXPECT_TRUE(Has(page, Line("slurmscope_agent_gpu_lost", "0", "0"))) << "the GPU did not vanish";
  Configure(StrCat(kUsual, "driver 560.1\n"));
  EXPECT_TRUE(Has(PageWith("DCGM_FI_DEV_GPU_TEMP{"), "DCGM_FI_DRIVER_VERSION=\"560.1\""));
}

TEST_F(GpuTest, HungDriverHoldsUpNobody) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Configure(StrCat(kUsual, "delay.nvmlDeviceGetPowerUsage 3000\n"));
  GpuService& service = *machine_->gpu;
  service.Get(milliseconds(10));
  std::this_thread::sleep_for(milliseconds(50));
  const auto start = std::chrono::steady_clock::now();
  const auto answer = service.Get(milliseconds(20));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_GT(answer.stuck_seconds, 0);
  EXPECT_NE(answer.snapshot, nullptr) << "values of a moment ago";
  Configure(kUsual);
  PageWith("driver_stuck_seconds", false);
}

TEST_F(GpuTest, XidsAreCountedAndStick) {
  Start();
  EXPECT_FALSE(Has(PageWith("DCGM_FI_DEV_GPU_TEMP"), "DCGM_FI_DEV_XID_ERRORS"));
  std::string storm = StrCat(kUsual, "xids");
  for (int i = 0; i < 300; ++i) storm += " 0:31";
  Configure(storm + " 1:79\n");
  const std::string page = PageWith("xid=\"79\"");
  EXPECT_TRUE(Has(page, "err_code=\"79\",err_msg=\"GPU has fallen off the bus\"} 79\n"));
  EXPECT_TRUE(Has(page, "severity=\"application\",xid=\"31\"} 300\n"));
  EXPECT_TRUE(Has(page, "severity=\"reset\",xid=\"79\"} 1\n"));
  EXPECT_TRUE(Has(page, "window_size_in_ms=\"300000\",xid=\"31\"} 300\n"));
}

TEST_F(GpuTest, InstancesOfAPartitionedGpu) {
  Configure(
      "gpus 2\n1.mig.0 7 1g.18gb 18000 100\n1.mig.1 9 2g.35gb 35000 200\n1.gpm.7.2 25\n"
      "1.gpm.1 1\n1.field.82 61\n");
  Start();
  Page();
  std::this_thread::sleep_for(milliseconds(110));
  const std::string page = PageWith("DCGM_FI_PROF_SM_ACTIVE");
  const std::string instance =
      "{gpu=\"1\",UUID=\"GPU-00000001\",pci_bus_id=\"00000000:11:00.0\",device=\"nvidia1\","
      "modelName=\"NVIDIA H200\",GPU_I_PROFILE=\"1g.18gb\",GPU_I_ID=\"7\",Hostname=\"n1\"";
  const auto of = [&](std::string_view name, std::string_view value) {
    return StrCat("\n", name, instance, ",DCGM_FI_DRIVER_VERSION=\"550.90.07\"} ", value, "\n");
  };
  EXPECT_TRUE(Has(page, of("DCGM_FI_DEV_FB_TOTAL", "18000"))) << page;
  EXPECT_TRUE(Has(page, of("DCGM_FI_PROF_SM_ACTIVE", "0.25")));
  EXPECT_TRUE(Has(page, of("DCGM_FI_DEV_MEMORY_TEMP", "61"))) << "the GPU's";
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\""));
  EXPECT_FALSE(Has(page, Line("DCGM_FI_DEV_FB_TOTAL", "1", "143771")));
  EXPECT_TRUE(Has(page, Line("slurmscope_agent_gpu_mig_instances", "1", "2")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_GPU_UTIL", "0", "37")));
}

TEST_F(GpuTest, OldDriverGivesWhatItHas) {
  flags_.Add("nvml.library", FAKE_NVML_OLD);
  Start();
  const std::string page = PageWith("DCGM_FI_DEV_GPU_TEMP");
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_FB_TOTAL", "0", "16384")));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_FB_RESERVED"));
  EXPECT_FALSE(Has(page, "DCGM_FI_PROF_"));
  EXPECT_TRUE(Has(page, "reason=\"sw_power_cap\"} 1\n"));
}

TEST_F(GpuTest, NoLibraryIsNoTrouble) {
  flags_.Add("nvml.library", directory_ + "/none.so");
  Start();
  Page();
  ASSERT_FALSE(updated_.has_value());
  EXPECT_EQ(updated_.error().code(), ErrorCode::kNotFound);
}

TEST_F(GpuTest, JobsOfTheMappingDirectory) {
  ASSERT_TRUE(base::MakeDirectories(directory_ + "/jobs").has_value());
  Write("jobs/0", "12\n\n 13 \n12\n");
  Write("jobs/notes", "99\n");
  flags_.Add("hpc-job-mapping-dir", directory_ + "/jobs");
  Start();
  const std::string page = PageWith("DCGM_FI_DEV_GPU_TEMP");
  EXPECT_TRUE(Has(page, "hpc_job=\"12\"} 45\n"));
  EXPECT_TRUE(Has(page, "hpc_job=\"13\"} 45\n"));
  EXPECT_FALSE(Has(page, "hpc_job=\"99\""));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_GPU_TEMP", "1", "45")));
  Write("jobs/0", "");
  EXPECT_TRUE(Has(Page(), Line("DCGM_FI_DEV_GPU_TEMP", "0", "45")));
}

TEST_F(GpuTest, CountersFileIsReadAgain) {
  Write("c.csv",
        "# mine\nDCGM_FI_DEV_GPU_TEMP, gauge, \"Hot, \"\"or\"\" not\"\nnonsense\n"
        "DCGM_FI_DEV_SERIAL, label, Serial\nDCGM_FI_NO_SUCH, gauge, x\n");
  flags_.Add("gpu.counters-file", directory_ + "/c.csv");
  Start();
  std::string page = PageWith("DCGM_FI_DEV_GPU_TEMP");
  EXPECT_TRUE(Has(page, "# HELP DCGM_FI_DEV_GPU_TEMP Hot, \"or\" not\n"));
  EXPECT_TRUE(Has(page, "Hostname=\"n1\",DCGM_FI_DEV_SERIAL=\"16500\"} 45\n"));
  EXPECT_TRUE(Has(page, "slurmscope_agent_gpu_counters_file_problems 2\n"));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_POWER_USAGE"));
  Write("c.csv", "DCGM_FI_DEV_POWER_USAGE, gauge, Power\n");
  page = PageWith("DCGM_FI_DEV_POWER_USAGE{");
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_GPU_TEMP"));
  EXPECT_TRUE(Has(page, "slurmscope_agent_gpu_counters_file_problems 0\n"));
}

TEST_F(GpuTest, PauseEndsByItself) {
  Start();
  Page();
  std::this_thread::sleep_for(milliseconds(110));
  PageWith("DCGM_FI_PROF_SM_ACTIVE");
  ASSERT_TRUE(machine_->gpu->Pause(milliseconds(300), false).has_value());
  const std::string page = PageWith("profiling_paused 1");
  EXPECT_FALSE(Has(page, "DCGM_FI_PROF_"));
  EXPECT_TRUE(Has(page, "DCGM_FI_DEV_GPU_TEMP{"));
  PageWith("DCGM_FI_PROF_SM_ACTIVE");
  EXPECT_FALSE(machine_->gpu->Pause(std::chrono::hours(5), false).has_value());
  Write("pause", "1h release\n");
  PageWith("slurmscope_agent_gpu_driver_up 0");
  EXPECT_GE(Calls("nvmlShutdown"), 1u);
  ASSERT_EQ(::unlink((directory_ + "/pause").c_str()), 0);
  PageWith("slurmscope_agent_gpu_driver_up 1");
}

TEST_F(GpuTest, PauseByHttpWantsTheToken) {
  Start();
  http::Router router;
  const std::string token_file = directory_ + "/token";
  AddGpuRoutes(router, *machine_->gpu, token_file);
  http::Request request;
  request.method = "POST";
  request.path = "/gpu/pause";
  request.params = {{"for", "10m"}};
  EXPECT_EQ(router.Handle(request).status, 403) << "no token file";
  Write("token", "0123456789abcdef\n");
  ASSERT_EQ(::chmod(token_file.c_str(), 0644), 0);
  EXPECT_EQ(router.Handle(request).status, 403) << "readable by all";
  ASSERT_EQ(::chmod(token_file.c_str(), 0600), 0);
  EXPECT_EQ(router.Handle(request).status, 401);
  request.headers = {{"Authorization", "Bearer 0123456789abcdeX"}};
  EXPECT_EQ(router.Handle(request).status, 401);
  request.headers = {{"Authorization", "Bearer 0123456789abcdef"}};
  EXPECT_EQ(router.Handle(request).status, 200);
  PageWith("profiling_paused 1");
  request.params = {{"for", "soon"}};
  EXPECT_EQ(router.Handle(request).status, 400);
  request.path = "/gpu/resume";
  EXPECT_EQ(router.Handle(request).status, 200);
  PageWith("profiling_paused 0");
}

TEST_F(GpuTest, GpuThatTheKernelHoldsButTheLibraryDoesNotList) {
  for (const char* address : {"0000:10:00.0", "0000:11:00.0", "0000:2a:00.0"}) {
    ASSERT_TRUE(base::MakeDirectories(StrCat(directory_, "/bus/pci/drivers/nvidia/", address)));
  }
  Start();
  const std::string page = PageWith("slurmscope_agent_gpu_lost{gpu=\"\"");
  EXPECT_TRUE(
      Has(page, "pci_bus_id=\"00000000:2a:00.0\",device=\"\",modelName=\"\",Hostname=\"n1\"} 1\n"))
      << page;
}

TEST_F(GpuTest, LinksAndTheirRate) {
  Configure("gpus 1\n0.links 2\n0.field.138 0\n0.field.139 0\n0.field.138.1 2\n0.field.139.1 3\n");
  Start();
  std::string page = PageWith("nvlink_up");
  EXPECT_TRUE(Has(page, "slurmscope_agent_gpu_nvlink_transmit_bytes_total{gpu=\"0\""));
  EXPECT_TRUE(Has(page, "kind=\"crc_data\",link=\"1\"} 13\n"));
  EXPECT_TRUE(Has(page, "link=\"1\"} 2048\n"));
  std::this_thread::sleep_for(milliseconds(120));
  Configure("gpus 1\n0.links 2\n0.field.138 800000000\n0.field.139 1\n");
  page = PageWith("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL{");
  EXPECT_TRUE(Has(page, "# TYPE DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL counter\n"));
}

}  // namespace
}  // namespace slurmscope::agent::gpu
