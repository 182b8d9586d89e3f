#include <array>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr AttrSpec kTable[] = {
    {"nf_conntrack_count", "node_nf_conntrack_entries",
     "Number of currently allocated flow entries for connection tracking."},
    {"nf_conntrack_max", "node_nf_conntrack_entries_limit",
     "Maximum size of connection tracking table."}};

struct Counter {
  std::string_view column;  // in /proc/net/stat/nf_conntrack
  std::string_view name;
  std::string_view help;
};

constexpr std::array<Counter, 8> kCounters = {{
    {"found", "node_nf_conntrack_stat_found", "Number of searched entries which were successful."},
    {"invalid", "node_nf_conntrack_stat_invalid",
     "Number of packets seen which can not be tracked."},
    {"ignore", "node_nf_conntrack_stat_ignore",
     "Number of packets seen which are already connected to a conntrack entry."},
    {"insert", "node_nf_conntrack_stat_insert", "Number of entries inserted into the list."},
    {"insert_failed", "node_nf_conntrack_stat_insert_failed",
     "Number of entries for which list insertion was attempted but failed."},
    {"drop", "node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure."},
    {"early_drop", "node_nf_conntrack_stat_early_drop",
     "Number of dropped conntrack entries to make room for new ones, if maximum table size was "
     "reached."},
    {"search_restart", "node_nf_conntrack_stat_search_restart",
     "Number of conntrack table lookups which had to be restarted due to hashtable resizes."},
}};

class Conntrack final : public Collector {
 public:
  Conntrack(const Machine& machine, FamilySet& out)
      : families_(out, kTable, {}),
        table_(machine.roots.procfs + "/sys/net/netfilter", families_),
        stat_(machine.roots.procfs + "/net/stat/nf_conntrack") {
    for (size_t i = 0; i < kCounters.size(); ++i) {
      counters_[i] = &out.Get(kCounters[i].name, kCounters[i].help, MetricType::kGauge);
    }
  }

  Result<void> Update() override {
    if (table_.Set({}) == 0) {
      return Fail(ErrorCode::kNotFound, "connection tracking is not loaded");
    }
    auto text = stat_.Read();
    if (!text && text.error().code() == ErrorCode::kNotFound) return {};  // built without
    SetCounters(TRY(std::move(text)));
    return {};
  }

 private:
  // A line of names, then a line of hexadecimal counts for each CPU.
  void SetCounters(std::string_view text) {
    std::string_view names;
    NextLine(text, names);
    std::array<double, kCounters.size()> sums{};
    for (std::string_view line; NextLine(text, line);) {
      std::string_view rest = names;
      for (std::string_view name; !(name = NextField(rest)).empty();) {
        const auto value = base::ParseInt<uint64_t>(NextField(line), 16);
        for (size_t i = 0; value && i < kCounters.size(); ++i) {
          if (kCounters[i].column == name) sums[i] += static_cast<double>(*value);
        }
      }
    }
    for (size_t i = 0; i < sums.size(); ++i) counters_[i]->Set(sums[i]);
  }

  AttrFamilies families_;
  AttrFiles table_;
  ProcFile stat_;
  std::array<Family*, kCounters.size()> counters_{};
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeConntrack(const Machine& machine, const FlagValues&,
                                                 FamilySet& out) {
  return std::make_unique<Conntrack>(machine, out);
}

}  // namespace slurmscope::agent
