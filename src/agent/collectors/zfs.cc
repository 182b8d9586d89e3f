#include <algorithm>

#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/devices.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

// kstat files of the module and what their metrics are called by.
constexpr std::pair<std::string_view, std::string_view> kFiles[] = {
    {"abdstats", "abd"},
    {"arcstats", "arc"},
    {"dbufstats", "dbuf"},
    {"dmu_tx", "dmu_tx"},
    {"dnodestats", "dnode"},
    {"fm", "fm"},
    {"vdev_cache_stats", "vdev_cache"},
    {"vdev_mirror_stats", "vdev_mirror"},
    {"xuio_stats", "xuio"},
    {"zfetchstats", "zfetch"},
    {"zil", "zil"}};

constexpr std::string_view kStates[] = {"online",  "degraded", "faulted",  "offline",
                                        "removed", "unavail",  "suspended"};

// Lines "name type data" after two of heading; types 3 and 4 are numbers, 7 is a text.
template <typename Use>
void ForEachKstat(std::string_view text, Use use) {
  std::string_view line;
  NextLine(text, line);
  NextLine(text, line);
  while (NextLine(text, line)) {
    const std::string_view name = NextField(line);
    const std::string_view type = NextField(line);
    if (!name.empty()) use(name, type, base::TrimSpace(line));
  }
}

std::string MetricName(std::string_view prefix, std::string_view name) {
  std::string out = base::StrCat("node_zfs_", prefix, "_", name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

struct KstatFile {
  ProcFile file;
  std::string_view kstat;
  std::string_view prefix;
  FieldFamilies fields;
};

struct Pool {
  explicit Pool(const std::string& path) : io(path + "/io"), state(path + "/state"), files(path) {}
  ProcFile io;
  ProcFile state;
  Devices<ProcFile> files;
  FieldFamilies fields;
};

class Zfs final : public Collector {
 public:
  Zfs(const Machine& machine, FamilySet& out)
      : out_(out),
        directory_(machine.roots.procfs + "/spl/kstat/zfs"),
        state_(out.Get("node_zfs_zpool_state", "kstat.zfs.misc.state", MetricType::kGauge,
                       {"state", "zpool"})),
        pools_(directory_) {
    for (const auto& [kstat, prefix] : kFiles) {
      files_.push_back({ProcFile(base::StrCat(directory_, "/", kstat)), kstat, prefix, {}});
    }
  }

  Result<void> Update() override {
    TRY(pools_.Refresh([&](const std::string& path, const std::string&) -> std::unique_ptr<Pool> {
      auto pool = std::make_unique<Pool>(path);
      return pool->state.Read() || pool->io.Read() ? std::move(pool) : nullptr;
    }));
    for (KstatFile& file : files_) SetFile(file);
    pools_.ForEach([&](Pool& pool, std::string_view name) { SetPool(pool, name); });
    return {};
  }

 private:
  Family* MakeFamily(std::string_view kstat, std::string_view prefix, std::string_view name,
                     const LabelNames& labels) {
    return &out_.Get(MetricName(prefix, name), base::StrCat("kstat.zfs.misc.", kstat, ".", name),
                     MetricType::kUnknown, labels);
  }

  void SetFile(KstatFile& file) {
    const auto text = file.file.Read();  // which there are depends on the version of ZFS
    if (!text) return;
    file.fields.Begin();
    ForEachKstat(*text, [&](std::string_view name, std::string_view type, std::string_view data) {
      if (type != "3" && type != "4") return;
      Family* family = file.fields.Find(name, [&](std::string_view field) {
        return MakeFamily(file.kstat, file.prefix, field, {});
      });
      if (const auto value = base::ParseFloat(data)) family->Set(*value);
    });
  }

  void SetPool(Pool& pool, std::string_view name) {
    pool.fields.Begin();
    if (const auto text = pool.state.ReadTrimmed()) {
      std::string state(*text);
      std::transform(state.begin(), state.end(), state.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      });
      for (const std::string_view known : kStates)
        state_.Set({known, name}, known == state ? 1 : 0);
    }
    if (const auto text = pool.io.Read()) SetIo(*text, pool, name);
    (void)pool.files.Refresh(
        [](const std::string& path, const std::string& file) -> std::unique_ptr<ProcFile> {
          return file.starts_with("objset-") ? std::make_unique<ProcFile>(path) : nullptr;
        });
    pool.files.ForEach([&](ProcFile& file, std::string_view) {
      if (const auto text = file.Read()) SetDataset(*text, pool, name);
    });
  }

  // A heading, a line of names, a line of numbers.
  void SetIo(std::string_view text, Pool& pool, std::string_view zpool) {
    std::string_view names;
    std::string_view numbers;
    NextLine(text, names);
    NextLine(text, names);
    NextLine(text, numbers);
    for (std::string_view name; !(name = NextField(names)).empty();) {
      const auto value = NextUint(numbers);
      if (!value) return;
      Family* family = pool.fields.Find(name, [&](std::string_view field) {
        return MakeFamily("io", "zpool", field, {"zpool"});
      });
      family->Set({zpool}, static_cast<double>(*value));
    }
  }

  void SetDataset(std::string_view text, Pool& pool, std::string_view zpool) {
    std::string_view dataset;
    ForEachKstat(text, [&](std::string_view name, std::string_view type, std::string_view data) {
      if (name == "dataset_name") dataset = data;
      if (dataset.empty() || (type != "3" && type != "4")) return;
      key_ = base::StrCat("dataset_", name);
      Family* family = pool.fields.Find(key_, [&](std::string_view) {
        return MakeFamily("objset", "zpool_dataset", name, {"dataset", "zpool"});
      });
      if (const auto value = base::ParseFloat(data)) family->Set({dataset, zpool}, *value);
    });
  }

  FamilySet& out_;
  const std::string directory_;
  Family& state_;
  std::vector<KstatFile> files_;
  Devices<Pool> pools_;
  std::string key_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeZfs(const Machine& machine, const FlagValues&,
                                           FamilySet& out) {
  return std::make_unique<Zfs>(machine, out);
}

}  // namespace slurmscope::agent
