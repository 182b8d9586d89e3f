#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/human_size.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// Files of a cache set, of a backing device and of a cache device;
// https://docs.kernel.org/admin-guide/bcache.html. All sizes may be written for people.
constexpr AttrSpec kSet[] = {
    {"average_key_size", "node_bcache_average_key_size_sectors",
     "Average data per key in the btree (sectors).", kGauge},
    {"btree_cache_size", "node_bcache_btree_cache_size_bytes",
     "Amount of memory currently used by the btree cache.", kGauge},
    {"cache_available_percent", "node_bcache_cache_available_percent",
     "Percentage of cache device without dirty data, usable for writeback (may contain clean "
     "cached data).",
     kGauge},
    {"congested", "node_bcache_congested", "Congestion.", kGauge},
    {"root_usage_percent", "node_bcache_root_usage_percent",
     "Percentage of the root btree node in use (tree depth increases if too high).", kGauge},
    {"tree_depth", "node_bcache_tree_depth", "Depth of the btree.", kGauge},
    {"internal/active_journal_entries", "node_bcache_active_journal_entries",
     "Number of journal entries that are newer than the index.", kGauge},
    {"internal/btree_nodes", "node_bcache_btree_nodes", "Total nodes in the btree.", kGauge},
    {"internal/btree_read_average_duration_us", "node_bcache_btree_read_average_duration_seconds",
     "Average btree read duration.", kGauge, 1, 1e9},
    {"internal/cache_read_races", "node_bcache_cache_read_races_total",
     "Counts instances where while data was being read from the cache, the bucket was reused and "
     "invalidated - i.e. where the pointer was stale after the read completed.",
     kCounter},
};

constexpr AttrSpec kBacking[] = {
    {"dirty_data", "node_bcache_dirty_data_bytes",
     "Amount of dirty data for this backing device in the cache.", kGauge},
    {"stats_total/bypassed", "node_bcache_bypassed_bytes_total",
     "Amount of IO (both reads and writes) that has bypassed the cache.", kCounter},
    {"stats_total/cache_bypass_hits", "node_bcache_cache_bypass_hits_total",
     "Hits for IO intended to skip the cache.", kCounter},
    {"stats_total/cache_bypass_misses", "node_bcache_cache_bypass_misses_total",
     "Misses for IO intended to skip the cache.", kCounter},
    {"stats_total/cache_hits", "node_bcache_cache_hits_total",
     "Hits counted per individual IO as bcache sees them.", kCounter},
    {"stats_total/cache_miss_collisions", "node_bcache_cache_miss_collisions_total",
     "Instances where data insertion from cache miss raced with write (data already present).",
     kCounter},
    {"stats_total/cache_misses", "node_bcache_cache_misses_total",
     "Misses counted per individual IO as bcache sees them.", kCounter},
    {"stats_total/cache_readaheads", "node_bcache_cache_readaheads_total",
     "Count of times readahead occurred.", kCounter},
};

constexpr AttrSpec kCache[] = {
    {"io_errors", "node_bcache_io_errors",
     "Number of errors that have occurred, decayed by io_error_halflife.", kGauge},
    {"metadata_written", "node_bcache_metadata_written_bytes_total",
     "Sum of all non data writes (btree writes and all other metadata).", kCounter},
    {"written", "node_bcache_written_bytes_total",
     "Sum of all data that has been written to the cache.", kCounter},
};

// Lines "rate:  1.1M/sec" of writeback_rate_debug.
constexpr AttrSpec kWriteback[] = {
    {"rate", "node_bcache_writeback_rate",
     "Current writeback rate for this backing device in bytes.", kGauge},
    {"target", "node_bcache_dirty_target_bytes",
     "Current dirty data target threshold for this backing device in bytes.", kGauge},
    {"proportional", "node_bcache_writeback_rate_proportional_term",
     "Current result of proportional controller, part of writeback rate", kGauge},
    {"integral", "node_bcache_writeback_rate_integral_term",
     "Current result of integral controller, part of writeback rate", kGauge},
    {"change", "node_bcache_writeback_change",
     "Last writeback rate change step for this backing device.", kGauge},
};

// Lines "Unused:  99%" of priority_stats, which walks all buckets.
constexpr AttrSpec kPriority[] = {
    {"Unused", "node_bcache_priority_stats_unused_percent",
     "The percentage of the cache that doesn't contain any data.", kGauge},
    {"Metadata", "node_bcache_priority_stats_metadata_percent", "Bcache's metadata overhead.",
     kGauge},
};

