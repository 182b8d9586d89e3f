#include <sys/utsname.h>

#include <cerrno>

#include "agent/collectors/collectors.h"

namespace slurmscope::agent {
namespace {

class Uname final : public Collector {
 public:
  explicit Uname(FamilySet& out)
      : info_(out.Get("node_uname_info",
                      "Labeled system information as provided by the uname system call.",
                      MetricType::kGauge,
                      {"domainname", "machine", "nodename", "release", "sysname", "version"})) {}

  Result<void> Update() override {
    utsname name{};
    if (::uname(&name) != 0) return base::FailErrno("uname", errno);
    info_.Set(
        {name.domainname, name.machine, name.nodename, name.release, name.sysname, name.version},
        1);
    return {};
  }

 private:
  Family& info_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeUname(const Machine&, const FlagValues&, FamilySet& out) {
  return std::make_unique<Uname>(out);
}

}  // namespace slurmscope::agent
