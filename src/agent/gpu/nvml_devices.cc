#include <fcntl.h>

#include <algorithm>
#include <cmath>

#include "agent/gpu/nvml_reader.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

// Finding the driver and its GPUs.
namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kRetryNs = 2 * kSecondNs;
constexpr int64_t kFirstRetryLostNs = 60 * kSecondNs;
constexpr int64_t kLastRetryLostNs = 600 * kSecondNs;
constexpr int64_t kLookNs = 10 * kSecondNs;
constexpr int64_t kClosePatienceNs = 5 * kSecondNs;
constexpr uint32_t kMaxGpus = 256;
constexpr uint32_t kMaxInstances = 64;

template <typename Function, typename... Args>
std::string TextOf(const Function& function, Args... args) {
  char buffer[128] = {};
  if (function(args..., buffer, static_cast<uint32_t>(sizeof buffer)) != kNvmlOk) return {};
  buffer[sizeof buffer - 1] = '\0';
  return buffer;
}

std::string_view BrandText(uint32_t brand) {
  constexpr std::string_view kBrands[] = {
      "Unknown",   "Quadro",    "Tesla",  "NVS",        "Grid",    "GeForce",
      "Titan",     "vApps",     "VPC",    "VCS",        "VWS",     "CloudGaming",
      "QuadroRTX", "NvidiaRTX", "Nvidia", "GeForceRTX", "TitanRTX"};
  return kBrands[brand < std::size(kBrands) ? brand : 0];
}

// "NVIDIA H200 MIG 1g.18gb" -> "1g.18gb".
std::string ProfileOf(std::string_view name) {
  constexpr std::string_view kMark = "MIG ";
  const size_t at = name.rfind(kMark);
  return std::string(at == std::string_view::npos ? name : name.substr(at + kMark.size()));
}

}  // namespace

// The addresses of those that the kernel's driver holds.
std::string NvmlReader::BoundGpus() const {
  std::string out;
  const auto names = base::ListDirectory(options_.sysfs + "/bus/pci/drivers/nvidia");
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (ParsePciAddress(name) != kNoPci) base::StrAppend(out, name, " ");
  }
  return out;
}

// A device that has fallen off the bus reads as all ones.
bool NvmlReader::AnswersOnTheBus(const Device& device) const {
  constexpr size_t kLength = std::string_view("0000:1a:00.0").size();
  std::string address = device.identity->bus_id;
  if (address.size() < kLength) return false;
  address.erase(0, address.size() - kLength);
  for (char& c : address) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto config =
      base::File::Open(StrCat(options_.sysfs, "/bus/pci/devices/", address, "/config"), O_RDONLY);
  char vendor[2] = {};
  return config && config->ReadAt(vendor, sizeof vendor, 0) == sizeof vendor &&
         std::string_view(vendor, 2) != "\xFF\xFF";
}

// GPUs that came, or came back, are seen only by a new start of the library. That costs the others
// their running averages, so it is not tried often.
bool NvmlReader::MustReopen(int64_t now_ns) {
  if (now_ns - looked_ns_ < kLookNs) return false;
  looked_ns_ = now_ns;
  std::string bound = BoundGpus();
  bool changed = bound != bound_gpus_;
  bound_gpus_ = std::move(bound);
  bool any_lost = devices_.empty();
  for (Device& device : devices_) {
    if (!device.lost) continue;
    any_lost = true;
    const bool answers = AnswersOnTheBus(device);
    changed = changed || (answers && device.answers == false);
    device.answers = answers;
  }
  if (!any_lost) lost_retry_ns_ = kFirstRetryLostNs;
  if (changed) return true;
  if (!any_lost || now_ns - opened_ns_ < lost_retry_ns_) return false;
  lost_retry_ns_ = std::min(2 * lost_retry_ns_, kLastRetryLostNs);
  return true;
}

bool NvmlReader::EnsureOpen(GpuSnapshot& out) {
  const int64_t now = clock_.SteadyNs();
  if (initialized_ && (driver_gone_ || released_ || closing() || MustReopen(now))) TryClose(now);
  if (!initialized_ && !released_ && (!tried_ns_ || now - *tried_ns_ >= kRetryNs)) {
    tried_ns_ = now;
    auto opened = Open();
    const std::string problem = opened ? "" : opened.error().message();
    if (problem != problem_ && !problem.empty())
      base::LogInfo("no GPUs of NVIDIA", {{"err", problem}});
    if (opened) {
      base::LogInfo("NVIDIA driver found",
                    {{"version", driver_version_}, {"gpus", devices_.size()}});
    }
    problem_ = problem;
  }
  if (released_ && !initialized_) problem_ = "released on request";
  out.library = nvml_ != nullptr || released_ || !known_.empty();
  out.driver_up = initialized_ && !driver_gone_;
  out.problem = driver_gone_ ? "the NVIDIA driver is gone" : problem_;
  return out.driver_up;
}

