// Collectors of memory by NUMA node: meminfo_numa and zoneinfo.

#include <cctype>

#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

struct Node {
  explicit Node(const std::string& path)
      : meminfo(path + "/meminfo"), numastat(path + "/numastat") {}
  ProcFile meminfo;
  ProcFile numastat;
};

class MeminfoNuma final : public Collector {
 public:
  MeminfoNuma(const Machine& machine, FamilySet& out)
      : out_(out), nodes_(machine.roots.sysfs + "/devices/system/node") {}

  Result<void> Update() override {
    TRY(nodes_.Refresh(
        [](const std::string& path, const std::string& name) -> std::unique_ptr<Node> {
          const bool node = name.starts_with("node") && ParseUint(std::string_view(name).substr(4));
          return node ? std::make_unique<Node>(path) : nullptr;
        }));
    nodes_.ForEach([&](Node& node, std::string_view name) {
      name.remove_prefix(4);
      fields_.Begin();
      if (const auto text = node.meminfo.Read()) SetMeminfo(*text, name);
      if (const auto text = node.numastat.Read()) SetNumastat(*text, name);
    });
    return {};
  }

 private:
  Family& Find(std::string_view field, MetricType type) {
    return *fields_.Find(field, [&](std::string_view name) {
      return &out_.Get(base::StrCat("node_memory_numa_", name),
                       base::StrCat("Memory information field ", name, "."), type, {"node"});
    });
  }

  // "Node 0 Active(anon):   691324 kB"
  void SetMeminfo(std::string_view text, std::string_view node) {
    for (std::string_view line; NextLine(text, line);) {
      NextField(line);
      NextField(line);
      std::string_view field = NextField(line);
      const auto value = NextUint(line);
      if (!value || !field.ends_with(':')) continue;
      field.remove_suffix(1);
      key_.assign(field);
      if (key_.ends_with(')')) key_.pop_back();
      for (char& c : key_) {
        if (c == '(') c = '_';
      }
      const double unit = NextField(line) == "kB" ? 1024 : 1;
      Find(key_, MetricType::kGauge).Set({node}, static_cast<double>(*value) * unit);
    }
  }

  // "numa_hit 193460335812"
  void SetNumastat(std::string_view text, std::string_view node) {
    for (std::string_view line; NextLine(text, line);) {
      key_.assign(NextField(line));
      key_ += "_total";
      const auto value = NextUint(line);
      if (value) Find(key_, MetricType::kCounter).Set({node}, static_cast<double>(*value));
    }
  }

  FamilySet& out_;
  Devices<Node> nodes_;
  FieldFamilies fields_;
  std::string key_;
};

struct ZoneNumber {
  std::string_view field;
  std::string_view name;
  std::string_view help;
  MetricType type;
};

