#include "agent/collectors/udev.h"

#include <sys/stat.h>

#include "agent/scan.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

struct Key {
  std::string_view name;
  std::string DiskProperties::*member;
};

constexpr Key kKeys[] = {
    {"ID_PATH", &DiskProperties::path},
    {"ID_WWN", &DiskProperties::wwn},
    {"ID_MODEL", &DiskProperties::model},
    {"ID_REVISION", &DiskProperties::revision},
    {"ID_FS_TYPE", &DiskProperties::fs_type},
    {"ID_FS_USAGE", &DiskProperties::fs_usage},
    {"ID_FS_UUID", &DiskProperties::fs_uuid},
    {"ID_FS_VERSION", &DiskProperties::fs_version},
    {"DM_NAME", &DiskProperties::dm_name},
    {"DM_UUID", &DiskProperties::dm_uuid},
    {"DM_VG_NAME", &DiskProperties::dm_vg_name},
    {"DM_LV_NAME", &DiskProperties::dm_lv_name},
    {"DM_LV_LAYER", &DiskProperties::dm_lv_layer},
    {"ID_ATA", &DiskProperties::ata},
    {"ID_ATA_WRITE_CACHE", &DiskProperties::ata_write_cache},
    {"ID_ATA_WRITE_CACHE_ENABLED", &DiskProperties::ata_write_cache_enabled},
    {"ID_ATA_ROTATION_RATE_RPM", &DiskProperties::ata_rotation_rate},
};

// From the best source to the last resort: printed on the label, short, and what virtio disks have.
constexpr std::string_view kSerialKeys[] = {"SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"};

}  // namespace

DiskProperties ParseUdevData(std::string_view text) {
  DiskProperties properties;
  std::string_view serials[std::size(kSerialKeys)];
  for (std::string_view line; NextLine(text, line);) {
    const size_t equals = line.find('=');
    if (!line.starts_with("E:") || equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(2, equals - 2);
    const std::string_view value = line.substr(equals + 1);
    for (const Key& key : kKeys) {
      if (key.name == name) properties.*key.member = value;
    }
    for (size_t i = 0; i < std::size(kSerialKeys); ++i) {
      if (kSerialKeys[i] == name) serials[i] = value;
    }
  }
  for (const std::string_view serial : serials) {
    if (properties.serial.empty()) properties.serial = serial;
  }
  return properties;
}

void DiskPropertyCache::Begin() {
  for (auto& [number, entry] : entries_) entry.seen = false;
}

void DiskPropertyCache::Sweep() {
  std::erase_if(entries_, [](const auto& item) { return !item.second.seen; });
}

const DiskProperties& DiskPropertyCache::Get(std::string_view device, uint64_t major,
                                             uint64_t minor) {
  Entry& entry = entries_[{major, minor}];
  entry.seen = true;
  if (entry.device != device) {
    entry.device = device;
    entry.path = base::StrCat(udev_data_, "/b", major, ":", minor);
    entry.loaded = false;
  }
  struct stat now {};
  const bool exists = ::stat(entry.path.c_str(), &now) == 0;
  const bool same = entry.inode == now.st_ino && entry.changed.tv_sec == now.st_mtim.tv_sec &&
                    entry.changed.tv_nsec == now.st_mtim.tv_nsec;
  if (entry.loaded && same) return entry.properties;
  entry.inode = now.st_ino;
  entry.changed = now.st_mtim;
  Load(entry, exists);
  return entry.properties;
}

void DiskPropertyCache::Load(Entry& entry, bool exists) {
  entry.loaded = true;
  entry.properties = {};
  if (exists) {
    ProcFile file(entry.path);
    if (const auto text = file.Read()) entry.properties = ParseUdevData(*text);
  }
  ProcFile queue(base::StrCat(sysfs_, "/block/", entry.device, "/queue/rotational"));
  if (const auto rotational = queue.ReadUint())
    entry.properties.rotational = base::StrCat(*rotational);
}

}  // namespace slurmscope::agent