Result<void> NvmlReader::Open() {
  if (nvml_ == nullptr) nvml_ = TRY(Nvml::Load(options_.library));
  const int result = nvml_->init();
  if (result != kNvmlOk) {
    std::string why = nvml_->ErrorText(result);
    // The next attempt loads the library anew: after an upgrade it is another file.
    if (result == kNvmlLibraryMismatch) why += ": reload the driver or reboot";
    nvml_.reset();
    return base::Fail(base::ErrorCode::kUnavailable,
                      StrCat("the NVIDIA driver does not start: ", why));
  }
  initialized_ = true;
  driver_gone_ = false;
  opened_ns_ = looked_ns_ = clock_.SteadyNs();
  driver_version_ = TextOf(nvml_->driver_version);
  nvml_version_ = TextOf(nvml_->nvml_version);
  int cuda = 0;
  cuda_version_.clear();
  if (nvml_->cuda_version(&cuda) == kNvmlOk)
    cuda_version_ = StrCat(cuda / 1000, ".", cuda % 1000 / 10);
  Enumerate();
  return {};
}

// Does not wait for the thread of the events, which sleeps in the driver for a while: until it is
// out, a driver that answers is read as before.
void NvmlReader::TryClose(int64_t now_ns) {
  if (!closing_ns_) closing_ns_ = now_ns;
  if (events_.AskToStop() || now_ns - *closing_ns_ >= kClosePatienceNs)
    Close(std::chrono::milliseconds(0));
}

void NvmlReader::Close(std::chrono::milliseconds patience) {
  driver_gone_ = false;
  closing_ns_.reset();
  const bool quiet = events_.Stop(patience);
  for (Device& device : devices_) {
    device.gpm.reset();
    device.instances.clear();
  }
  devices_.clear();
  if (initialized_ && quiet) nvml_->shutdown();
  initialized_ = false;
  nvml_.reset();
}

void NvmlReader::Enumerate() {
  uint32_t count = 0;
  if (const int result = nvml_->count(&count); result != kNvmlOk) {
    base::LogError("GPUs cannot be counted", {{"err", nvml_->ErrorText(result)}});
  }
  std::vector<std::pair<NvmlDevice, PciKey>> with_events;
  for (unsigned i = 0; i < std::min(count, kMaxGpus); ++i) {
    devices_.push_back(MakeDevice(i));
    const Device& device = devices_.back();
    if (!device.lost) with_events.emplace_back(device.handle, device.identity->pci);
  }
  AddMissing();
  bound_gpus_ = BoundGpus();
  events_.Start(nvml_, with_events);
}

NvmlReader::Device NvmlReader::MakeDevice(unsigned index) {
  Device device;
  device.calls.fill(NAN);
  const int result = nvml_->handle_by_index(index, &device.handle);
  if (result == kNvmlOk) {
    device.identity = Identify(device.handle, index);
    const auto known = std::find_if(known_.begin(), known_.end(), [&](const auto& other) {
      return other->uuid == device.identity->uuid;
    });
    if (known == known_.end()) known_.push_back(device.identity);
    device.gpm = std::make_unique<GpmSampler>(*nvml_, device.handle, kNvmlNoInstance);
    FindInstances(device);
    AddSamplers(device);
    return device;
  }
  device.lost = true;
  device.lost_reason = nvml_->ErrorText(result);
  const auto known = std::find_if(known_.begin(), known_.end(),
                                  [&](const auto& other) { return other->index == index; });
  if (known != known_.end()) {
    device.identity = *known;
  } else {
    GpuIdentity identity;
    identity.index = index;
    identity.gpu = StrCat(index);
    identity.device = StrCat("nvidia", index);
    device.identity = std::make_shared<const GpuIdentity>(std::move(identity));
  }
  return device;
}