// Families of a table and the labels that come before "uuid".
class Table {
 public:
  Table(FamilySet& out, std::span<const AttrSpec> specs, std::string_view label) : specs_(specs) {
    std::vector<std::string_view> labels;
    if (!label.empty()) labels.emplace_back(label);
    labels.emplace_back("uuid");
    for (const AttrSpec& spec : specs) {
      families_.push_back(&out.Get(spec.name, spec.help, spec.type, labels));
    }
  }

  std::vector<AttrFile> Files(const std::string& directory) const {
    std::vector<AttrFile> files;
    for (const AttrSpec& spec : specs_) files.emplace_back(base::StrCat(directory, "/", spec.file));
    return files;
  }

  void SetFiles(std::vector<AttrFile>& files,
                std::initializer_list<std::string_view> labels) const {
    for (size_t i = 0; i < files.size(); ++i) {
      const auto text = files[i].Read();
      if (!text) continue;
      const auto value = ParseBcacheSize(*text);
      if (value) families_[i]->Set(labels, *value / specs_[i].divisor);
    }
  }

  // Lines "name: value", with "/sec" or "%" after the value.
  void SetLines(AttrFile& file, std::initializer_list<std::string_view> labels) const {
    std::string_view text = file.Read().value_or(std::string_view());
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view name = NextField(line);
      std::string_view number = NextField(line);
      number = number.substr(0, number.find_first_of("/%"));
      for (size_t i = 0; i < families_.size(); ++i) {
        if (!name.starts_with(specs_[i].file) || name.size() != specs_[i].file.size() + 1) continue;
        if (const auto value = ParseBcacheSize(number)) families_[i]->Set(labels, *value);
      }
    }
  }

 private:
  std::span<const AttrSpec> specs_;
  std::vector<Family*> families_;
};

struct Member {
  bool backing;
  std::vector<AttrFile> files;
  AttrFile lines;  // writeback_rate_debug or priority_stats
};

struct CacheSet {
  std::vector<AttrFile> files;
  Devices<Member> members;
};

class Bcache final : public Collector {
 public:
  Bcache(const Machine& machine, bool priority_stats, FamilySet& out)
      : priority_stats_(priority_stats),
        set_(out, kSet, ""),
        backing_(out, kBacking, "backing_device"),
        cache_(out, kCache, "cache_device"),
        writeback_(out, kWriteback, "backing_device"),
        priority_(out, kPriority, "cache_device"),
        sets_(machine.roots.sysfs + "/fs/bcache") {}

  Result<void> Update() override {
    TRY(sets_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<CacheSet> {
          if (name.find('-') == std::string::npos) return nullptr;  // "register" and the like
          return std::make_unique<CacheSet>(CacheSet{set_.Files(path), Devices<Member>(path)});
        }));
    sets_.ForEach([&](CacheSet& set, std::string_view uuid) {
      set_.SetFiles(set.files, {uuid});
      (void)set.members.Refresh(
          [&](const std::string& path, const std::string& name) { return MakeMember(path, name); });
      set.members.ForEach(
          [&](Member& member, std::string_view name) { SetMember(member, name, uuid); });
    });
    return {};
  }

 private:
  std::unique_ptr<Member> MakeMember(const std::string& path, const std::string& name) const {
    if (name.starts_with("bdev")) {
      return std::make_unique<Member>(
          Member{true, backing_.Files(path), AttrFile(path + "/writeback_rate_debug")});
    }
    const bool cache = name.size() > 5 && name.starts_with("cache") && ParseUint(name.substr(5));
    if (!cache) return nullptr;
    return std::make_unique<Member>(
        Member{false, cache_.Files(path), AttrFile(path + "/priority_stats")});
  }

  void SetMember(Member& member, std::string_view name, std::string_view uuid) const {
    if (member.backing) {
      backing_.SetFiles(member.files, {name, uuid});
      writeback_.SetLines(member.lines, {name, uuid});
    } else {
      cache_.SetFiles(member.files, {name, uuid});
      if (priority_stats_) priority_.SetLines(member.lines, {name, uuid});
    }
  }

  const bool priority_stats_;
  Table set_;
  Table backing_;
  Table cache_;
  Table writeback_;
  Table priority_;
  Devices<CacheSet> sets_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeBcache(const Machine& machine, const FlagValues& flags,
                                              FamilySet& out) {
  return std::make_unique<Bcache>(machine, flags.Bool("collector.bcache.priorityStats"), out);
}

}  // namespace slurmscope::agent
