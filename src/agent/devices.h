#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/directory.h"
#include "base/result.h"
#include "base/strings.h"

namespace slurmscope::agent {

// The entries of a directory as objects: each is made when its entry comes and dropped when it
// goes. Not thread-safe.
template <typename Device>
class Devices {
 public:
  explicit Devices(std::string directory) : directory_(std::move(directory)) {}

  // Lists the directory anew. `make(path, name)` gives a std::unique_ptr<Device> for a new entry,
  // nullptr for one to pass over. A missing directory is kNotFound.
  template <typename Make>
  base::Result<void> Refresh(Make make) {
    const auto names = directory_.List();
    if (!names) {
      entries_.clear();
      return base::Fail(names.error());
    }
    const bool same = std::equal(names->begin(), names->end(), entries_.begin(), entries_.end(),
                                 [](const auto& name, const auto& e) { return name == e.name; });
    if (same) return {};
    // Making a device lists other directories.
    const std::vector<std::string> now(names->begin(), names->end());
    std::vector<Entry> old = std::exchange(entries_, {});
    for (const std::string& name : now) {
      const auto at =
          std::find_if(old.begin(), old.end(), [&](const Entry& e) { return e.name == name; });
      if (at != old.end()) {
        entries_.push_back(std::move(*at));
        continue;
      }
      entries_.push_back({name, make(base::StrCat(directory_.path(), "/", name), name)});
    }
    return {};
  }

  // Calls `use(device, name)` for each, in order of their names.
  template <typename Use>
  void ForEach(Use use) {
    for (Entry& entry : entries_) {
      if (entry.device) use(*entry.device, std::string_view(entry.name));
    }
  }

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Device> device;
  };
  Directory directory_;
  std::vector<Entry> entries_;
};

}  // namespace slurmscope::agent