std::shared_ptr<const GpuIdentity> NvmlReader::Identify(NvmlDevice handle, unsigned index) {
  auto identity = std::make_shared<GpuIdentity>();
  identity->index = index;
  identity->gpu = StrCat(index);
  identity->device = StrCat("nvidia", index);
  identity->uuid = TextOf(nvml_->uuid, handle);
  identity->model = TextOf(nvml_->name, handle);
  NvmlPciInfo pci{};
  if (nvml_->pci_info(handle, &pci) == kNvmlOk) {
    pci.bus_id[sizeof pci.bus_id - 1] = '\0';
    identity->bus_id = pci.bus_id;
    identity->pci = ParsePciAddress(identity->bus_id);
  }
  uint32_t number = 0;
  if (nvml_->minor(handle, &number) == kNvmlOk) identity->minor = static_cast<int>(number);
  const auto set = [&](Label label, std::string text) {
    identity->labels[static_cast<size_t>(label)] = std::move(text);
  };
  set(Label::kDriverVersion, driver_version_);
  set(Label::kNvmlVersion, nvml_version_);
  if (nvml_->brand(handle, &number) == kNvmlOk) set(Label::kBrand, std::string(BrandText(number)));
  set(Label::kSerial, TextOf(nvml_->serial, handle));
  set(Label::kOemInforom, TextOf(nvml_->inforom, handle, 0));
  set(Label::kEccInforom, TextOf(nvml_->inforom, handle, 1));
  set(Label::kPowerInforom, TextOf(nvml_->inforom, handle, 2));
  set(Label::kInforomImage, TextOf(nvml_->inforom_image, handle));
  set(Label::kVbios, TextOf(nvml_->vbios, handle));
  return identity;
}

void NvmlReader::FindInstances(Device& device) {
  device.instances.clear();
  uint32_t current = 0, pending = 0, most = 0;
  device.partitioned =
      nvml_->mig_mode(device.handle, &current, &pending) == kNvmlOk && current == 1;
  if (!device.partitioned || nvml_->max_mig_devices(device.handle, &most) != kNvmlOk) return;
  for (uint32_t i = 0; i < std::min(most, kMaxInstances); ++i) {
    Instance instance;
    if (nvml_->mig_device(device.handle, i, &instance.handle) != kNvmlOk) continue;
    if (nvml_->gpu_instance_id(instance.handle, &instance.id) != kNvmlOk) continue;
    instance.id_text = StrCat(instance.id);
    instance.uuid = TextOf(nvml_->uuid, instance.handle);
    instance.profile = ProfileOf(TextOf(nvml_->name, instance.handle));
    instance.calls.fill(NAN);
    device.instances.push_back(std::move(instance));
  }
}

// Instances come and go while we run; samplers of those that stay keep their last sample.
void NvmlReader::RefreshInstances(Device& device) {
  uint32_t current = 0, pending = 0;
  const bool partitioned =
      nvml_->mig_mode(device.handle, &current, &pending) == kNvmlOk && current == 1;
  if (!partitioned && !device.partitioned) return;
  // In the other mode the GPU can do other things.
  if (partitioned != device.partitioned) {
    device.unsupported.reset();
    device.no_processes = false;
  }
  std::vector<Instance> before = std::move(device.instances);
  FindInstances(device);
  for (Instance& instance : device.instances) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const Instance& other) {
      return other.id == instance.id && other.profile == instance.profile;
    });
    if (same != before.end()) instance.gpm = std::move(same->gpm);
  }
  AddSamplers(device);
}

void NvmlReader::AddSamplers(Device& device) {
  for (Instance& instance : device.instances) {
    if (instance.gpm == nullptr)
      instance.gpm = std::make_unique<GpmSampler>(*nvml_, device.handle, instance.id);
  }
}

// GPUs that were there before, or that the kernel's driver holds, but that the library does not
// list any more.
void NvmlReader::AddMissing() {
  const auto listed = [&](const GpuIdentity& identity) {
    return std::any_of(devices_.begin(), devices_.end(), [&](const Device& device) {
      const GpuIdentity& other = *device.identity;
      if (identity.pci != kNoPci && identity.pci == other.pci) return true;
      return !identity.uuid.empty() && identity.uuid == other.uuid;
    });
  };
  const auto add = [&](std::shared_ptr<const GpuIdentity> identity, std::string reason) {
    Device device;
    device.calls.fill(NAN);
    device.lost = true;
    device.lost_reason = std::move(reason);
    device.identity = std::move(identity);
    devices_.push_back(std::move(device));
  };
  for (const auto& identity : known_) {
    if (!listed(*identity)) add(identity, "not listed by the driver any more");
  }
  const bool unnamed = std::any_of(devices_.begin(), devices_.end(), [](const Device& device) {
    return device.identity->pci == kNoPci;
  });
  if (unnamed) return;  // it may be the one that the kernel knows
  const auto bound = base::ListDirectory(options_.sysfs + "/bus/pci/drivers/nvidia");
  if (!bound) return;
  for (const std::string& address : *bound) {
    GpuIdentity identity;
    identity.pci = ParsePciAddress(address);
    identity.bus_id = StrCat("0000", address);
    if (identity.pci == kNoPci || listed(identity)) continue;
    add(std::make_shared<const GpuIdentity>(std::move(identity)),
        "held by the kernel's driver, not listed by the library");
  }
}

}  // namespace slurmscope::agent::gpu
