#include "agent/collectors/collectors.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

class Loadavg final : public Collector {
 public:
  Loadavg(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/loadavg"),
        loads_{&out.Get("node_load1", "1m load average.", MetricType::kGauge),
               &out.Get("node_load5", "5m load average.", MetricType::kGauge),
               &out.Get("node_load15", "15m load average.", MetricType::kGauge)} {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    for (Family* load : loads_) {
      const auto value = base::ParseFloat(NextField(text));
      if (!value) return Fail(ErrorCode::kCorruption, file_.path() + ": not three load averages");
      load->Set(*value);
    }
    return {};
  }

 private:
  ProcFile file_;
  Family* loads_[3];
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeLoadavg(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Loadavg>(machine, out);
}

}  // namespace slurmscope::agent
