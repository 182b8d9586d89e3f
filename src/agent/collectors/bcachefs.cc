#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/human_size.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr std::string_view kDevice = "dev-";

struct Counter {
  AttrFile file;
  Family* family;
};

struct Disk {
  explicit Disk(const std::string& path)
      : label(path + "/label"),
        state(path + "/state"),
        bucket_size(path + "/bucket_size"),
        buckets(path + "/nbuckets"),
        durability(path + "/durability"),
        io_done(path + "/io_done"),
        io_errors(path + "/io_errors") {}
  AttrFile label;
  AttrFile state;
  AttrFile bucket_size;
  AttrFile buckets;
  AttrFile durability;
  AttrFile io_done;
  AttrFile io_errors;
};

struct FileSystem {
  explicit FileSystem(const std::string& path)
      : btree_cache_size(path + "/btree_cache_size"),
        compression(path + "/compression_stats"),
        btree_writes(path + "/btree_write_stats"),
        errors(path + "/errors"),
        counters(path + "/counters"),
        disks(path) {}
  AttrFile btree_cache_size;
  AttrFile compression;
  AttrFile btree_writes;
  AttrFile errors;
  Devices<Counter> counters;
  Devices<Disk> disks;
};

class Bcachefs final : public Collector {
 public:
  Bcachefs(const Machine& machine, FamilySet& out)
      : out_(out),
        filesystem_(Get("info", "Filesystem information.", kGauge, {"uuid"})),
        btree_cache_(
            Get("btree_cache_size_bytes", "Btree cache memory usage in bytes.", kGauge, {"uuid"})),
        compressed_(Get("compression_compressed_bytes", "Compressed size by algorithm.", kGauge,
                        {"algorithm", "uuid"})),
        uncompressed_(Get("compression_uncompressed_bytes", "Uncompressed size by algorithm.",
                          kGauge, {"algorithm", "uuid"})),
        btree_writes_(Get("btree_writes_total", "Number of btree writes by type.", kCounter,
                          {"type", "uuid"})),
        btree_write_size_(Get("btree_write_average_size_bytes", "Average btree write size by type.",
                              kGauge, {"type", "uuid"})),
        errors_(
            Get("errors_total", "Error count by error type.", kCounter, {"error_type", "uuid"})),
        info_(Get("device_info", "Device information.", kGauge,
                  {"device", "label", "state", "uuid"})),
        bucket_size_(
            Get("device_bucket_size_bytes", "Bucket size in bytes.", kGauge, {"device", "uuid"})),
        buckets_(Get("device_buckets", "Total number of buckets.", kGauge, {"device", "uuid"})),
        durability_(
            Get("device_durability", "Device durability setting.", kGauge, {"device", "uuid"})),
        io_done_(Get("device_io_done_bytes_total", "IO bytes by operation type and data type.",
                     kCounter, {"data_type", "device", "operation", "uuid"})),
        io_errors_(Get("device_io_errors_total", "IO errors by error type.", kCounter,
                       {"device", "type", "uuid"})),
        file_systems_(machine.roots.sysfs + "/fs/bcachefs") {}

  Result<void> Update() override {
    TRY(file_systems_.Refresh([](const std::string& path, const std::string&) {
      return std::make_unique<FileSystem>(path);
    }));
    file_systems_.ForEach([&](FileSystem& fs, std::string_view uuid) { Set(fs, uuid); });
    return {};
  }

 private:
  Family& Get(std::string_view name, std::string_view help, MetricType type,
              const LabelNames& labels) {
    return out_.Get(base::StrCat("node_bcachefs_", name), help, type, labels);
  }

  static void SetSize(Family& family, AttrFile& file,
                      std::initializer_list<std::string_view> labels) {
    const auto text = file.Read();
    if (!text) return;
    if (const auto size = ParseHumanSize(*text)) family.Set(labels, *size);
  }

  void Set(FileSystem& fs, std::string_view uuid) {
    filesystem_.Set({uuid}, 1);
    SetSize(btree_cache_, fs.btree_cache_size, {uuid});
    SetTable(fs.compression, uuid, compressed_, uncompressed_);
    SetTable(fs.btree_writes, uuid, btree_writes_, btree_write_size_);
    SetErrors(fs.errors, uuid);
    (void)fs.counters.Refresh([&](const std::string& path, const std::string& name) {
      Family& family = Get(name + "_total",
                           base::StrCat("Bcachefs counter ", name, " since filesystem creation."),
                           kCounter, {"uuid"});
      return std::make_unique<Counter>(Counter{AttrFile(path), &family});
    });
    fs.counters.ForEach([&](Counter& counter, std::string_view) { SetCounter(counter, uuid); });
    (void)fs.disks.Refresh(
        [](const std::string& path, const std::string& name) -> std::unique_ptr<Disk> {
          return name.starts_with(kDevice) ? std::make_unique<Disk>(path) : nullptr;
        });
    fs.disks.ForEach([&](Disk& disk, std::string_view name) {
      SetDisk(disk, name.substr(kDevice.size()), uuid);
    });
  }

