#pragma once

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
    auto at = known_.find(std::string(field));
    if (at == known_.end()) at = known_.emplace(std::string(field), make(field)).first;
    order_.resize(next_);
    order_.push_back(&*at);
    ++next_;
    return at->second;
  }

 private:
  std::unordered_map<std::string, Family*> known_;
  std::vector<const std::pair<const std::string, Family*>*> order_;
  size_t next_ = 0;
};

}  // namespace slurmscope::agent
