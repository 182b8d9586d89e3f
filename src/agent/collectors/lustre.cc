// Lustre clients, under the names of the lustre_exporter
// (https://github.com/HewlettPackard/lustre_exporter).

#include <unistd.h>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr std::string_view kClient = "client";

// Files of a mount, https://doc.lustre.org/lustre_manual.xhtml#lustretuning
constexpr AttrSpec kMount[] = {
    {"blocksize", "lustre_blocksize_bytes", "Filesystem block size in bytes"},
    {"checksum_pages", "lustre_checksum_pages_enabled",
     "Returns '1' if data checksumming is enabled for the client"},
    {"default_easize", "lustre_default_ea_size_bytes",
     "Default Extended Attribute (EA) size in bytes"},
    {"filesfree", "lustre_inodes_free", "The number of inodes (objects) available"},
    {"filestotal", "lustre_inodes_maximum",
     "The maximum number of inodes (objects) the filesystem can hold"},
    {"kbytesavail", "lustre_available_kilobytes",
     "Number of kilobytes readily available in the pool"},
    {"kbytesfree", "lustre_free_kilobytes", "Number of kilobytes allocated to the pool"},
    {"kbytestotal", "lustre_capacity_kilobytes", "Capacity of the pool in kilobytes"},
    {"lazystatfs", "lustre_lazystatfs_enabled",
     "Returns '1' if lazystatfs (a non-blocking alternative to statfs) is enabled for the client"},
    {"max_easize", "lustre_maximum_ea_size_bytes", "Maximum Extended Attribute (EA) size in bytes"},
    {"max_read_ahead_mb", "lustre_maximum_read_ahead_megabytes",
     "Maximum number of megabytes to read ahead"},
    {"max_read_ahead_per_file_mb", "lustre_maximum_read_ahead_per_file_megabytes",
     "Maximum number of megabytes per file to read ahead"},
    {"max_read_ahead_whole_mb", "lustre_maximum_read_ahead_whole_megabytes",
     "Maximum file size in megabytes for a file to be read in its entirety"},
    {"statahead_agl", "lustre_statahead_agl_enabled",
     "Returns '1' if the Asynchronous Glimpse Lock (AGL) for statahead is enabled"},
    {"statahead_max", "lustre_statahead_maximum", "Maximum window size for statahead"},
    {"xattr_cache", "lustre_xattr_cache_enabled",
     "Returns '1' if extended attribute cache is enabled"},
};

struct Mount {
  Mount(const std::string& path, AttrFamilies& families)
      : numbers(path, families), stats(path + "/stats") {}
  AttrFiles numbers;
  ProcFile stats;
};

struct Import {
  explicit Import(const std::string& path) : rpc_stats(path + "/rpc_stats") {}
  ProcFile rpc_stats;
};

// The families of bytes read or written: a line "read_bytes N samples [bytes] MIN MAX SUM".
struct Traffic {
  Traffic(FamilySet& out, std::string_view verb, std::string_view noun)
      : samples(Make(out, base::StrCat(verb, "_samples_total"),
                     base::StrCat("Total number of ", noun, " that have been recorded."),
                     kCounter)),
        minimum(Make(out, base::StrCat(verb, "_minimum_size_bytes"),
                     base::StrCat("The minimum ", verb, " size in bytes."), kGauge)),
        maximum(Make(out, base::StrCat(verb, "_maximum_size_bytes"),
                     base::StrCat("The maximum ", verb, " size in bytes."), kGauge)),
        bytes(Make(out, base::StrCat(verb, "_bytes_total"),
                   base::StrCat("The total number of bytes that have been ",
                                verb == "read" ? "read" : "written", "."),
                   kCounter)) {}

  static Family& Make(FamilySet& out, std::string_view name, std::string_view help,
                      MetricType type) {
    return out.Get(base::StrCat("lustre_", name), help, type, {"component", "target"});
  }

  Family& samples;
  Family& minimum;
  Family& maximum;
  Family& bytes;
};

class Lustre final : public Collector {
 public:
  Lustre(const Machine& machine, FamilySet& out)
      : numbers_(out, kMount, {"component", "target"}),
        read_(out, "read", "reads"),
        write_(out, "write", "writes"),
        operations_(out.Get("lustre_stats_total",
                            "Number of operations the filesystem has performed.", kCounter,
                            {"component", "operation", "target"})),
        pages_(out.Get("lustre_pages_per_rpc_total", "Total number of pages per RPC.", kCounter,
                       {"component", "operation", "size", "target"})),
        in_flight_(out.Get("lustre_rpcs_in_flight",
                           "Current number of RPCs that are processing during the snapshot.",
                           kGauge, {"component", "operation", "size", "target", "type"})),
        offsets_(out.Get("lustre_rpcs_offset", "Current RPC offset by size.", kGauge,
                         {"component", "operation", "size", "target"})) {
    // Where files are changed from release to release; debugfs can be read by root only.
    for (const std::string& root :
         {machine.roots.procfs + "/fs/lustre", machine.roots.sysfs + "/kernel/debug/lustre",
          machine.roots.sysfs + "/fs/lustre"})
      trees_.push_back(std::make_unique<Tree>(root));
  }

