// Collectors of small tables of procfs and sysfs: buddyinfo, cgroups, cpu_vulnerabilities, ksmd,
// lnstat, slabinfo, swap, xfrm.

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/devices.h"
#include "agent/pattern.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// Free blocks of 2^size pages.
class Buddyinfo final : public Collector {
 public:
  Buddyinfo(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/buddyinfo"),
        blocks_(out.Get("node_buddyinfo_blocks", "Count of free blocks according to size.", kGauge,
                        {"node", "size", "zone"})) {}

  // "Node 0, zone   DMA32   759   572 ..."
  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    for (std::string_view line; NextLine(text, line);) {
      NextField(line);
      std::string_view node = NextField(line);
      if (node.ends_with(',')) node.remove_suffix(1);
      NextField(line);
      const std::string_view zone = NextField(line);
      unsigned size = 0;
      for (auto count = NextUint(line); count; count = NextUint(line)) {
        blocks_.Set({node, base::StrCat(size++), zone}, static_cast<double>(*count));
      }
    }
    return {};
  }

 private:
  ProcFile file_;
  Family& blocks_;
};

class Cgroups final : public Collector {
 public:
  Cgroups(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/cgroups"),
        cgroups_(out.Get("node_cgroups_cgroups", "Current cgroup number of the subsystem.", kGauge,
                         {"subsys_name"})),
        enabled_(out.Get("node_cgroups_enabled", "Current cgroup number of the subsystem.", kGauge,
                         {"subsys_name"})) {}

  // subsystem, hierarchy, number of cgroups, enabled
  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view name = NextField(line);
      if (name.starts_with('#') || name.empty()) continue;
      NextField(line);
      if (const auto n = NextUint(line)) cgroups_.Set({name}, static_cast<double>(*n));
      if (const auto on = NextUint(line)) enabled_.Set({name}, static_cast<double>(*on));
    }
    return {};
  }

 private:
  ProcFile file_;
  Family& cgroups_;
  Family& enabled_;
};

class CpuVulnerabilities final : public Collector {
 public:
  CpuVulnerabilities(const Machine& machine, FamilySet& out)
      : info_(out.Get("node_cpu_vulnerabilities_info",
                      "Details of each CPU vulnerability reported by sysfs. The value of the "
                      "series is an int encoded state of the vulnerability. The same state is "
                      "stored as a string in the label",
                      kGauge, {"codename", "mitigation", "state"})),
        files_(machine.roots.sysfs + "/devices/system/cpu/vulnerabilities") {}

  Result<void> Update() override {
    TRY(files_.Refresh([](const std::string& path, const std::string&) {
      return std::make_unique<AttrFile>(path);
    }));
    files_.ForEach([&](AttrFile& file, std::string_view name) {
      const std::string_view text = file.Read().value_or(std::string_view());
      const size_t colon = text.find(": ");
      const std::string_view state = text.substr(0, colon);
      std::string_view mitigation;
      if (colon != std::string_view::npos) mitigation = text.substr(colon + 2);
      if (state == "Not affected") info_.Set({name, "", "not affected"}, 1);
      if (state == "Vulnerable") info_.Set({name, mitigation, "vulnerable"}, 1);
      if (state == "Mitigation") info_.Set({name, mitigation, "mitigation"}, 1);
      if (state.starts_with("Unknown")) info_.Set({name, mitigation, "unknown"}, 1);
    });
    return {};
  }

 private:
  Family& info_;
  Devices<AttrFile> files_;
};

constexpr AttrSpec kKsmd[] = {
    {"full_scans", "node_ksmd_full_scans_total",
     "How many times all mergeable areas have been scanned.", kCounter},
    {"general_profit", "node_ksmd_general_profit_bytes",
     "How effective is KSM. ksm_saved_pages * sizeof(page) - (all_rmap_items) * sizeof(rmap_item)",
     kGauge},
    {"merge_across_nodes", "node_ksmd_merge_across_nodes",
     "Specifies if pages from different NUMA nodes can be merged.", kGauge},
    {"pages_shared", "node_ksmd_pages_shared", "How many shared pages are being used.", kGauge},
    {"pages_sharing", "node_ksmd_pages_sharing",
     "How many more sites are sharing them i.e. how much saved.", kGauge},
    {"pages_to_scan", "node_ksmd_pages_to_scan",
     "How many pages to scan before ksmd goes to sleep.", kGauge},
    {"pages_unshared", "node_ksmd_pages_unshared",
     "How many pages unique but repeatedly checked for merging.", kGauge},
    {"pages_volatile", "node_ksmd_pages_volatile",
     "How many pages changing too fast to be placed in a tree.", kGauge},
    {"run", "node_ksmd_run", "The status of ksmd. stopped = 0, running = 1", kGauge},
    {"sleep_millisecs", "node_ksmd_sleep_seconds",
     "How many seconds ksmd should sleep before next scan.", kGauge, 1, 1000},
};

