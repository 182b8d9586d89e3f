#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "agent/gpu/gpu_page_for_test.h"
#include "agent/gpu/web.h"

// Drivers and GPUs that fail, hang, go and come back; and pauses.
namespace slurmscope::agent::gpu {
namespace {

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
  for (const char* good : {"Bearer 0123456789abcdef", "bearer 0123456789abcdef"}) {
    request.headers = {{"Authorization", good}};
    EXPECT_EQ(router.Handle(request).status, 200);
  }
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

TEST_F(GpuTest, WhatTheDriverDoesNotKnowIsAskedOnce) {
  Configure(StrCat(kUsual,
                   "rc.nvmlDeviceGetMemoryInfo_v2 25\n"
                   "rc.nvmlDeviceGetComputeRunningProcesses_v3 3\n"));
  Start();
  const std::string page = PageWith("DCGM_FI_DEV_GPU_TEMP");
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_FB_TOTAL", "0", "16384")));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_FB_RESERVED{"));
  EXPECT_FALSE(Has(page, "gpu_processes{"));
  Page();
  Reset();
  for (int i = 0; i < 3; ++i) Page();
  EXPECT_EQ(Calls("nvmlDeviceGetMemoryInfo_v2"), 0u);
  EXPECT_EQ(Calls("nvmlDeviceGetComputeRunningProcesses_v3"), 0u);
}

TEST_F(GpuTest, NoLibraryIsNoTrouble) {
  flags_.Add("nvml.library", directory_ + "/none.so");
  Start();
  Page();
  ASSERT_FALSE(updated_.has_value());
  EXPECT_EQ(updated_.error().code(), ErrorCode::kNotFound);
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

// GPU 1 as the bus has it: what its configuration begins with.
constexpr const char* kConfig = "bus/pci/devices/0000:11:00.0/config";

class GpuOnTheBusTest : public GpuTest {
 public:
  ~GpuOnTheBusTest() override {
    collector_.reset();  // before the clock goes
    machine_.reset();
  }

 protected:
  GpuOnTheBusTest() {
    clock_ = &forward_;
    for (const char* address : {"0000:10:00.0", "0000:11:00.0"}) Bind(address);
    Write(kConfig, "\xDE\x10");
  }
  void Bind(std::string_view address) const {
    ASSERT_TRUE(base::MakeDirectories(StrCat(directory_, "/bus/pci/drivers/nvidia/", address)));
  }
  // Pages until all that 11 seconds make due is done.
  void ElevenSeconds() {
    forward_.Advance(11'000);
    for (int i = 0; i < 20; ++i) Page();
  }

  ForwardClock forward_;
};

TEST_F(GpuOnTheBusTest, LostGpuIsTakenBackWhenItAnswersAgain) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Write(kConfig, "\xFF\xFF");
  Configure(StrCat(kUsual, "1.rc 15\n"));
  PageWith(Line("slurmscope_agent_gpu_lost", "1", "1"));
  ElevenSeconds();
  ElevenSeconds();
  Reset();
  Configure(kUsual);
  ElevenSeconds();
  EXPECT_EQ(Calls("nvmlInit_v2"), 0u) << "nothing has changed on the bus";
  Write(kConfig, "\xDE\x10");
  ElevenSeconds();
  const std::string page = PageWith(Line("slurmscope_agent_gpu_lost", "1", "0"));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_GPU_TEMP", "1", "45")));
  EXPECT_EQ(Calls("nvmlInit_v2"), 1u);
}

TEST_F(GpuOnTheBusTest, LostGpuIsTriedAgainLessAndLessOften) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Configure(StrCat(kUsual, "1.rc 15\n"));
  PageWith(Line("slurmscope_agent_gpu_lost", "1", "1"));
  Reset();
  for (int i = 0; i < 60; ++i) ElevenSeconds();
  EXPECT_GE(Calls("nvmlInit_v2"), 2u);
  EXPECT_LE(Calls("nvmlInit_v2"), 4u) << "eleven minutes";
}

TEST_F(GpuOnTheBusTest, GpuThatComesLaterIsFound) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Configure(StrCat(kUsual, "gpus 3\n"));
  Bind("0000:12:00.0");
  ElevenSeconds();
  EXPECT_TRUE(Has(PageWith("gpu=\"2\""), Line("DCGM_FI_DEV_GPU_TEMP", "2", "45")));
}

// The thread of the events sleeps in the driver for two seconds.
TEST_F(GpuOnTheBusTest, ReopeningDoesNotHoldUpThePages) {
  Configure(StrCat(kUsual, "event_wait_ms 60000\n"));
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Configure(StrCat(kUsual, "event_wait_ms 60000\ngpus 3\n"));
  Bind("0000:12:00.0");
  forward_.Advance(11'000);
  const std::string page = Page();
  EXPECT_TRUE(Has(page, "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"")) << "read as before";
  EXPECT_FALSE(Has(page, "driver_stuck_seconds"));
  Configure(StrCat(kUsual, "gpus 3\n"));
  PageWith("gpu=\"2\"");
}

TEST_F(GpuTest, ReleaseLetsGoWithoutAPage) {
  Configure(StrCat(kUsual, "event_wait_ms 60000\n"));
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Reset();
  ASSERT_TRUE(machine_->gpu->Pause(std::chrono::minutes(1), true).has_value());
  for (int i = 0; i < 1000 && Calls("nvmlShutdown") == 0; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(Calls("nvmlShutdown"), 1u);
  PageWith("slurmscope_agent_gpu_driver_up 0");
  EXPECT_EQ(Calls("nvmlInit_v2"), 0u);
}

TEST_F(GpuTest, DriverOfAnotherVersionThanItsLibrary) {
  Configure(StrCat(kUsual, "rc.nvmlInit_v2 18\n"));
  Start();
  Page();
  ASSERT_FALSE(updated_.has_value());
  EXPECT_TRUE(Has(updated_.error().message(), "reload the driver or reboot"));
  Configure(kUsual);
  PageWith("DCGM_FI_DEV_GPU_TEMP");
}

}  // namespace
}  // namespace slurmscope::agent::gpu
