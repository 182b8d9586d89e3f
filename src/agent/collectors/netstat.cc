#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/pattern.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

// "Icmp6InMsgs" -> {"Icmp6", "InMsgs"}: snmp6 writes protocol and field in one word.
std::pair<std::string_view, std::string_view> SplitSnmp6(std::string_view word) {
  const size_t six = word.find('6');
  if (six == std::string_view::npos) return {};
  return {word.substr(0, six + 1), word.substr(six + 1)};
}

class Netstat final : public Collector {
 public:
  Netstat(const Machine& machine, Pattern wanted, FamilySet& out)
      : netstat_(machine.roots.procfs + "/net/netstat"),
        snmp_(machine.roots.procfs + "/net/snmp"),
        snmp6_(machine.roots.procfs + "/net/snmp6"),
        wanted_(std::move(wanted)),
        out_(out) {}

  Result<void> Update() override {
    TRY(SetTwoLines(netstat_, netstat_columns_));
    TRY(SetTwoLines(snmp_, snmp_columns_));
    return SetSnmp6();
  }

 private:
  // What the columns of a pair of lines are: nullptr for those left out. Names are the same until
  // the next boot.
  struct Columns {
    std::string names;
    std::vector<Family*> families;
  };

  // Pairs of lines: "Tcp: names" then "Tcp: values".
  Result<void> SetTwoLines(ProcFile& file, std::vector<Columns>& known) {
    std::string_view text = TRY(file.Read());
    size_t pair = 0;
    for (std::string_view names, values; NextLine(text, names) && NextLine(text, values); ++pair) {
      if (pair == known.size()) known.emplace_back();
      if (known[pair].names != names) known[pair] = FindColumns(names);
      const std::string_view protocol = NextField(names);
      if (NextField(values) != protocol || !protocol.ends_with(':')) {
        return Fail(ErrorCode::kCorruption, file.path() + ": names and values do not pair up");
      }
      for (Family* family : known[pair].families) {
        const std::string_view field = NextField(values);
        if (family != nullptr) SetNumber(*family, field);
      }
    }
    return {};
  }

  Columns FindColumns(std::string_view names) {
    Columns columns{std::string(names), {}};
    std::string_view protocol = NextField(names);
    if (protocol.ends_with(':')) protocol.remove_suffix(1);
    for (std::string_view name; !(name = NextField(names)).empty();)
      columns.families.push_back(FamilyOf(protocol, name));
    return columns;
  }

  Result<void> SetSnmp6() {
    auto read = snmp6_.Read();
    if (!read && read.error().code() == ErrorCode::kNotFound) return {};  // no IPv6 on this machine
    std::string_view text = TRY(std::move(read));
    snmp6_fields_.Begin();
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view word = NextField(line);
      const auto parts = SplitSnmp6(word);
      if (parts.first.empty()) continue;
      Family* family = snmp6_fields_.Find(
          word, [&](std::string_view) { return FamilyOf(parts.first, parts.second); });
      if (family != nullptr) SetNumber(*family, NextField(line));
    }
    return {};
  }

  // nullptr where it is not wanted.
  Family* FamilyOf(std::string_view protocol, std::string_view name) {
    key_.assign(protocol);
    key_ += '_';
    key_ += name;
    if (!wanted_.FoundIn(key_)) return nullptr;
    return &out_.Get(base::StrCat("node_netstat_", key_),
                     base::StrCat("Statistic ", protocol, name, "."), MetricType::kUnknown);
  }

  static void SetNumber(Family& family, std::string_view text) {
    if (const auto value = base::ParseFloat(text)) family.Set(*value);
  }

  ProcFile netstat_;
  ProcFile snmp_;
  ProcFile snmp6_;
  Pattern wanted_;
  FamilySet& out_;
  FieldFamilies snmp6_fields_;
  std::vector<Columns> netstat_columns_;
  std::vector<Columns> snmp_columns_;
  std::string key_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeNetstat(const Machine& machine, const FlagValues& flags,
                                               FamilySet& out) {
  constexpr std::string_view kFlag = "collector.netstat.fields";
  return std::make_unique<Netstat>(machine, TRY(Pattern::Compile(kFlag, flags.String(kFlag))), out);
}

}  // namespace slurmscope::agent