class Ksmd final : public Collector {
 public:
  Ksmd(const Machine& machine, FamilySet& out)
      : families_(out, kKsmd, {}), files_(machine.roots.sysfs + "/kernel/mm/ksm", families_) {}

  Result<void> Update() override {
    if (files_.Set({}) == 0) return Fail(ErrorCode::kNotFound, "no kernel samepage merging");
    return {};
  }

 private:
  AttrFamilies families_;
  AttrFiles files_;
};

// Files of /proc/net/stat: names, then a line of hexadecimal counts for each CPU.
class Lnstat final : public Collector {
 public:
  Lnstat(const Machine& machine, FamilySet& out)
      : out_(out), files_(machine.roots.procfs + "/net/stat") {}

  Result<void> Update() override {
    TRY(files_.Refresh([](const std::string& path, const std::string&) {
      return std::make_unique<ProcFile>(path);
    }));
    files_.ForEach([&](ProcFile& file, std::string_view subsystem) {
      const auto text = file.Read();
      if (text) SetFile(*text, subsystem);
    });
    return {};
  }

 private:
  void SetFile(std::string_view text, std::string_view subsystem) {
    std::string_view names;
    NextLine(text, names);
    unsigned cpu = 0;
    for (std::string_view line; NextLine(text, line); ++cpu) {
      fields_.Begin();
      std::string_view rest = names;
      for (std::string_view name; !(name = NextField(rest)).empty();) {
        const auto value = base::ParseInt<uint64_t>(NextField(line), 16);
        if (!value) break;
        Family* family = fields_.Find(name, [&](std::string_view field) {
          return &out_.Get(base::StrCat("node_lnstat_", field, "_total"),
                           "linux network cache stats", kCounter, {"cpu", "subsystem"});
        });
        family->Set({base::StrCat(cpu), subsystem}, static_cast<double>(*value));
      }
    }
  }

  FamilySet& out_;
  Devices<ProcFile> files_;
  FieldFamilies fields_;
};

// Numbers of a slab, in order after its name.
constexpr std::pair<std::string_view, std::string_view> kSlab[] = {
    {"node_slabinfo_active_objects",
     "The number of objects that are currently active (i.e., in use)."},
    {"node_slabinfo_objects",
     "The total number of allocated objects (i.e., objects that are both in use and not in use)."},
    {"node_slabinfo_object_size_bytes", "The size of objects in this slab, in bytes."},
    {"node_slabinfo_objects_per_slab", "The number of objects stored in each slab."},
    {"node_slabinfo_pages_per_slab", "The number of pages allocated for each slab."}};

class Slabinfo final : public Collector {
 public:
  Slabinfo(const Machine& machine, DeviceFilter filter, FamilySet& out)
      : file_(machine.roots.procfs + "/slabinfo"), filter_(std::move(filter)) {
    for (const auto& [name, help] : kSlab)
      families_.push_back(&out.Get(name, help, kGauge, {"slab"}));
  }

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view slab = NextField(line);
      if (slab.empty() || slab == "#" || slab == "slabinfo" || filter_.Ignored(slab)) continue;
      for (Family* family : families_) {
        if (const auto value = NextUint(line)) family->Set({slab}, static_cast<double>(*value));
      }
    }
    return {};
  }

 private:
  ProcFile file_;
  RememberingFilter filter_;
  std::vector<Family*> families_;
};

class Swap final : public Collector {
 public:
  Swap(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/swaps"),
        size_(out.Get("node_swap_size_bytes", "Swap device size in bytes.", kGauge,
                      {"device", "swap_type"})),
        used_(out.Get("node_swap_used_bytes", "Swap device used size in bytes.", kGauge,
                      {"device", "swap_type"})),
        priority_(out.Get("node_swap_priority", "Swap device priority.", kGauge,
                          {"device", "swap_type"})) {}

  // A heading, then file name, type, size and use in KiB, priority.
  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    std::string_view line;
    NextLine(text, line);
    while (NextLine(text, line)) {
      const std::string_view device = NextField(line);
      const std::string_view type = NextField(line);
      const auto size = NextUint(line);
      const auto used = NextUint(line);
      const auto priority = base::ParseInt<int64_t>(NextField(line));
      if (!size || !used || !priority) continue;
      size_.Set({device, type}, static_cast<double>(*size) * 1024);
      used_.Set({device, type}, static_cast<double>(*used) * 1024);
      priority_.Set({device, type}, static_cast<double>(*priority));
    }
    return {};
  }

 private:
  ProcFile file_;
  Family& size_;
  Family& used_;
  Family& priority_;
};

struct XfrmName {
  std::string_view field;  // after "Xfrm"
  std::string_view name;
  std::string_view help;
};

