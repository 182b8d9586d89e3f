#include "agent/job/cgroup.h"

#include <algorithm>
#include <cmath>

#include "agent/collectors/cpu_topology.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

constexpr size_t kMostCpus = 8192;

bool Has(const Hierarchy& hierarchy, Controller controller) {
  return hierarchy.unified || (hierarchy.controllers >> static_cast<unsigned>(controller) & 1) != 0;
}

void Inherit(const Usage& above, Usage& usage, Measure limit) {
  const double outer = At(above, limit);
  if (std::isnan(outer)) return;
  const double inner = At(usage, limit);
  At(usage, limit) = std::isnan(inner) ? outer : std::min(inner, outer);
}

}  // namespace

Cgroup::Cgroup(Level level) : level_(level) { usage_.fill(NAN); }

void Cgroup::AddDirectory(const Hierarchy& hierarchy, const std::string& path, bool all) {
  DropDirectory(hierarchy);
  directories_.emplace_back(&hierarchy, path);
  for (const UsageFile& spec : UsageFiles(hierarchy.unified)) {
    if (!Has(hierarchy, spec.controller) || level_ > spec.deepest) continue;
    if (spec.alone ? level_ != Level::kTask : !all) continue;
    if (spec.alone) counts_kills_alone_ = true;
    files_.push_back({&hierarchy, &spec, AttrFile(base::StrCat(path, "/", spec.name))});
  }
  if (!all || !Has(hierarchy, Controller::kCpuset)) return;
  const char* name = hierarchy.unified ? "/cpuset.cpus.effective" : "/cpuset.cpus";
  files_.push_back({&hierarchy, nullptr, AttrFile(path + name)});
}

void Cgroup::DropDirectory(const Hierarchy& hierarchy) {
  std::erase_if(directories_, [&](const auto& at) { return at.first == &hierarchy; });
  std::erase_if(files_, [&](const File& file) { return file.hierarchy == &hierarchy; });
  if (files_.empty()) files_.shrink_to_fit();
}

void Cgroup::AddKills(double count) {
  double& kills = At(usage_, Measure::kOomKills);
  kills = std::isnan(kills) ? count : kills + count;
}

void Cgroup::Read(const Usage* above, const Hierarchy* only) {
  bool any = false;
  const Hierarchy* gone = nullptr;
  for (File& file : files_) {
    if (file.hierarchy == gone || (only != nullptr && file.hierarchy != only)) continue;
    const auto text = file.file.Read();
    // One that was there, and is not: the directory is gone, and the others need not be tried.
    if (!text && file.was_read) gone = file.hierarchy;
    file.was_read = text.has_value();
    if (!text) continue;
    any = true;
    if (file.spec != nullptr) {
      file.spec->parse(*text, usage_);
    } else {
      TakeCpus(*text);
    }
  }
  const bool nothing =
      std::all_of(usage_.begin(), usage_.end(), [](double v) { return std::isnan(v); });
  failed_ = !files_.empty() && (!any || nothing);
  if (above == nullptr) return;
  for (const Measure limit : {Measure::kMemoryTotal, Measure::kSwapTotal, Measure::kPidsMax}) {
    Inherit(*above, usage_, limit);
  }
}

void Cgroup::TakeCpus(std::string_view text) {
  if (text == cpus_text_) return;
  cpus_text_ = text;
  cpus_.clear();
  const std::vector<unsigned> cpus = ParseCpuList(text);
  cpu_count_ = cpus.size() <= kMostCpus ? cpus.size() : 0;
  for (size_t i = 0; i < cpu_count_; ++i) base::StrAppend(cpus_, i > 0 ? "," : "", cpus[i]);
}

}  // namespace slurmscope::agent::job