constexpr ZoneNumber kZone[] = {
    {"high", "node_zoneinfo_high_pages", "Zone watermark pages_high", MetricType::kGauge},
    {"low", "node_zoneinfo_low_pages", "Zone watermark pages_low", MetricType::kGauge},
    {"managed", "node_zoneinfo_managed_pages", "Present pages managed by the buddy system",
     MetricType::kGauge},
    {"min", "node_zoneinfo_min_pages", "Zone watermark pages_min", MetricType::kGauge},
    {"nr_active_anon", "node_zoneinfo_nr_active_anon_pages",
     "Number of anonymous pages recently more used", MetricType::kGauge},
    {"nr_active_file", "node_zoneinfo_nr_active_file_pages",
     "Number of active pages with file-backing", MetricType::kGauge},
    {"nr_anon_pages", "node_zoneinfo_nr_anon_pages",
     "Number of anonymous pages currently used by the system", MetricType::kGauge},
    {"nr_anon_transparent_hugepages", "node_zoneinfo_nr_anon_transparent_hugepages",
     "Number of anonymous transparent huge pages currently used by the system", MetricType::kGauge},
    {"nr_dirtied", "node_zoneinfo_nr_dirtied_total", "Page dirtyings since bootup",
     MetricType::kCounter},
    {"nr_dirty", "node_zoneinfo_nr_dirty_pages", "Number of dirty pages", MetricType::kGauge},
    {"nr_file_pages", "node_zoneinfo_nr_file_pages", "Number of file pages", MetricType::kGauge},
    {"nr_free_pages", "node_zoneinfo_nr_free_pages", "Total number of free pages in the zone",
     MetricType::kGauge},
    {"nr_inactive_anon", "node_zoneinfo_nr_inactive_anon_pages",
     "Number of anonymous pages recently less used", MetricType::kGauge},
    {"nr_inactive_file", "node_zoneinfo_nr_inactive_file_pages",
     "Number of inactive pages with file-backing", MetricType::kGauge},
    {"nr_isolated_anon", "node_zoneinfo_nr_isolated_anon_pages",
     "Temporary isolated pages from anon lru", MetricType::kGauge},
    {"nr_isolated_file", "node_zoneinfo_nr_isolated_file_pages",
     "Temporary isolated pages from file lru", MetricType::kGauge},
    {"nr_kernel_stack", "node_zoneinfo_nr_kernel_stacks", "Number of kernel stacks",
     MetricType::kGauge},
    {"nr_mapped", "node_zoneinfo_nr_mapped_pages", "Number of mapped pages", MetricType::kGauge},
    {"nr_shmem", "node_zoneinfo_nr_shmem_pages", "Number of shmem pages (included tmpfs/GEM pages)",
     MetricType::kGauge},
    {"nr_slab_reclaimable", "node_zoneinfo_nr_slab_reclaimable_pages",
     "Number of reclaimable slab pages", MetricType::kGauge},
    {"nr_slab_unreclaimable", "node_zoneinfo_nr_slab_unreclaimable_pages",
     "Number of unreclaimable slab pages", MetricType::kGauge},
    {"nr_unevictable", "node_zoneinfo_nr_unevictable_pages", "Number of unevictable pages",
     MetricType::kGauge},
    {"nr_writeback", "node_zoneinfo_nr_writeback_pages", "Number of writeback pages",
     MetricType::kGauge},
    {"nr_written", "node_zoneinfo_nr_written_total", "Page writings since bootup",
     MetricType::kCounter},
    {"numa_foreign", "node_zoneinfo_numa_foreign_total", "Was intended here, hit elsewhere",
     MetricType::kCounter},
    {"numa_hit", "node_zoneinfo_numa_hit_total", "Allocated in intended node",
     MetricType::kCounter},
    {"numa_interleave", "node_zoneinfo_numa_interleave_total", "Interleaver preferred this zone",
     MetricType::kCounter},
    {"numa_local", "node_zoneinfo_numa_local_total", "Allocation from local node",
     MetricType::kCounter},
    {"numa_miss", "node_zoneinfo_numa_miss_total", "Allocated in non intended node",
     MetricType::kCounter},
    {"numa_other", "node_zoneinfo_numa_other_total", "Allocation from other node",
     MetricType::kCounter},
    {"present", "node_zoneinfo_present_pages", "Physical pages existing within the zone",
     MetricType::kGauge},
    {"spanned", "node_zoneinfo_spanned_pages", "Total pages spanned by the zone, including holes",
     MetricType::kGauge},
};

class Zoneinfo final : public Collector {
 public:
  Zoneinfo(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/zoneinfo"), out_(out) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    fields_.Begin();
    std::string_view node;
    std::string_view zone;
    for (std::string_view line; NextLine(text, line);) {
      if (line.starts_with("Node ")) {
        NextField(line);
        node = NextField(line);
        if (node.ends_with(',')) node.remove_suffix(1);
        NextField(line);
        zone = NextField(line);
        continue;
      }
      const std::string_view field = NextField(line);
      if (field == "protection:") {
        SetProtection(line, node, zone);
      } else {
        SetNumber(field, line, node, zone);
      }
    }
    return {};
  }

 private:
  void SetNumber(std::string_view field, std::string_view line, std::string_view node,
                 std::string_view zone) {
    Family* family = fields_.Find(field, [&](std::string_view name) -> Family* {
      for (const ZoneNumber& known : kZone) {
        if (known.field == name) {
          return &out_.Get(known.name, known.help, known.type, {"node", "zone"});
        }
      }
      return nullptr;
    });
    if (family == nullptr) return;
    if (const auto value = NextUint(line)) family->Set({node, zone}, static_cast<double>(*value));
  }

  // "protection: (0, 2039, 31932)"
  void SetProtection(std::string_view list, std::string_view node, std::string_view zone) {
    unsigned i = 0;
    constexpr unsigned kMostZones = 64;
    for (std::string_view word; i < kMostZones && !(word = NextField(list)).empty(); ++i) {
      while (!word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) == 0) {
        word.remove_prefix(1);
      }
      const auto value = ParseUint(word.substr(0, word.find_first_of(",)")));
      if (!value) return;
      if (i == protection_.size()) {
        protection_.push_back(&out_.Get(base::StrCat("node_zoneinfo_protection_", i),
                                        base::StrCat("Protection array ", i, ". field"),
                                        MetricType::kGauge, {"node", "zone"}));
      }
      protection_[i]->Set({node, zone}, static_cast<double>(*value));
    }
  }

  ProcFile file_;
  FamilySet& out_;
  FieldFamilies fields_;
  std::vector<Family*> protection_;  // by the place in the list
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeMeminfoNuma(const Machine& machine, const FlagValues&,
                                                   FamilySet& out) {
  return std::make_unique<MeminfoNuma>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeZoneinfo(const Machine& machine, const FlagValues&,
                                                FamilySet& out) {
  return std::make_unique<Zoneinfo>(machine, out);
}

}  // namespace slurmscope::agent
