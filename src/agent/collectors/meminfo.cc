#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// "Active(anon)" -> "Active_anon"; what has the unit kB gets "_bytes".
std::string MetricName(std::string_view field, bool bytes) {
  std::string name = "node_memory_";
  for (const char c : field) {
    if (c == ')') continue;
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    name += word ? c : '_';
  }
  return bytes ? name + "_bytes" : name;
}

class Meminfo final : public Collector {
 public:
  Meminfo(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/meminfo"), out_(out) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    fields_.Begin();
    for (std::string_view line; NextLine(text, line);) {
      const size_t colon = line.find(':');
      if (colon == 0 || colon == std::string_view::npos) continue;
      const std::string_view field = line.substr(0, colon);
      line.remove_prefix(colon + 1);
      const auto value = NextUint(line);
      if (!value) {
        return Fail(ErrorCode::kCorruption,
                    base::StrCat(file_.path(), ": no number for ", base::Quote(field)));
      }
      const bool kilobytes = NextField(line) == "kB";
      Find(field, kilobytes)->Set(static_cast<double>(*value) * (kilobytes ? 1024 : 1));
    }
    return {};
  }

 private:
  Family* Find(std::string_view field, bool bytes) {
    return fields_.Find(field, [&](std::string_view name) {
      const std::string metric = MetricName(name, bytes);
      const auto type = metric.ends_with("_total") ? MetricType::kCounter : MetricType::kGauge;
      const std::string_view shown = std::string_view(metric).substr(sizeof("node_memory_") - 1);
      return &out_.Get(metric, base::StrCat("Memory information field ", shown, "."), type);
    });
  }

  ProcFile file_;
  FamilySet& out_;
  FieldFamilies fields_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeMeminfo(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Meminfo>(machine, out);
}

}  // namespace slurmscope::agent
