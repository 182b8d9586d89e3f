#include <array>
#include <string>

#include "agent/collectors/collectors.h"
#include "agent/collectors/udev.h"
#include "agent/pattern.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

struct Column {
  std::string_view name;
  std::string_view help;
  MetricType type;
  double factor;
};

constexpr double kSector = 512;
constexpr double kMillisecond = .001;

// The numbers after the device name, in order; https://docs.kernel.org/admin-guide/iostats.html
constexpr std::array<Column, 17> kColumns = {{
    {"node_disk_reads_completed_total", "The total number of reads completed successfully.",
     MetricType::kCounter, 1},
    {"node_disk_reads_merged_total", "The total number of reads merged.", MetricType::kCounter, 1},
    {"node_disk_read_bytes_total", "The total number of bytes read successfully.",
     MetricType::kCounter, kSector},
    {"node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.",
     MetricType::kCounter, kMillisecond},
    {"node_disk_writes_completed_total", "The total number of writes completed successfully.",
     MetricType::kCounter, 1},
    {"node_disk_writes_merged_total", "The number of writes merged.", MetricType::kCounter, 1},
    {"node_disk_written_bytes_total", "The total number of bytes written successfully.",
     MetricType::kCounter, kSector},
    {"node_disk_write_time_seconds_total",
     "This is the total number of seconds spent by all writes.", MetricType::kCounter,
     kMillisecond},
    {"node_disk_io_now", "The number of I/Os currently in progress.", MetricType::kGauge, 1},
    {"node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", MetricType::kCounter,
     kMillisecond},
    {"node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.",
     MetricType::kCounter, kMillisecond},
    {"node_disk_discards_completed_total", "The total number of discards completed successfully.",
     MetricType::kCounter, 1},
    {"node_disk_discards_merged_total", "The total number of discards merged.",
     MetricType::kCounter, 1},
    {"node_disk_discarded_sectors_total", "The total number of sectors discarded successfully.",
     MetricType::kCounter, 1},
    {"node_disk_discard_time_seconds_total",
     "This is the total number of seconds spent by all discards.", MetricType::kCounter,
     kMillisecond},
    {"node_disk_flush_requests_total", "The total number of flush requests completed successfully",
     MetricType::kCounter, 1},
    {"node_disk_flush_requests_time_seconds_total",
     "This is the total number of seconds spent by all flush requests.", MetricType::kCounter,
     kMillisecond},
}};

class Diskstats final : public Collector {
 public:
  Diskstats(const Machine& machine, DeviceFilter filter, FamilySet& out)
      : file_(machine.roots.procfs + "/diskstats"),
        filter_(std::move(filter)),
        properties_(machine.roots.udev_data, machine.roots.sysfs),
        info_(out.Get("node_disk_info", "Info of /sys/block/<block_device>.", MetricType::kGauge,
                      {"device", "major", "minor", "model", "path", "revision", "rotational",
                       "serial", "wwn"})),
        fs_info_(out.Get("node_disk_filesystem_info", "Info about disk filesystem.",
                         MetricType::kGauge, {"device", "type", "usage", "uuid", "version"})),
        dm_info_(out.Get("node_disk_device_mapper_info", "Info about disk device mapper.",
                         MetricType::kGauge,
                         {"device", "lv_layer", "lv_name", "name", "uuid", "vg_name"})),
        ata_write_cache_(out.Get("node_disk_ata_write_cache", "ATA disk has a write cache.",
                                 MetricType::kGauge, {"device"})),
        ata_write_cache_enabled_(out.Get("node_disk_ata_write_cache_enabled",
                                         "ATA disk has its write cache enabled.",
                                         MetricType::kGauge, {"device"})),
        ata_rotation_rate_(out.Get("node_disk_ata_rotation_rate_rpm",
                                   "ATA disk rotation rate in RPMs (0 for SSDs).",
                                   MetricType::kGauge, {"device"})) {
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const Column& column = kColumns[i];
      columns_[i] = &out.Get(column.name, column.help, column.type, {"device"});
    }
  }

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    properties_.Begin();
    for (std::string_view line; NextLine(text, line);) TRY(SetDevice(line));
    properties_.Sweep();
    return {};
  }

 private:
  Result<void> SetDevice(std::string_view line) {
    const std::string_view major = NextField(line);
    const std::string_view minor = NextField(line);
    const std::string_view device = NextField(line);
    const auto major_number = ParseUint(major);
    const auto minor_number = ParseUint(minor);
    if (!major_number || !minor_number || device.empty()) {
      return Fail(ErrorCode::kCorruption, file_.path() + ": malformed line");
    }
    if (filter_.Ignored(device)) return {};
    SetInfo(device, major, minor, properties_.Get(device, *major_number, *minor_number));
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const auto value = NextUint(line);
      if (!value) break;  // older kernels have 11 or 15 columns
      columns_[i]->Set({device}, static_cast<double>(*value) * kColumns[i].factor);
    }
    return {};
  }

  void SetInfo(std::string_view device, std::string_view major, std::string_view minor,
               const DiskProperties& disk) {
    info_.Set({device, major, minor, disk.model, disk.path, disk.revision, disk.rotational,
               disk.serial, disk.wwn},
              1);
    if (!disk.dm_name.empty()) {
      dm_info_.Set(
          {device, disk.dm_lv_layer, disk.dm_lv_name, disk.dm_name, disk.dm_uuid, disk.dm_vg_name},
          1);
    }
    if (!disk.fs_type.empty()) {
      fs_info_.Set({device, disk.fs_type, disk.fs_usage, disk.fs_uuid, disk.fs_version}, 1);
    }
    if (disk.ata.empty()) return;
    SetNumber(ata_write_cache_, device, disk.ata_write_cache);
    SetNumber(ata_write_cache_enabled_, device, disk.ata_write_cache_enabled);
    SetNumber(ata_rotation_rate_, device, disk.ata_rotation_rate);
  }

  static void SetNumber(Family& family, std::string_view device, const std::string& text) {
    if (const auto value = base::ParseFloat(text)) family.Set({device}, *value);
  }

  ProcFile file_;
  RememberingFilter filter_;
  DiskPropertyCache properties_;
  Family& info_;
  Family& fs_info_;
  Family& dm_info_;
  Family& ata_write_cache_;
  Family& ata_write_cache_enabled_;
  Family& ata_rotation_rate_;
  std::array<Family*, kColumns.size()> columns_{};
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeDiskstats(const Machine& machine, const FlagValues& flags,
                                                 FamilySet& out) {
  return std::make_unique<Diskstats>(
      machine,
      TRY(DeviceFilter::FromFlags(flags, "collector.diskstats.device", {},
                                  "collector.diskstats.ignored-devices")),
      out);
}

}  // namespace slurmscope::agent
