#include <algorithm>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// States are given as one series each; two short-lived ones have none.
constexpr std::string_view kStates[] = {"live", "connecting", "resetting", "dead", "unknown"};
constexpr std::string_view kPassing[] = {"deleting", "deleting (no IO)", "new"};

std::string_view KnownState(std::string_view text) {
  for (const std::string_view state : kPassing) {
    if (text == state) return state;
  }
  const auto at = std::find(std::begin(kStates), std::end(kStates), text);
  return at == std::end(kStates) ? "unknown" : *at;
}

// nvme0: a controller. nvme0n1: a namespace.
bool IsController(std::string_view name) {
  return name.starts_with("nvme") && ParseUint(name.substr(4)).has_value();
}

bool IsNamespace(std::string_view name) {
  const size_t n = name.rfind('n');
  return n != std::string_view::npos && n > 4 && IsController(name.substr(0, n)) &&
         ParseUint(name.substr(n + 1)).has_value();
}

struct Path {
  explicit Path(const std::string& path) : state(path + "/state"), transport(path + "/transport") {}
  AttrFile state;
  AttrFile transport;
};

// A controller or a namespace.
struct Member {
  std::unique_ptr<Path> path;
};

struct Subsystem {
  explicit Subsystem(const std::string& path)
      : nqn(path + "/subsysnqn"),
        model(path + "/model"),
        serial(path + "/serial"),
        policy(path + "/iopolicy"),
        members(path) {}
  AttrFile nqn;
  AttrFile model;
  AttrFile serial;
  AttrFile policy;
  Devices<Member> members;
};

class NvmeSubsystem final : public Collector {
 public:
  NvmeSubsystem(const Machine& machine, FamilySet& out)
      : info_(out.Get("node_nvmesubsystem_info", "Non-numeric information about an NVMe subsystem.",
                      MetricType::kGauge, {"iopolicy", "model", "nqn", "serial", "subsystem"})),
        namespaces_(out.Get("node_nvmesubsystem_namespace_info",
                            "Maps an NVMe namespace block device to its subsystem.",
                            MetricType::kGauge, {"device", "subsystem"})),
        paths_(out.Get("node_nvmesubsystem_paths",
                       "Number of controller paths for an NVMe subsystem.", MetricType::kGauge,
                       {"subsystem"})),
        live_(out.Get("node_nvmesubsystem_paths_live",
                      "Number of controller paths in live state for an NVMe subsystem.",
                      MetricType::kGauge, {"subsystem"})),
        state_(out.Get("node_nvmesubsystem_path_state",
                       "Current NVMe controller path state (1 for the current state, 0 for all "
                       "others).",
                       MetricType::kGauge, {"controller", "state", "subsystem", "transport"})),
        subsystems_(machine.roots.sysfs + "/class/nvme-subsystem") {}

  Result<void> Update() override {
    TRY(subsystems_.Refresh([](const std::string& path, const std::string&) {
      return std::make_unique<Subsystem>(path);
    }));
    subsystems_.ForEach([&](Subsystem& subsystem, std::string_view name) { Set(subsystem, name); });
    return {};
  }

 private:
  void Set(Subsystem& subsystem, std::string_view name) {
    info_.Set({subsystem.policy.Text(), subsystem.model.Text(), subsystem.nqn.Text(),
               subsystem.serial.Text(), name},
              1);
    (void)subsystem.members.Refresh(
        [](const std::string& path, const std::string& entry) -> std::unique_ptr<Member> {
          if (IsNamespace(entry)) return std::make_unique<Member>();
          if (!IsController(entry)) return nullptr;
          return std::make_unique<Member>(Member{std::make_unique<Path>(path)});
        });
    int paths = 0;
    int live = 0;
    subsystem.members.ForEach([&](Member& member, std::string_view entry) {
      if (!member.path) {
        namespaces_.Set({entry, name}, 1);
        return;
      }
      ++paths;
      const std::string& text = member.path->state.Text();
      const std::string_view state = KnownState(text);
      if (state == "live") ++live;
      const std::string& transport = member.path->transport.Text();
      for (const std::string_view one : kStates)
        state_.Set({entry, one, name, transport}, one == state ? 1 : 0);
    });
    paths_.Set({name}, paths);
    live_.Set({name}, live);
  }

  Family& info_;
  Family& namespaces_;
  Family& paths_;
  Family& live_;
  Family& state_;
  Devices<Subsystem> subsystems_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeNvmeSubsystem(const Machine& machine, const FlagValues&,
                                                     FamilySet& out) {
  return std::make_unique<NvmeSubsystem>(machine, out);
}

}  // namespace slurmscope::agent
