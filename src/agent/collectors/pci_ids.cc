#include "agent/collectors/pci_ids.h"

#include <utility>

#include "agent/scan.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

// "10de  NVIDIA Corporation" in its parts; no name: the line is something else.
std::pair<std::string_view, std::string_view> IdAndName(std::string_view line) {
  const size_t gap = line.find("  ");
  if (gap == std::string_view::npos) return {};
  return {line.substr(0, gap), base::TrimSpace(line.substr(gap))};
}

}  // namespace

PciIds::PciIds(std::string text) : text_(std::move(text)) {
  std::string_view rest = text_;
  for (std::string_view line; NextLine(rest, line);) {
    if (line.empty() || line[0] == '#' || line[0] == '\t') continue;
    const auto [id, name] = IdAndName(line);
    if (!name.empty()) sections_.try_emplace(id, Entry{name, rest});
  }
}

// Looks among the lines that begin with `tabs` and no more of them, up to the first with fewer.
PciIds::Entry PciIds::Find(std::string_view lines, std::string_view tabs, std::string_view id) {
  for (std::string_view line; NextLine(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (!line.starts_with(tabs)) break;
    line.remove_prefix(tabs.size());
    if (!line.starts_with(id)) continue;
    const auto [found, name] = IdAndName(line);
    if (found == id) return {name, lines};
  }
  return {};
}

PciIds::Entry PciIds::Section(std::string_view id) const {
  const auto at = sections_.find(id);
  return at == sections_.end() ? Entry() : at->second;
}

std::string_view PciIds::Vendor(std::string_view vendor) const { return Section(vendor).name; }

std::string_view PciIds::Device(std::string_view vendor, std::string_view device) const {
  return Find(Section(vendor).below, "\t", device).name;
}

std::string_view PciIds::Subsystem(std::string_view vendor, std::string_view device,
                                   std::string_view subsystem_vendor,
                                   std::string_view subsystem_device) const {
  const Entry entry = Find(Section(vendor).below, "\t", device);
  return Find(entry.below, "\t\t", base::StrCat(subsystem_vendor, " ", subsystem_device)).name;
}

std::string_view PciIds::Class(std::string_view six_digits) const {
  if (six_digits.size() < 6) return {};
  const Entry base = Section(base::StrCat("C ", six_digits.substr(0, 2)));
  const Entry sub = Find(base.below, "\t", six_digits.substr(2, 2));
  const Entry interface = Find(sub.below, "\t\t", six_digits.substr(4, 2));
  for (const Entry& entry : {interface, sub, base}) {
    if (!entry.name.empty()) return entry.name;
  }
  return {};
}

}  // namespace slurmscope::agent
