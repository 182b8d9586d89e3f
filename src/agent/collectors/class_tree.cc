#include "agent/collectors/class_tree.h"

#include <utility>

#include "base/strings.h"

namespace slurmscope::agent {

ClassTree::ClassTree(const Machine& machine, const ClassTreeSpec& spec,
                     std::unique_ptr<Pattern> ignored, FamilySet& out)
    : spec_(spec),
      ignored_(std::move(ignored)),
      numbers_(out, spec.numbers, {spec.device_label}),
      devices_(base::StrCat(machine.roots.sysfs, "/", spec.directory)) {
  if (spec.info_name.empty()) return;
  std::vector<std::string_view> labels;
  for (const InfoLabel& label : spec.info) labels.emplace_back(label.label);
  info_ = &out.Get(spec.info_name, spec.info_help, MetricType::kGauge, labels);
}

Result<void> ClassTree::Update() {
  TRY(devices_.Refresh(
      [&](const std::string& path, const std::string& name) -> std::unique_ptr<Device> {
        if (spec_.is_device != nullptr && !spec_.is_device(name)) return nullptr;
        if (ignored_ && ignored_->FoundIn(name)) return nullptr;
        auto device = std::make_unique<Device>(Device{AttrFiles(path, numbers_), {}, {}});
        for (const InfoLabel& label : spec_.info) {
          device->texts.emplace_back(base::StrCat(path, "/", label.file));
        }
        device->values.resize(spec_.info.size());
        return device;
      }));
  devices_.ForEach([&](Device& device, std::string_view name) {
    device.numbers.Set({name});
    if (info_ != nullptr) SetInfo(device, name);
  });
  return {};
}

void ClassTree::SetInfo(Device& device, std::string_view name) {
  std::vector<std::string_view> values;
  for (size_t i = 0; i < spec_.info.size(); ++i) {
    const InfoLabel& label = spec_.info[i];
    if (label.file.empty()) {
      values.push_back(name);
      continue;
    }
    std::string_view text = device.texts[i].Read().value_or("");
    if (label.without_0x && text.starts_with("0x")) text.remove_prefix(2);
    device.values[i].assign(text);
    values.push_back(device.values[i]);
  }
  info_->Set(values.data(), values.size(), 1);
}

}  // namespace slurmscope::agent
