#pragma once

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "agent/gpu/collector.h"
#include "agent/gpu/specs.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {

using base::StrCat;
using std::chrono::milliseconds;

inline constexpr const char* kUsual =
    "gpus 2\n0.field.82 50\n0.field.83 123456789\n0.field.142 1\n0.field.143 0\n0.field.145 0\n"
    "0.gpm.1 50\n0.gpm.2 40.5\n0.gpm.5 12.25\n0.gpm.20 100\n0.procs 4711:1048576\n";

// The machine's clock, set forward at will.
class ForwardClock final : public base::Clock {
 public:
  int64_t NowMs() const override { return base::SystemClock().NowMs() + forward_ms_; }
  int64_t SteadyNs() const override {
    return base::SystemClock().SteadyNs() + forward_ms_ * 1'000'000;
  }
  void Advance(int64_t ms) { forward_ms_ += ms; }

 private:
  std::atomic<int64_t> forward_ms_{0};
};

// A fake driver, its configuration in a directory of its own, and the page of its GPUs.
class GpuTest : public testing::Test {
 public:
  ~GpuTest() override {
    collector_.reset();
    machine_.reset();
    // A thread that the test made hang comes back yet.
    const auto is_open = reinterpret_cast<int (*)()>(::dlsym(fake_, "fakeNvmlOpen"));
    for (int i = 0; i < 1000 && is_open() != 0; ++i) std::this_thread::sleep_for(milliseconds(10));
    ::dlclose(fake_);
  }

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

  void Write(const std::string& file, std::string_view text) const {
    const std::string path = StrCat(directory_, "/", file);
    if (const size_t slash = file.rfind('/'); slash != std::string::npos) {
      ASSERT_TRUE(base::MakeDirectories(StrCat(directory_, "/", file.substr(0, slash))));
    }
    ASSERT_TRUE(base::WriteFileAtomic(path, text).has_value());
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
    auto service = StartGpuService(roots, flags_, *clock_);
    ASSERT_TRUE(service.has_value()) << service.error().message();
    machine_ = std::make_shared<Machine>(Machine{roots, *clock_, nullptr, std::move(*service)});
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
  const base::Clock* clock_ = &base::SystemClock();
  void* fake_ = nullptr;
  FlagValues flags_;
  std::shared_ptr<Machine> machine_;
  FamilySet families_;
  std::unique_ptr<Collector> collector_;
  Merger merger_;
  Result<void> updated_;
};

inline std::string Line(std::string_view name, std::string_view gpu, std::string_view value) {
  const std::string bus = StrCat("00000000:1", gpu, ":00.0");
  return StrCat(
      "\n", name, "{gpu=\"", gpu, "\",UUID=\"GPU-0000000", gpu, "\",pci_bus_id=\"", bus,
      "\",device=\"nvidia", gpu,
      "\",modelName=\"NVIDIA H200\",Hostname=\"n1\",DCGM_FI_DRIVER_VERSION=\"550.90.07\"} ", value,
      "\n");
}

}  // namespace slurmscope::agent::gpu
