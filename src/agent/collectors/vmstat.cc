#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/pattern.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

class Vmstat final : public Collector {
 public:
  Vmstat(const Machine& machine, Pattern wanted, FamilySet& out)
      : file_(machine.roots.procfs + "/vmstat"), wanted_(std::move(wanted)), out_(out) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    fields_.Begin();
    if (!IsTable(text))
      return Fail(ErrorCode::kCorruption, file_.path() + ": nothing in it makes sense");
    for (std::string_view line; NextLine(text, line);) {
      Family* family = Find(NextField(line));
      if (family == nullptr) continue;
      const auto value = NextUint(line);
      if (!value) return Fail(ErrorCode::kCorruption, file_.path() + ": no number after a field");
      family->Set(static_cast<double>(*value));
    }
    return {};
  }

 private:
  // By its first line; the flag may leave none of them to read.
  static bool IsTable(std::string_view text) {
    std::string_view line;
    return NextLine(text, line) && !NextField(line).empty() && NextUint(line);
  }

  Family* Find(std::string_view field) {
    return fields_.Find(field, [&](std::string_view name) -> Family* {
      if (name.empty() || !wanted_.FoundIn(name)) return nullptr;
      return &out_.Get(base::StrCat("node_vmstat_", name),
                       base::StrCat("/proc/vmstat information field ", name, "."),
                       MetricType::kUnknown);
    });
  }

  ProcFile file_;
  Pattern wanted_;
  FamilySet& out_;
  FieldFamilies fields_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeVmstat(const Machine& machine, const FlagValues& flags,
                                              FamilySet& out) {
  constexpr std::string_view kFlag = "collector.vmstat.fields";
  return std::make_unique<Vmstat>(machine, TRY(Pattern::Compile(kFlag, flags.String(kFlag))), out);
}

}  // namespace slurmscope::agent
