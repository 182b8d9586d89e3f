#include <unordered_map>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

class Bonding final : public Collector {
 public:
  Bonding(const Machine& machine, FamilySet& out)
      : directory_(machine.roots.sysfs + "/class/net"),
        masters_(directory_ + "/bonding_masters"),
        slaves_(out.Get("node_bonding_slaves", "Number of configured slaves per bonding interface.",
                        MetricType::kGauge, {"master"})),
        active_(out.Get("node_bonding_active", "Number of active slaves per bonding interface.",
                        MetricType::kGauge, {"master"})) {}

  Result<void> Update() override {
    if (files_.size() > 4096) files_.clear();  // bonds come and go
    const auto masters = masters_.Read();
    if (!masters) return Fail(ErrorCode::kNotFound, masters_.path() + ": not there");
    names_ = *masters;
    std::string_view rest = names_;
    for (std::string_view master; !(master = NextField(rest)).empty();) SetMaster(master);
    return {};
  }

 private:
  void SetMaster(std::string_view master) {
    const std::string& slaves = File({directory_, "/", master, "/bonding/slaves"}).Text();
    size_t count = 0;
    size_t active = 0;
    std::string_view rest = slaves;
    for (std::string_view slave; !(slave = NextField(rest)).empty(); ++count) {
      if (IsUp(master, slave)) ++active;
    }
    slaves_.Set({master}, static_cast<double>(count));
    active_.Set({master}, static_cast<double>(active));
  }

  // Linux since 4.6 links a slave as lower_NAME, before as slave_NAME.
  bool IsUp(std::string_view master, std::string_view slave) {
    for (const std::string_view prefix : {"lower_", "slave_"}) {
      const auto state =
          File({directory_, "/", master, "/", prefix, slave, "/bonding_slave/mii_status"}).Read();
      if (state) return *state == "up";
    }
    return false;
  }

  AttrFile& File(std::initializer_list<std::string_view> path) {
    path_.clear();
    for (const std::string_view part : path) path_ += part;
    return files_.try_emplace(path_, path_).first->second;
  }

  const std::string directory_;
  AttrFile masters_;
  std::string names_;
  std::string path_;
  Family& slaves_;
  Family& active_;
  std::unordered_map<std::string, AttrFile> files_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeBonding(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Bonding>(machine, out);
}

}  // namespace slurmscope::agent
