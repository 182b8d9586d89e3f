#pragma once

#include <ctime>
#include <map>
#include <string>
#include <string_view>

#include "agent/proc_file.h"

namespace slurmscope::agent {

// What udev and the queue say about a block device. Missing properties are empty.
struct DiskProperties {
  std::string path, wwn, model, serial, revision, rotational = "0";
  std::string fs_type, fs_usage, fs_uuid, fs_version;
  std::string dm_name, dm_uuid, dm_vg_name, dm_lv_name, dm_lv_layer;
  std::string ata, ata_write_cache, ata_write_cache_enabled, ata_rotation_rate;
};

// The "E:" lines of a file of /run/udev/data, as far as we use them.
DiskProperties ParseUdevData(std::string_view text);

// Remembers the properties of devices, and reads a device's file again only when it was changed.
// Not thread-safe.
class DiskPropertyCache {
 public:
  DiskPropertyCache(std::string udev_data, std::string sysfs)
      : udev_data_(std::move(udev_data)), sysfs_(std::move(sysfs)) {}

  void Begin();
  // Valid until Sweep or the next Get of the device.
  const DiskProperties& Get(std::string_view device, uint64_t major, uint64_t minor);
  // Forgets devices not asked for since Begin.
  void Sweep();

 private:
  struct Entry {
    std::string device;
    std::string path;
    uint64_t inode = 0;
    timespec changed{};
    bool seen = false;
    bool loaded = false;
    DiskProperties properties;
  };
  void Load(Entry& entry, bool exists);

  std::string udev_data_;
  std::string sysfs_;
  std::map<std::pair<uint64_t, uint64_t>, Entry> entries_;
};

}  // namespace slurmscope::agent
