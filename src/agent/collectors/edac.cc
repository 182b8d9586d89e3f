#include <vector>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"

namespace slurmscope::agent {
namespace {

constexpr AttrSpec kController[] = {{"ce_count", "node_edac_correctable_errors_total",
                                     "Total correctable memory errors.", MetricType::kCounter},
                                    {"ue_count", "node_edac_uncorrectable_errors_total",
                                     "Total uncorrectable memory errors.", MetricType::kCounter}};

constexpr std::string_view kCsrowCe = "node_edac_csrow_correctable_errors_total";
constexpr std::string_view kCsrowCeHelp = "Total correctable memory errors for this csrow.";
constexpr std::string_view kCsrowUe = "node_edac_csrow_uncorrectable_errors_total";
constexpr std::string_view kCsrowUeHelp = "Total uncorrectable memory errors for this csrow.";

constexpr AttrSpec kCsrow[] = {{"ce_count", kCsrowCe, kCsrowCeHelp, MetricType::kCounter},
                               {"ue_count", kCsrowUe, kCsrowUeHelp, MetricType::kCounter}};
// Errors of no known row.
constexpr AttrSpec kNoInfo[] = {{"ce_noinfo_count", kCsrowCe, kCsrowCeHelp, MetricType::kCounter},
                                {"ue_noinfo_count", kCsrowUe, kCsrowUeHelp, MetricType::kCounter}};

constexpr AttrSpec kChannel[] = {
    {"_ce_count", "node_edac_channel_correctable_errors_total",
     "Total correctable memory errors for this channel.", MetricType::kCounter},
    {"_ue_count", "node_edac_channel_uncorrectable_errors_total",
     "Total uncorrectable memory errors for this channel.", MetricType::kCounter}};

struct Families {
  explicit Families(FamilySet& out)
      : controller(out, kController, {"controller"}),
        csrow(out, kCsrow, {"controller", "csrow"}),
        no_info(out, kNoInfo, {"controller", "csrow"}) {
    for (const AttrSpec& spec : kChannel) {
      channel.push_back(&out.Get(spec.name, spec.help, spec.type,
                                 {"channel", "controller", "csrow", "dimm_label"}));
    }
  }
  AttrFamilies controller;
  AttrFamilies csrow;
  AttrFamilies no_info;
  std::vector<Family*> channel;
};

struct Channel {
  std::string number;
  std::string label;
  std::vector<AttrFile> counts;  // as in kChannel
};

// The kernel's name of an unnamed module, "mc#0csrow#1channel#0", as node_exporter spells it:
// "mc0_csrow1_channel0".
std::string DimmLabel(std::string label) {
  const size_t csrow = label.find("csrow");
  if (!label.starts_with("mc") || csrow == std::string::npos ||
      label.find('_') != std::string::npos) {
    return label;
  }
  label.insert(csrow, 1, '_');
  const size_t channel = label.find("channel", csrow);
  if (channel != std::string::npos) label.insert(channel, 1, '_');
  std::erase(label, '#');
  return label;
}

class Csrow {
 public:
  Csrow(const std::string& path, Families& families)
      : families_(families), counts_(path, families.csrow) {
    const auto files = base::ListDirectory(path);
    if (!files) return;
    for (const std::string& file : *files) {
      // chN_ce_count says that there is a channel N.
      const size_t end = file.find("_ce_count");
      if (!file.starts_with("ch") || end == std::string::npos) continue;
      const std::string prefix = base::StrCat(path, "/", file.substr(0, end));
      Channel channel{file.substr(2, end - 2), AttrFile(prefix + "_dimm_label").Text(), {}};
      channel.label = DimmLabel(std::move(channel.label));
      for (const AttrSpec& spec : kChannel) {
        channel.counts.emplace_back(base::StrCat(prefix, spec.file));
      }
      channels_.push_back(std::move(channel));
    }
  }

  void Set(std::string_view controller, std::string_view row) {
    counts_.Set({controller, row});
    for (Channel& channel : channels_) {
      for (size_t i = 0; i < channel.counts.size(); ++i) {
        const auto count = channel.counts[i].Number();
        if (count)
          families_.channel[i]->Set({channel.number, controller, row, channel.label}, *count);
      }
    }
  }

 private:
  Families& families_;
  AttrFiles counts_;
  std::vector<Channel> channels_;
};

struct Controller {
  Controller(const std::string& path, Families& families)
      : counts(path, families.controller), no_info(path, families.no_info), rows(path) {}
  AttrFiles counts;
  AttrFiles no_info;
  Devices<Csrow> rows;
};

class Edac final : public Collector {
 public:
  Edac(const Machine& machine, FamilySet& out)
      : families_(out), controllers_(machine.roots.sysfs + "/devices/system/edac/mc") {}

  Result<void> Update() override {
    TRY(controllers_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<Controller> {
          const bool numbered = name.size() > 2 && name[2] >= '0' && name[2] <= '9';
          if (!name.starts_with("mc") || !numbered) return nullptr;
          return std::make_unique<Controller>(path, families_);
        }));
    controllers_.ForEach([&](Controller& controller, std::string_view name) {
      name.remove_prefix(2);
      controller.counts.Set({name});
      controller.no_info.Set({name, "unknown"});
      (void)controller.rows.Refresh(
          [&](const std::string& path, const std::string& row) -> std::unique_ptr<Csrow> {
            if (!row.starts_with("csrow")) return nullptr;
            return std::make_unique<Csrow>(path, families_);
          });
      controller.rows.ForEach(
          [&](Csrow& row, std::string_view row_name) { row.Set(name, row_name.substr(5)); });
    });
    return {};
  }

 private:
  Families families_;
  Devices<Controller> controllers_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeEdac(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Edac>(machine, out);
}

}  // namespace slurmscope::agent
