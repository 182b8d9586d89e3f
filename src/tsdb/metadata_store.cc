#include "tsdb/metadata_store.h"

#include <tuple>
#include <utility>

namespace slurmscope::tsdb {

using model::Metadata;

bool MetadataStore::Less::operator()(const std::shared_ptr<const Metadata>& a,
                                     const std::shared_ptr<const Metadata>& b) const {
  return std::tie(a->type, a->unit, a->help) < std::tie(b->type, b->unit, b->help);
}

bool MetadataStore::DiffersLocked(uint64_t wal_ref, const Metadata& metadata) const {
  auto it = by_ref_.find(wal_ref);
  return it == by_ref_.end() || !(*it->second == metadata);
}

bool MetadataStore::Differs(uint64_t wal_ref, const Metadata& metadata) const {
  std::lock_guard lock(mutex_);
  return DiffersLocked(wal_ref, metadata);
}

// Takes what no series has any more out of the pool.
void MetadataStore::Release(std::shared_ptr<const Metadata> metadata) {
  constexpr long kHereAndInPool = 2;
  if (metadata && metadata.use_count() == kHereAndInPool) pool_.erase(metadata);
}

bool MetadataStore::Set(uint64_t wal_ref, const Metadata& metadata) {
  std::lock_guard lock(mutex_);
  if (!DiffersLocked(wal_ref, metadata)) return false;
  auto shared = *pool_.insert(std::make_shared<const Metadata>(metadata)).first;
  Release(std::exchange(by_ref_[wal_ref], std::move(shared)));
  return true;
}

std::optional<Metadata> MetadataStore::Get(uint64_t wal_ref) const {
  std::lock_guard lock(mutex_);
  auto it = by_ref_.find(wal_ref);
  if (it == by_ref_.end()) return std::nullopt;
  return *it->second;
}

void MetadataStore::Forget(const std::vector<uint64_t>& wal_refs) {
  std::lock_guard lock(mutex_);
  for (uint64_t ref : wal_refs) {
    auto node = by_ref_.extract(ref);
    if (!node.empty()) Release(std::move(node.mapped()));
  }
}

}  // namespace slurmscope::tsdb