  // A heading, then "name  size  size ..." or "name:  count  size".
  static void SetTable(AttrFile& file, std::string_view uuid, Family& first, Family& second) {
    std::string_view text = file.Read().value_or(std::string_view());
    std::string_view line;
    NextLine(text, line);
    while (NextLine(text, line)) {
      std::string_view name = NextField(line);
      if (name.ends_with(':')) name.remove_suffix(1);
      const auto a = ParseHumanSize(NextField(line));
      const auto b = ParseHumanSize(NextField(line));
      if (!a || !b) continue;
      first.Set({name, uuid}, *a);
      second.Set({name, uuid}, *b);
    }
  }

  // "name  count  time of the last"
  void SetErrors(AttrFile& file, std::string_view uuid) {
    std::string_view text = file.Read().value_or(std::string_view());
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view name = NextField(line);
      if (const auto value = NextUint(line)) {
        errors_.Set({name, uuid}, static_cast<double>(*value));
      }
    }
  }

  // "since mount: 7\nsince filesystem creation: 424790"
  static void SetCounter(Counter& counter, std::string_view uuid) {
    constexpr std::string_view kSince = "since filesystem creation:";
    std::string_view text = counter.file.Read().value_or(std::string_view());
    for (std::string_view line; NextLine(text, line);) {
      if (!line.starts_with(kSince)) continue;
      const auto value = ParseHumanSize(base::TrimSpace(line.substr(kSince.size())));
      if (value) counter.family->Set({uuid}, *value);
    }
  }

  void SetDisk(Disk& disk, std::string_view device, std::string_view uuid) {
    info_.Set({device, disk.label.Text(), disk.state.Text(), uuid}, 1);
    SetSize(bucket_size_, disk.bucket_size, {device, uuid});
    SetSize(buckets_, disk.buckets, {device, uuid});
    SetSize(durability_, disk.durability, {device, uuid});
    SetIoDone(disk.io_done, device, uuid);
    SetIoErrors(disk.io_errors, device, uuid);
  }

  // "read:" and "write:", after each lines "btree : 123".
  void SetIoDone(AttrFile& file, std::string_view device, std::string_view uuid) {
    std::string_view text = file.Read().value_or(std::string_view());
    std::string_view operation;
    for (std::string_view line; NextLine(text, line);) {
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string_view name = base::TrimSpace(line.substr(0, colon));
      const std::string_view number = base::TrimSpace(line.substr(colon + 1));
      if (number.empty()) operation = name;
      const auto bytes = ParseUint(number);
      if (bytes) io_done_.Set({name, device, operation, uuid}, static_cast<double>(*bytes));
    }
  }

  // "IO errors since filesystem creation" and its lines, then those since a reset.
  void SetIoErrors(AttrFile& file, std::string_view device, std::string_view uuid) {
    std::string_view text = file.Read().value_or(std::string_view());
    bool all_time = false;
    for (std::string_view line; NextLine(text, line);) {
      if (!line.starts_with(' ')) all_time = line.ends_with("filesystem creation");
      const size_t colon = line.find(':');
      if (!all_time || colon == std::string_view::npos) continue;
      const auto count = ParseUint(base::TrimSpace(line.substr(colon + 1)));
      const std::string_view type = base::TrimSpace(line.substr(0, colon));
      if (count) io_errors_.Set({device, type, uuid}, static_cast<double>(*count));
    }
  }

  FamilySet& out_;
  Family& filesystem_;
  Family& btree_cache_;
  Family& compressed_;
  Family& uncompressed_;
  Family& btree_writes_;
  Family& btree_write_size_;
  Family& errors_;
  Family& info_;
  Family& bucket_size_;
  Family& buckets_;
  Family& durability_;
  Family& io_done_;
  Family& io_errors_;
  Devices<FileSystem> file_systems_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeBcachefs(const Machine& machine, const FlagValues&,
                                                FamilySet& out) {
  return std::make_unique<Bcachefs>(machine, out);
}

}  // namespace slurmscope::agent
