#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

class Selinux final : public Collector {
 public:
  Selinux(const Machine& machine, FamilySet& out)
      : enforce_(machine.roots.sysfs + "/fs/selinux/enforce"),
        config_(base::StrCat(machine.roots.rootfs == "/" ? "" : machine.roots.rootfs,
                             "/etc/selinux/config")),
        enabled_(out.Get("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false",
                         MetricType::kGauge)),
        current_(out.Get("node_selinux_current_mode",
                         "Current SELinux enforcement mode, -1 is disabled, 0 is permissive, 1 is "
                         "enforcing",
                         MetricType::kGauge)),
        configured_(out.Get("node_selinux_config_mode",
                            "Configured SELinux enforcement mode, -1 is disabled, 0 is "
                            "permissive, 1 is enforcing",
                            MetricType::kGauge)) {}

  Result<void> Update() override {
    const auto mode = enforce_.Number();
    enabled_.Set(mode ? 1 : 0);
    if (!mode) return {};
    current_.Set(*mode);
    configured_.Set(ConfiguredMode());
    return {};
  }

 private:
  double ConfiguredMode() {
    std::string_view text = config_.Read().value_or(std::string_view());
    for (std::string_view line; NextLine(text, line);) {
      if (!line.starts_with("SELINUX=")) continue;
      const std::string_view mode = base::TrimSpace(line.substr(8));
      if (mode == "enforcing") return 1;
      if (mode == "permissive") return 0;
    }
    return -1;
  }

  AttrFile enforce_;
  AttrFile config_;
  Family& enabled_;
  Family& current_;
  Family& configured_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeSelinux(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Selinux>(machine, out);
}

}  // namespace slurmscope::agent
