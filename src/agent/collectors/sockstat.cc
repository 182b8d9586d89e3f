#include <unistd.h>

#include "agent/collectors/collectors.h"
#include "agent/collectors/field_families.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// Lines "TCP: inuse 4 mem 1": a protocol and pairs of name and number.
class Sockstat final : public Collector {
 public:
  Sockstat(const Machine& machine, FamilySet& out)
      : files_{ProcFile(machine.roots.procfs + "/net/sockstat"),
               ProcFile(machine.roots.procfs + "/net/sockstat6")},
        out_(out) {}

  Result<void> Update() override {
    fields_.Begin();
    TRY(SetFile(files_[0]));
    auto v6 = SetFile(files_[1]);
    if (!v6 && v6.error().code() != ErrorCode::kNotFound) return v6;  // no IPv6: no file
    return {};
  }

 private:
  Result<void> SetFile(ProcFile& file) {
    std::string_view text = TRY(file.Read());
    for (std::string_view line; NextLine(text, line);) {
      std::string_view protocol = NextField(line);
      if (protocol.empty()) continue;
      protocol.remove_suffix(1);
      for (std::string_view name; !(name = NextField(line)).empty();) {
        const auto value = NextUint(line);
        if (!value) return Fail(ErrorCode::kCorruption, file.path() + ": no number after a name");
        Set(protocol, name, static_cast<double>(*value));
      }
    }
    return {};
  }

  void Set(std::string_view protocol, std::string_view name, double value) {
    Find(protocol, name).Set(value);
    // "mem" counts pages.
    if (name == "mem") Find(protocol, "mem_bytes").Set(value * page_size_);
  }

  Family& Find(std::string_view protocol, std::string_view name) {
    key_.assign(protocol);
    key_ += '_';
    key_ += name;
    return *fields_.Find(key_, [&](std::string_view key) {
      const std::string help =
          key == "sockets_used"
              ? "Number of IPv4 sockets in use."
              : base::StrCat("Number of ", protocol, " sockets in state ", name, ".");
      return &out_.Get(base::StrCat("node_sockstat_", key), help, MetricType::kGauge);
    });
  }

  ProcFile files_[2];
  FamilySet& out_;
  FieldFamilies fields_;
  std::string key_;
  const double page_size_ = static_cast<double>(::sysconf(_SC_PAGESIZE));
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeSockstat(const Machine& machine, const FlagValues&,
                                                FamilySet& out) {
  return std::make_unique<Sockstat>(machine, out);
}

}  // namespace slurmscope::agent
