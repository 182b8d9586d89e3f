#include "agent/collectors/cpu_topology.h"

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr unsigned kMostCpus = 65536;

bool IsCpuName(std::string_view name) {
  return name.starts_with("cpu") && base::ParseInt<unsigned>(name.substr(3)).has_value();
}

}  // namespace

std::vector<unsigned> ParseCpuList(std::string_view text) {
  std::vector<unsigned> cpus;
  if (text.empty()) return cpus;
  for (const std::string_view range : base::Split(text, ',')) {
    const size_t dash = range.find('-');
    const auto first = base::ParseInt<unsigned>(range.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : base::ParseInt<unsigned>(range.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMostCpus) return {};
    if (cpus.size() + (*last - *first) >= kMostCpus) return {};
    for (unsigned cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

CpuTopology::CpuTopology(std::string directory, FamilySet& out)
    : directory_(std::move(directory)),
      core_throttles_(out.Get("node_cpu_core_throttles_total",
                              "Number of times this CPU core has been throttled.",
                              MetricType::kCounter, {"core", "package"})),
      package_throttles_(out.Get("node_cpu_package_throttles_total",
                                 "Number of times this CPU package has been throttled.",
                                 MetricType::kCounter, {"package"})),
      isolated_(out.Get("node_cpu_isolated",
                        "Whether each core is isolated, information from "
                        "/sys/devices/system/cpu/isolated.",
                        MetricType::kGauge, {"cpu"})),
      online_(out.Get("node_cpu_online", "CPUs that are online and being scheduled.",
                      MetricType::kGauge, {"cpu"})),
      isolated_file_(directory_ + "/isolated") {}

void CpuTopology::Discover() {
  cores_.clear();
  packages_.clear();
  online_files_.clear();
  const auto names = base::ListDirectory(directory_);
  if (!names) return;
  for (const std::string& name : *names) {
    if (IsCpuName(name)) DiscoverCpu(name);
  }
  // node_exporter says nothing of "online" on machines whose first CPU has no such file.
  if (!online_files_.empty() && !online_files_.front().file.Read()) online_files_.clear();
}

void CpuTopology::DiscoverCpu(const std::string& name) {
  const std::string path = directory_ + "/" + name;
  online_files_.push_back({AttrFile(path + "/online"), name.substr(3)});
  const auto package = AttrFile(path + "/topology/physical_package_id").Number();
  const auto core = AttrFile(path + "/topology/core_id").Number();
  if (!package || !core || *package < 0 || *core < 0) return;
  const std::string package_id = base::StrCat(static_cast<uint64_t>(*package));
  const std::string core_id = base::StrCat(static_cast<uint64_t>(*core));
  const auto add = [&](std::vector<Counter>& counters, const char* file,
                       const std::string& of_core) {
    const bool known = std::any_of(counters.begin(), counters.end(), [&](const Counter& counter) {
      return counter.core == of_core && counter.package == package_id;
    });
    if (known) return;
    AttrFile count(path + "/thermal_throttle/" + file);
    if (count.Read()) counters.push_back({std::move(count), of_core, package_id});
  };
  add(packages_, "package_throttle_count", "");
  add(cores_, "core_throttle_count", core_id);
}

void CpuTopology::Update(size_t cpus) {
  if (cpus != cpus_) Discover();
  cpus_ = cpus;
  for (Counter& counter : cores_) {
    if (const auto n = counter.file.Number()) {
      core_throttles_.Set({counter.core, counter.package}, *n);
    }
  }
  for (Counter& counter : packages_) {
    if (const auto n = counter.file.Number()) package_throttles_.Set({counter.package}, *n);
  }
  for (OnlineFile& online : online_files_) {
    online_.Set({online.cpu}, online.file.Number() == 1 ? 1 : 0);
  }
  UpdateIsolated();
}

void CpuTopology::UpdateIsolated() {
  const auto text = isolated_file_.Read();
  if (!text || text->empty()) return;
  if (*text != isolated_text_) {
    isolated_text_ = *text;
    isolated_cpus_.clear();
    for (const unsigned cpu : ParseCpuList(*text)) isolated_cpus_.push_back(base::StrCat(cpu));
  }
  for (const std::string& cpu : isolated_cpus_) isolated_.Set({cpu}, 1);
}

}  // namespace slurmscope::agent
