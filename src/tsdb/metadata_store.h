#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "model/metadata.h"

namespace slurmscope::tsdb {

// What is known of the metrics of the head's series, by the series' refs in the log. Thread-safe.
class MetadataStore {
 public:
  // True when that was not known before.
  bool Set(uint64_t wal_ref, const model::Metadata& metadata);
  // Whether Set() would change something.
  bool Differs(uint64_t wal_ref, const model::Metadata& metadata) const;
  std::optional<model::Metadata> Get(uint64_t wal_ref) const;
  void Forget(const std::vector<uint64_t>& wal_refs);

 private:
  // The series of a family share one.
  struct Less {
    bool operator()(const std::shared_ptr<const model::Metadata>& a,
                    const std::shared_ptr<const model::Metadata>& b) const;
  };
  bool DiffersLocked(uint64_t wal_ref, const model::Metadata& metadata) const;
  void Release(std::shared_ptr<const model::Metadata> metadata);

  mutable std::mutex mutex_;
  std::set<std::shared_ptr<const model::Metadata>, Less> pool_;
  std::unordered_map<uint64_t, std::shared_ptr<const model::Metadata>> by_ref_;
};

}  // namespace slurmscope::tsdb
