#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"

namespace slurmscope::agent {
namespace {

constexpr double kSector = 512;
constexpr std::string_view kMultipath = "mpath-";

struct Map {
  explicit Map(const std::string& path)
      : uuid(AttrFile(path + "/dm/uuid").Text()),
        name(path + "/dm/name"),
        suspended(path + "/dm/suspended"),
        size(path + "/size"),
        paths(path + "/slaves") {}
  std::string uuid;
  AttrFile name;
  AttrFile suspended;
  AttrFile size;
  Devices<AttrFile> paths;  // their states
};

class DmMultipath final : public Collector {
 public:
  DmMultipath(const Machine& machine, FamilySet& out)
      : block_(machine.roots.sysfs + "/block"),
        info_(Get(out, "info", "Non-numeric information about a DM-multipath device.",
                  {"device", "sysfs_name", "uuid"})),
        active_(Get(out, "active",
                    "Whether the multipath device-mapper device is active (1) or suspended (0).",
                    {"device", "sysfs_name"})),
        size_(Get(out, "size_bytes",
                  "Size of the multipath device in bytes, read from /sys/block/<dm>/size.",
                  {"device", "sysfs_name"})),
        paths_(
            Get(out, "paths", "Number of paths for a multipath device.", {"device", "sysfs_name"})),
        paths_active_(Get(out, "paths_active",
                          "Number of paths in active state (SCSI running or NVMe live) for a "
                          "multipath device.",
                          {"device", "sysfs_name"})),
        paths_failed_(Get(out, "paths_failed",
                          "Number of paths not in active state for a multipath device.",
                          {"device", "sysfs_name"})),
        path_state_(out.Get("node_dmmultipath_path_state",
                            "Reports the underlying device state for a multipath path, as read "
                            "from /sys/block/<dev>/device/state.",
                            MetricType::kGauge, {"device", "path", "state"})),
        maps_(block_) {}

  Result<void> Update() override {
    TRY(maps_.Refresh([](const std::string& path, const std::string& name) -> std::unique_ptr<Map> {
      if (!name.starts_with("dm-")) return nullptr;
      auto map = std::make_unique<Map>(path);
      return map->uuid.starts_with(kMultipath) ? std::move(map) : nullptr;
    }));
    maps_.ForEach([&](Map& map, std::string_view name) { Set(map, name); });
    return {};
  }

 private:
  static Family& Get(FamilySet& out, std::string_view name, std::string_view help,
                     const LabelNames& labels) {
    return out.Get(base::StrCat("node_dmmultipath_device_", name), help, MetricType::kGauge,
                   labels);
  }

  void Set(Map& map, std::string_view sysfs_name) {
    const std::string& device = map.name.Text();
    info_.Set({device, sysfs_name, map.uuid}, 1);
    active_.Set({device, sysfs_name}, map.suspended.Number().value_or(0) == 0 ? 1 : 0);
    if (const auto size = map.size.Number()) size_.Set({device, sysfs_name}, *size * kSector);
    (void)map.paths.Refresh([&](const std::string&, const std::string& path) {
      return std::make_unique<AttrFile>(base::StrCat(block_, "/", path, "/device/state"));
    });
    double all = 0;
    double good = 0;
    map.paths.ForEach([&](AttrFile& file, std::string_view path) {
      std::string state = file.Text();
      if (state.empty()) state = "unknown";
      ++all;
      if (state == "running" || state == "live") ++good;
      path_state_.Set({device, path, state}, 1);
    });
    paths_.Set({device, sysfs_name}, all);
    paths_active_.Set({device, sysfs_name}, good);
    paths_failed_.Set({device, sysfs_name}, all - good);
  }

  const std::string block_;
  Family& info_;
  Family& active_;
  Family& size_;
  Family& paths_;
  Family& paths_active_;
  Family& paths_failed_;
  Family& path_state_;
  Devices<Map> maps_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeDmMultipath(const Machine& machine, const FlagValues&,
                                                   FamilySet& out) {
  return std::make_unique<DmMultipath>(machine, out);
}

}  // namespace slurmscope::agent
