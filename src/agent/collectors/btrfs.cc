#include <map>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

constexpr double kSector = 512;

struct Layout {
  explicit Layout(const std::string& path)
      : used(path + "/used_bytes"), total(path + "/total_bytes") {}
  AttrFile used;
  AttrFile total;
};

// data, metadata or system
struct BlockGroup {
  explicit BlockGroup(const std::string& path)
      : reserved(path + "/bytes_reserved"), layouts(path) {}
  AttrFile reserved;
  Devices<Layout> layouts;
};

struct FileSystem {
  explicit FileSystem(const std::string& path)
      : label(path + "/label"),
        global_reserve(path + "/allocation/global_rsv_size"),
        commits(path + "/commit_stats"),
        devices(path + "/devices"),
        groups(path + "/allocation") {}
  AttrFile label;
  AttrFile global_reserve;
  AttrFile commits;
  Devices<AttrFile> devices;
  Devices<BlockGroup> groups;
};

// How many bytes of disk a byte of data takes; 0 when the layout is not known.
double Ratio(std::string_view layout, double disks) {
  constexpr std::pair<std::string_view, double> kCopies[] = {
      {"single", 1}, {"dup", 2},     {"raid0", 1},  {"raid1", 2},
      {"raid10", 2}, {"raid1c3", 3}, {"raid1c4", 4}};
  for (const auto& [name, copies] : kCopies) {
    if (name == layout) return copies;
  }
  if (layout == "raid5" && disks > 1) return disks / (disks - 1);
  if (layout == "raid6" && disks > 2) return disks / (disks - 2);
  return 0;
}

class Btrfs final : public Collector {
 public:
  Btrfs(const Machine& machine, FamilySet& out)
      : info_(Get(out, "info", "Filesystem information", {"label", "uuid"})),
        reserve_(Get(out, "global_rsv_size_bytes", "Size of global reserve.", {"uuid"})),
        commits_(out.Get("node_btrfs_commits_total",
                         "The total number of commits that have occurred.", MetricType::kCounter,
                         {"uuid"})),
        last_commit_(Get(out, "last_commit_seconds",
                         "Duration of the most recent commit, in seconds.", {"uuid"})),
        max_commit_(Get(out, "max_commit_seconds", "Duration of the slowest commit, in seconds.",
                        {"uuid"})),
        commit_seconds_(out.Get("node_btrfs_commit_seconds_total",
                                "Sum of the duration of all commits, in seconds.",
                                MetricType::kCounter, {"uuid"})),
        device_size_(Get(out, "device_size_bytes",
                         "Size of a device that is part of the filesystem.", {"device", "uuid"})),
        reserved_(Get(out, "reserved_bytes", "Amount of space reserved for a data type",
                      {"block_group_type", "uuid"})),
        used_(Get(out, "used_bytes", "Amount of used space by a layout/data type",
                  {"block_group_type", "mode", "uuid"})),
        size_(Get(out, "size_bytes", "Amount of space allocated for a layout/data type",
                  {"block_group_type", "mode", "uuid"})),
        ratio_(Get(out, "allocation_ratio", "Data allocation ratio for a layout/data type",
                   {"block_group_type", "mode", "uuid"})),
        file_systems_(machine.roots.sysfs + "/fs/btrfs") {}

  Result<void> Update() override {
    TRY(file_systems_.Refresh(
        [](const std::string& path, const std::string& name) -> std::unique_ptr<FileSystem> {
          // Beside the file systems by UUID there is "features".
          if (name.find('-') == std::string::npos) return nullptr;
          return std::make_unique<FileSystem>(path);
        }));
    file_systems_.ForEach([&](FileSystem& fs, std::string_view uuid) { Set(fs, uuid); });
    return {};
  }

 private:
  static Family& Get(FamilySet& out, std::string_view name, std::string_view help,
                     const LabelNames& labels) {
    return out.Get(base::StrCat("node_btrfs_", name), help, MetricType::kGauge, labels);
  }

  void Set(FileSystem& fs, std::string_view uuid) {
    info_.Set({fs.label.Text(), uuid}, 1);
    if (const auto size = fs.global_reserve.Number()) reserve_.Set({uuid}, *size);
    SetCommits(fs, uuid);
    double disks = 0;
    (void)fs.devices.Refresh([](const std::string& path, const std::string&) {
      return std::make_unique<AttrFile>(path + "/size");
    });
    fs.devices.ForEach([&](AttrFile& size, std::string_view device) {
      ++disks;
      if (const auto sectors = size.Number()) device_size_.Set({device, uuid}, *sectors * kSector);
    });
    (void)fs.groups.Refresh(
        [](const std::string& path, const std::string& name) -> std::unique_ptr<BlockGroup> {
          const bool group = name == "data" || name == "metadata" || name == "system";
          return group ? std::make_unique<BlockGroup>(path) : nullptr;
        });
    fs.groups.ForEach(
        [&](BlockGroup& group, std::string_view type) { SetGroup(group, type, uuid, disks); });
  }

  // "commits 12\nlast_commit_ms 3\nmax_commit_ms 20\ntotal_commit_ms 100"
  void SetCommits(FileSystem& fs, std::string_view uuid) {
    std::string_view text = fs.commits.Read().value_or(
        "commits 0\nlast_commit_ms 0\nmax_commit_ms 0\ntotal_commit_ms 0");  // before Linux 6.0
    const std::pair<std::string_view, Family*> families[] = {{"last_commit_ms", &last_commit_},
                                                             {"max_commit_ms", &max_commit_},
                                                             {"total_commit_ms", &commit_seconds_}};
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view name = NextField(line);
      const auto value = NextUint(line);
      if (!value) continue;
      if (name == "commits") commits_.Set({uuid}, static_cast<double>(*value));
      for (const auto& [known, family] : families) {
        if (known == name) family->Set({uuid}, static_cast<double>(*value) / 1000);
      }
    }
  }

  void SetGroup(BlockGroup& group, std::string_view type, std::string_view uuid, double disks) {
    if (const auto bytes = group.reserved.Number()) reserved_.Set({type, uuid}, *bytes);
    (void)group.layouts.Refresh(
        [](const std::string& path, const std::string& name) -> std::unique_ptr<Layout> {
          if (Ratio(name, 4) == 0) return nullptr;  // a file, not a layout
          return std::make_unique<Layout>(path);
        });
    group.layouts.ForEach([&](Layout& layout, std::string_view mode) {
      if (const auto bytes = layout.used.Number()) used_.Set({type, mode, uuid}, *bytes);
      if (const auto bytes = layout.total.Number()) size_.Set({type, mode, uuid}, *bytes);
      if (const double ratio = Ratio(mode, disks); ratio > 0) {
        ratio_.Set({type, mode, uuid}, ratio);
      }
    });
  }

  Family& info_;
  Family& reserve_;
  Family& commits_;
  Family& last_commit_;
  Family& max_commit_;
  Family& commit_seconds_;
  Family& device_size_;
  Family& reserved_;
  Family& used_;
  Family& size_;
  Family& ratio_;
  Devices<FileSystem> file_systems_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeBtrfs(const Machine& machine, const FlagValues&,
                                             FamilySet& out) {
  return std::make_unique<Btrfs>(machine, out);
}

}  // namespace slurmscope::agent
