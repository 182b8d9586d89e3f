#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/family.h"

namespace slurmscope::agent {

// Families of a file whose fields name them ("MemTotal: 12 kB"): remembers, field by field in the
// order of the file, which family a field is, or that it is none. Not thread-safe.
class FieldFamilies {
 public:
  void Begin() { next_ = 0; }

  // `make` is called once for a field never seen: it gives the family, or nullptr for a field to
  // leave out.
  template <typename Make>
  Family* Find(std::string_view field, Make make) {
    if (next_ < order_.size() && order_[next_]->first == field) return order_[next_++]->second;
    auto at = known_.find(field);
    if (at == known_.end()) at = known_.emplace(std::string(field), make(field)).first;
    order_.resize(next_);
    order_.push_back(&*at);
    ++next_;
    return at->second;
  }

 private:
  // Looked up by a view, without a string of its own.
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Family*, Hash, std::equal_to<>> known_;
  std::vector<const std::pair<const std::string, Family*>*> order_;
  size_t next_ = 0;
};

}  // namespace slurmscope::agent
