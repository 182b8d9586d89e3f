#include "agent/collectors/cpu_info.h"

#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {

struct CpuInfo::Block {
  std::string_view processor, vendor, family, model, model_name, microcode, stepping, cachesize;
  std::string_view package = "", core = "", mhz, flags, bugs;

  std::string_view* Find(std::string_view key) {
    const std::pair<std::string_view, std::string_view*> keys[] = {{"processor", &processor},
                                                                   {"vendor_id", &vendor},
                                                                   {"cpu family", &family},
                                                                   {"model", &model},
                                                                   {"model name", &model_name},
                                                                   {"microcode", &microcode},
                                                                   {"stepping", &stepping},
                                                                   {"cache size", &cachesize},
                                                                   {"physical id", &package},
                                                                   {"core id", &core},
                                                                   {"cpu MHz", &mhz},
                                                                   {"flags", &flags},
                                                                   {"bugs", &bugs}};
    for (const auto& [name, value] : keys) {
      if (name == key) return value;
    }
    return nullptr;
  }
};

CpuInfo::CpuInfo(std::string path, Options options, FamilySet& out)
    : file_(std::move(path)),
      options_(std::move(options)),
      info_(out.Get("node_cpu_info", "CPU information from /proc/cpuinfo.", MetricType::kGauge,
                    {"cachesize", "core", "cpu", "family", "microcode", "model", "model_name",
                     "package", "stepping", "vendor"})) {
  if (options_.frequency) {
    frequency_ = &out.Get("node_cpu_frequency_hertz", "CPU frequency in hertz from /proc/cpuinfo.",
                          MetricType::kGauge, {"core", "cpu", "package"});
  }
  if (options_.flags) {
    flag_info_ = &out.Get("node_cpu_flag_info",
                          "The `flags` field of CPU information from /proc/cpuinfo taken from the "
                          "first core.",
                          MetricType::kGauge, {"flag"});
  }
  if (options_.bugs) {
    bug_info_ = &out.Get("node_cpu_bug_info",
                         "The `bugs` field of CPU information from /proc/cpuinfo taken from the "
                         "first core.",
                         MetricType::kGauge, {"bug"});
  }
}

Result<void> CpuInfo::Update() {
  std::string_view text = TRY(file_.Read());
  Block block;
  bool first = true;
  const auto finish = [&] {
    if (block.processor.empty()) return;
    SetBlock(block, first);
    first = false;
    block = {};
  };
  for (std::string_view line; NextLine(text, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = base::TrimSpace(line.substr(0, colon));
    if (key == "processor") finish();
    if (std::string_view* value = block.Find(key)) *value = base::TrimSpace(line.substr(colon + 1));
  }
  finish();
  return {};
}

void CpuInfo::SetBlock(const Block& block, bool first) {
  info_.Set({block.cachesize, block.core, block.processor, block.family, block.microcode,
             block.model, block.model_name, block.package, block.stepping, block.vendor},
            1);
  if (frequency_ != nullptr) {
    const double mhz = base::ParseFloat(block.mhz).value_or(0);
    frequency_->Set({block.core, block.processor, block.package}, mhz * 1e6);
  }
  if (!first) return;
  const auto set_words = [](std::string_view words, Family* family, const Pattern* wanted) {
    if (family == nullptr) return;
    for (std::string_view word; !(word = NextField(words)).empty();) {
      if (wanted->FoundIn(word)) family->Set({word}, 1);
    }
  };
  set_words(block.flags, flag_info_, options_.flags.get());
  set_words(block.bugs, bug_info_, options_.bugs.get());
}

}  // namespace slurmscope::agent
