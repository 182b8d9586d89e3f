// Collectors of counts by interrupt and CPU: /proc/interrupts and /proc/softirqs.

#include "agent/collectors/collectors.h"
#include "agent/pattern.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// The CPUs of a heading "CPU0 CPU1 ...", by their numbers.
void ParseHeading(std::string_view line, std::vector<std::string>& cpus) {
  size_t n = 0;
  for (std::string_view name; !(name = NextField(line)).empty(); ++n) {
    if (name.starts_with("CPU")) name.remove_prefix(3);
    if (n == cpus.size()) cpus.emplace_back();
    cpus[n].assign(name);
  }
  cpus.resize(n);
}

class Interrupts final : public Collector {
 public:
  Interrupts(const Machine& machine, DeviceFilter filter, bool zeros, FamilySet& out)
      : file_(machine.roots.procfs + "/interrupts"),
        filter_(std::move(filter)),
        zeros_(zeros),
        total_(out.Get("node_interrupts_total", "Interrupt details.", MetricType::kCounter,
                       {"cpu", "devices", "info", "type"})) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    std::string_view line;
    NextLine(text, line);
    ParseHeading(line, cpus_);
    if (cpus_.empty())
      return Fail(ErrorCode::kCorruption, file_.path() + ": no CPU in its first line");
    while (NextLine(text, line)) SetLine(line);
    return {};
  }

 private:
  // "16: 3 5  IR-IO-APIC-fasteoi  ehci_hcd, mmc0" or "LOC: 3 5  Local timer interrupts"
  void SetLine(std::string_view line) {
    std::string_view type = NextField(line);
    if (!type.ends_with(':')) return;
    type.remove_suffix(1);
    counts_.clear();
    for (size_t i = 0; i < cpus_.size(); ++i) {
      std::string_view rest = line;
      const auto count = NextUint(rest);
      if (!count) break;
      counts_.push_back(static_cast<double>(*count));
      line = rest;
    }
    if (counts_.size() < cpus_.size()) return;  // ERR and MIS are not by CPU
    std::string_view info;
    if (ParseUint(type)) info = NextField(line);
    words_.clear();
    for (std::string_view word; !(word = NextField(line)).empty();) {
      if (!words_.empty()) words_ += ' ';
      words_ += word;
    }
    const std::string_view devices = info.empty() ? std::string_view() : words_;
    if (info.empty()) info = words_;
    key_.clear();
    base::StrAppend(key_, type, ";", info, ";", devices);
    if (filter_.Ignored(key_)) return;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (zeros_ || counts_[i] != 0) total_.Set({cpus_[i], devices, info, type}, counts_[i]);
    }
  }

  ProcFile file_;
  RememberingFilter filter_;
  const bool zeros_;
  Family& total_;
  std::vector<std::string> cpus_;
  std::vector<double> counts_;
  std::string words_;
  std::string key_;
};

class Softirqs final : public Collector {
 public:
  Softirqs(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/softirqs"),
        total_(out.Get("node_softirqs_functions_total", "Softirq counts per CPU.",
                       MetricType::kCounter, {"cpu", "type"})) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    std::string_view line;
    NextLine(text, line);
    ParseHeading(line, cpus_);
    while (NextLine(text, line)) {
      std::string_view type = NextField(line);
      if (!type.ends_with(':')) continue;
      type.remove_suffix(1);
      for (const std::string& cpu : cpus_) {
        const auto count = NextUint(line);
        if (count) total_.Set({cpu, type}, static_cast<double>(*count));
      }
    }
    return {};
  }

 private:
  ProcFile file_;
  Family& total_;
  std::vector<std::string> cpus_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeInterrupts(const Machine& machine, const FlagValues& flags,
                                                  FamilySet& out) {
  return std::make_unique<Interrupts>(
      machine, TRY(DeviceFilter::FromFlags(flags, "collector.interrupts.name")),
      flags.Bool("collector.interrupts.include-zeros"), out);
}

Result<std::unique_ptr<Collector>> MakeSoftirqs(const Machine& machine, const FlagValues&,
                                                FamilySet& out) {
  return std::make_unique<Softirqs>(machine, out);
}

}  // namespace slurmscope::agent