  Result<void> Update() override {
    bool found = false;
    for (const auto& tree : trees_) found |= ReadTree(*tree);
    if (!found) return Fail(ErrorCode::kNotFound, "no Lustre client on this machine");
    return {};
  }

 private:
  struct Tree {
    explicit Tree(const std::string& root)
        : mounts(root + "/llite"), mdc(root + "/mdc"), osc(root + "/osc") {}
    Devices<Mount> mounts;
    Devices<Import> mdc;
    Devices<Import> osc;
  };

  bool ReadTree(Tree& tree) {
    const auto mounts = tree.mounts.Refresh([&](const std::string& path, const std::string&) {
      return std::make_unique<Mount>(path, numbers_);
    });
    if (!mounts) return false;
    bool any = false;
    tree.mounts.ForEach([&](Mount& mount, std::string_view name) {
      any = true;
      mount.numbers.Set({kClient, name});
      if (const auto text = mount.stats.Read()) SetStats(*text, name);
    });
    ReadImports(tree.mdc, "mdc");
    ReadImports(tree.osc, "osc");
    return any;
  }

  void ReadImports(Devices<Import>& imports, std::string_view type) {
    (void)imports.Refresh(
        [](const std::string& path, const std::string&) { return std::make_unique<Import>(path); });
    imports.ForEach([&](Import& import, std::string_view name) {
      if (const auto text = import.rpc_stats.Read()) SetRpcs(*text, name, type);
    });
  }

  // "open 136 samples [regs]" or, since 2.13, "open 136 samples [usecs] MIN MAX SUM SQUARES".
  void SetStats(std::string_view text, std::string_view target) {
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view operation = NextField(line);
      const auto count = NextUint(line);
      if (!count || NextField(line) != "samples") continue;
      const std::string_view unit = NextField(line);
      Traffic* traffic = operation == "read_bytes"    ? &read_
                         : operation == "write_bytes" ? &write_
                                                      : nullptr;
      if (traffic == nullptr || unit != "[bytes]") {
        operations_.Set({kClient, operation, target}, static_cast<double>(*count));
        continue;
      }
      traffic->samples.Set({kClient, target}, static_cast<double>(*count));
      for (Family* family : {&traffic->minimum, &traffic->maximum, &traffic->bytes}) {
        if (const auto value = NextUint(line))
          family->Set({kClient, target}, static_cast<double>(*value));
      }
    }
  }

  // Tables, each under a line that names it:
  //   rpcs in flight        rpcs   % cum % |       rpcs   % cum %
  //   1:                      12  60  60   |          8  80  80
  // the left half for reads, the right for writes; of mdc there is one half, for changes.
  void SetRpcs(std::string_view text, std::string_view target, std::string_view type) {
    Family* table = nullptr;
    for (std::string_view line; NextLine(text, line);) {
      if (line.starts_with("pages per rpc")) table = type == "osc" ? &pages_ : nullptr;
      if (line.starts_with("rpcs in flight")) table = &in_flight_;
      if (line.starts_with("offset")) table = type == "osc" ? &offsets_ : nullptr;
      std::string_view left = line.substr(0, line.find('|'));
      std::string_view right = line.substr(left.size());
      std::string_view size = NextField(left);
      if (table == nullptr || size.size() < 2 || !size.ends_with(':')) continue;
      size.remove_suffix(1);
      const auto first = NextUint(left);
      if (!first) continue;
      SetRpc(*table, right.empty() ? "modify" : "read", size, target, type, *first);
      if (right.empty()) continue;
      right.remove_prefix(1);
      if (const auto second = NextUint(right)) SetRpc(*table, "write", size, target, type, *second);
    }
  }

  void SetRpc(Family& table, std::string_view operation, std::string_view size,
              std::string_view target, std::string_view type, uint64_t count) {
    const auto value = static_cast<double>(count);
    if (&table == &in_flight_) {
      table.Set({kClient, operation, size, target, type}, value);
    } else {
      table.Set({kClient, operation, size, target}, value);
    }
  }

  AttrFamilies numbers_;
  Traffic read_;
  Traffic write_;
  Family& operations_;
  Family& pages_;
  Family& in_flight_;
  Family& offsets_;
  std::vector<std::unique_ptr<Tree>> trees_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeLustre(const Machine& machine, const FlagValues&,
                                              FamilySet& out) {
  return std::make_unique<Lustre>(machine, out);
}

}  // namespace slurmscope::agent