// https://docs.kernel.org/networking/xfrm_proc.html
constexpr XfrmName kXfrm[] = {
    {"AcquireError", "node_xfrm_acquire_error_packets_total",
     "State hasn’t been fully acquired before use"},
    {"FwdHdrError", "node_xfrm_fwd_hdr_error_packets_total",
     "Forward routing of a packet is not allowed"},
    {"InBufferError", "node_xfrm_in_buffer_error_packets_total", "No buffer is left"},
    {"InError", "node_xfrm_in_error_packets_total", "All errors not matched by other"},
    {"InHdrError", "node_xfrm_in_hdr_error_packets_total", "Header error"},
    {"InNoPols", "node_xfrm_in_no_pols_packets_total",
     "No policy is found for states e.g. Inbound SAs are correct but no SP is found"},
    {"InNoStates", "node_xfrm_in_no_states_packets_total",
     "No state is found i.e. Either inbound SPI, address, or IPsec protocol at SA is wrong"},
    {"InPolBlock", "node_xfrm_in_pol_block_packets_total", "Policy discards"},
    {"InPolError", "node_xfrm_in_pol_error_packets_total", "Policy error"},
    {"InStateExpired", "node_xfrm_in_state_expired_packets_total", "State is expired"},
    {"InStateInvalid", "node_xfrm_in_state_invalid_packets_total", "State is invalid"},
    {"InStateMismatch", "node_xfrm_in_state_mismatch_packets_total",
     "State has mismatch option e.g. UDP encapsulation type is mismatch"},
    {"InStateModeError", "node_xfrm_in_state_mode_error_packets_total",
     "Transformation mode specific error"},
    {"InStateProtoError", "node_xfrm_in_state_proto_error_packets_total",
     "Transformation protocol specific error e.g. SA key is wrong"},
    {"InStateSeqError", "node_xfrm_in_state_seq_error_packets_total",
     "Sequence error i.e. Sequence number is out of window"},
    {"InTmplMismatch", "node_xfrm_in_tmpl_mismatch_packets_total",
     "No matching template for states e.g. Inbound SAs are correct but SP rule is wrong"},
    {"OutBundleCheckError", "node_xfrm_out_bundle_check_error_packets_total", "Bundle check error"},
    {"OutBundleGenError", "node_xfrm_out_bundle_gen_error_packets_total",
     "Bundle generation error"},
    {"OutError", "node_xfrm_out_error_packets_total", "All errors which is not matched others"},
    {"OutNoStates", "node_xfrm_out_no_states_packets_total", "No state is found"},
    {"OutPolBlock", "node_xfrm_out_pol_block_packets_total", "Policy discards"},
    {"OutPolDead", "node_xfrm_out_pol_dead_packets_total", "Policy is dead"},
    {"OutPolError", "node_xfrm_out_pol_error_packets_total", "Policy error"},
    {"OutStateExpired", "node_xfrm_out_state_expired_packets_total", "State is expired"},
    {"OutStateInvalid", "node_xfrm_out_state_invalid_packets_total",
     "State is invalid, perhaps expired"},
    {"OutStateModeError", "node_xfrm_out_state_mode_error_packets_total",
     "Transformation mode specific error"},
    {"OutStateProtoError", "node_xfrm_out_state_proto_error_packets_total",
     "Transformation protocol specific error"},
    {"OutStateSeqError", "node_xfrm_out_state_seq_error_packets_total",
     "Sequence error i.e. Sequence number overflow"},
};

class Xfrm final : public Collector {
 public:
  Xfrm(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/net/xfrm_stat"), out_(out) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    fields_.Begin();
    for (std::string_view line; NextLine(text, line);) {
      Family* family = fields_.Find(NextField(line), [&](std::string_view field) -> Family* {
        for (const XfrmName& known : kXfrm) {
          const bool same = field.starts_with("Xfrm") && field.substr(4) == known.field;
          if (same) return &out_.Get(known.name, known.help, kCounter);
        }
        return nullptr;
      });
      const auto value = NextUint(line);
      if (family != nullptr && value) family->Set(static_cast<double>(*value));
    }
    return {};
  }

 private:
  ProcFile file_;
  FamilySet& out_;
  FieldFamilies fields_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeBuddyinfo(const Machine& machine, const FlagValues&,
                                                 FamilySet& out) {
  return std::make_unique<Buddyinfo>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeCgroups(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Cgroups>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeCpuVulnerabilities(const Machine& machine, const FlagValues&,
                                                          FamilySet& out) {
  return std::make_unique<CpuVulnerabilities>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeKsmd(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Ksmd>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeLnstat(const Machine& machine, const FlagValues&,
                                              FamilySet& out) {
  return std::make_unique<Lnstat>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeSwap(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Swap>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeXfrm(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Xfrm>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeSlabinfo(const Machine& machine, const FlagValues& flags,
                                                FamilySet& out) {
  DeviceFilter filter = TRY(DeviceFilter::FromFlags(flags, "collector.slabinfo.slabs"));
  return std::make_unique<Slabinfo>(machine, std::move(filter), out);
}

}  // namespace slurmscope::agent
