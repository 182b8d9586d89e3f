#pragma once

#include <map>
#include <string>
#include <string_view>

namespace slurmscope::agent {

// The names of PCI devices in the file pci.ids (https://pci-ids.ucw.cz): a line "ID  NAME" for each
// vendor, below it, after a tab, its devices, and below these, after two, "VENDOR DEVICE  NAME" of
// subsystems. Classes begin with "C ", with subclasses and interfaces below them. Ids are lower
// case hexadecimal digits without 0x. A name that is not there is empty; names live as long as the
// object.
class PciIds {
 public:
  explicit PciIds(std::string text);
  PciIds(const PciIds&) = delete;
  PciIds& operator=(const PciIds&) = delete;

  std::string_view Vendor(std::string_view vendor) const;
  std::string_view Device(std::string_view vendor, std::string_view device) const;
  std::string_view Subsystem(std::string_view vendor, std::string_view device,
                             std::string_view subsystem_vendor,
                             std::string_view subsystem_device) const;
  // Of the interface, else of the subclass, else of the class, which are two digits each.
  std::string_view Class(std::string_view six_digits) const;

 private:
  struct Entry {
    std::string_view name;
    std::string_view below;  // the lines after it
  };
  static Entry Find(std::string_view lines, std::string_view tabs, std::string_view id);
  Entry Section(std::string_view id) const;

  const std::string text_;
  std::map<std::string_view, Entry> sections_;  // vendors by their id, classes by "C " and theirs
};

}  // namespace slurmscope::agent
