#include <algorithm>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kDigits = "0123456789";

// nvme0n1, or nvme0c0n1 with multipathing: the number after the last n. Empty for other names.
std::string_view NamespaceId(std::string_view name) {
  const size_t n = name.rfind('n');
  if (!name.starts_with("nvme") || n < 5 || n == std::string_view::npos) return {};
  const std::string_view id = name.substr(n + 1);
  return id.find_first_not_of(kDigits) == std::string_view::npos ? id : std::string_view();
}

struct Namespace {
  explicit Namespace(const std::string& path)
      : ana_state(path + "/ana_state"),
        nuse(path + "/nuse"),
        size(path + "/size"),
        block_size(path + "/queue/logical_block_size") {}
  AttrFile ana_state;
  AttrFile nuse;
  AttrFile size;
  AttrFile block_size;
};

struct Controller {
  explicit Controller(const std::string& path)
      : cntlid(path + "/cntlid"),
        firmware(path + "/firmware_rev"),
        model(path + "/model"),
        serial(path + "/serial"),
        state(path + "/state"),
        namespaces(path) {}
  AttrFile cntlid;
  AttrFile firmware;
  AttrFile model;
  AttrFile serial;
  AttrFile state;
  Devices<Namespace> namespaces;
};

class Nvme final : public Collector {
 public:
  Nvme(const Machine& machine, FamilySet& out)
      : info_(out.Get("node_nvme_info",
                      "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
                      MetricType::kGauge,
                      {"cntlid", "device", "firmware_revision", "model", "serial", "state"})),
        namespace_info_(out.Get("node_nvme_namespace_info",
                                "Information about NVMe namespaces. Value is always 1",
                                MetricType::kGauge, {"ana_state", "device", "nsid"})),
        capacity_(out.Get("node_nvme_namespace_capacity_bytes",
                          "Capacity of the NVMe namespace in bytes. Computed as namespace_size * "
                          "namespace_logical_block_size",
                          MetricType::kGauge, {"device", "nsid"})),
        size_(out.Get("node_nvme_namespace_size_bytes",
                      "Size of the NVMe namespace in bytes. Available in "
                      "/sys/class/nvme/<device>/<namespace>/size",
                      MetricType::kGauge, {"device", "nsid"})),
        used_(out.Get("node_nvme_namespace_used_bytes",
                      "Used space of the NVMe namespace in bytes. Available in "
                      "/sys/class/nvme/<device>/<namespace>/nuse",
                      MetricType::kGauge, {"device", "nsid"})),
        block_size_(out.Get("node_nvme_namespace_logical_block_size_bytes",
                            "Logical block size of the NVMe namespace in bytes. Usually 4Kb. "
                            "Available in "
                            "/sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
                            MetricType::kGauge, {"device", "nsid"})),
        controllers_(machine.roots.sysfs + "/class/nvme") {}

  Result<void> Update() override {
    TRY(controllers_.Refresh([](const std::string& path, const std::string&) {
      return std::make_unique<Controller>(path);
    }));
    controllers_.ForEach([&](Controller& controller, std::string_view name) {
      info_.Set({controller.cntlid.Text(), name, controller.firmware.Text(),
                 controller.model.Text(), controller.serial.Text(), controller.state.Text()},
                1);
      (void)controller.namespaces.Refresh(
          [](const std::string& path, const std::string& entry) -> std::unique_ptr<Namespace> {
            if (NamespaceId(entry).empty()) return nullptr;
            return std::make_unique<Namespace>(path);
          });
      controller.namespaces.ForEach([&](Namespace& space, std::string_view entry) {
        SetNamespace(space, name, NamespaceId(entry));
      });
    });
    return {};
  }

 private:
  void SetNamespace(Namespace& space, std::string_view device, std::string_view id) {
    namespace_info_.Set({space.ana_state.Text(), device, id}, 1);
    const auto block = space.block_size.Number();
    if (!block) return;
    block_size_.Set({device, id}, *block);
    if (const auto used = space.nuse.Number()) used_.Set({device, id}, *used * *block);
    const auto size = space.size.Number();
    if (!size) return;
    // As node_exporter has it, although the kernel counts sectors of 512 bytes here.
    size_.Set({device, id}, *size * *block);
    capacity_.Set({device, id}, *size * *block);
  }

  Family& info_;
  Family& namespace_info_;
  Family& capacity_;
  Family& size_;
  Family& used_;
  Family& block_size_;
  Devices<Controller> controllers_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeNvme(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Nvme>(machine, out);
}

}  // namespace slurmscope::agent
