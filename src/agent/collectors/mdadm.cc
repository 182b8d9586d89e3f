#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/mdstat.h"
#include "agent/devices.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kStates[] = {"active", "inactive", "recovering", "resync", "check"};

constexpr AttrSpec kSysfs[] = {
    {"md/raid_disks", "node_md_raid_disks", "Number of raid disks on device."},
    {"md/degraded", "node_md_degraded", "Number of degraded disks on device."}};

struct Array {
  AttrFiles numbers;
  AttrFile raid_disks;
};

class Mdadm final : public Collector {
 public:
  Mdadm(const Machine& machine, FamilySet& out)
      : mdstat_(machine.roots.procfs + "/mdstat"),
        sysfs_(out, kSysfs, {"device"}),
        arrays_(machine.roots.sysfs + "/block"),
        state_(out.Get("node_md_state", "Indicates the state of md-device.", MetricType::kGauge,
                       {"device", "state"})),
        disks_(out.Get("node_md_disks", "Number of active/failed/spare disks of device.",
                       MetricType::kGauge, {"device", "state"})),
        required_(out.Get("node_md_disks_required", "Total number of disks of device.",
                          MetricType::kGauge, {"device"})),
        blocks_(out.Get("node_md_blocks", "Total number of blocks on device.", MetricType::kGauge,
                        {"device"})),
        synced_(out.Get("node_md_blocks_synced", "Number of blocks synced on device.",
                        MetricType::kGauge, {"device"})),
        degraded_(out.Get(kSysfs[1].name, kSysfs[1].help, MetricType::kGauge, {"device"})) {}

  Result<void> Update() override {
    const std::string_view text = TRY(mdstat_.Read());
    for (const MdArray& array : ParseMdstat(text)) Set(array);
    (void)arrays_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<Array> {
          if (!name.starts_with("md")) return nullptr;
          return std::make_unique<Array>(
              Array{AttrFiles(path, sysfs_), AttrFile(path + "/md/raid_disks")});
        });
    arrays_.ForEach([&](Array& array, std::string_view name) {
      // Levels without redundancy have no such file, and nothing to be degraded.
      array.numbers.Set({name});
      if (array.raid_disks.Read()) degraded_.Set({name}, 0);
    });
    return {};
  }

 private:
  void Set(const MdArray& array) {
    const std::string_view device = array.device;
    for (const std::string_view state : kStates) {
      state_.Set({device, state}, state == array.state ? 1 : 0);
    }
    disks_.Set({device, "active"}, static_cast<double>(array.active));
    disks_.Set({device, "failed"}, static_cast<double>(array.failed));
    disks_.Set({device, "spare"}, static_cast<double>(array.spare));
    required_.Set({device}, static_cast<double>(array.required));
    blocks_.Set({device}, static_cast<double>(array.blocks));
    synced_.Set({device}, static_cast<double>(array.synced));
  }

  ProcFile mdstat_;
  AttrFamilies sysfs_;
  Devices<Array> arrays_;
  Family& state_;
  Family& disks_;
  Family& required_;
  Family& blocks_;
  Family& synced_;
  Family& degraded_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeMdadm(const Machine& machine, const FlagValues&,
                                             FamilySet& out) {
  return std::make_unique<Mdadm>(machine, out);
}

}  // namespace slurmscope::agent
