#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exposition/text_reader.h"
#include "model/metadata.h"

namespace slurmscope::scrape {

struct Family {
  std::string name;
  model::Metadata metadata;
};

// Families with equal text share one object: a thousand nodes say the same. Thread-safe.
class FamilyPool {
 public:
  std::shared_ptr<const Family> Intern(Family family);
  // Those that are in use.
  std::vector<std::shared_ptr<const Family>> All() const;

 private:
  void DropUnused();

  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<const Family>> families_;
  size_t purge_at_ = 1024;
};

// What one target says of its metrics in HELP, TYPE and UNIT lines. Bounded: at most kMaxFamilies,
// texts cut at kMaxTextBytes. Thread-safe.
class MetadataTable {
 public:
  static constexpr size_t kMaxFamilies = 20'000;
  static constexpr size_t kMaxTextBytes = 16 * 1024;

  explicit MetadataTable(FamilyPool& pool) : pool_(pool) {}

  void Update(const exposition::Entry& entry);
  void Clear();
  model::MetricType TypeOf(std::string_view metric) const;
  std::vector<std::shared_ptr<const Family>> families() const;
  size_t size() const;
  uint64_t bytes() const;  // of their texts

 private:
  FamilyPool& pool_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Family>, std::less<>> families_;
  uint64_t bytes_ = 0;
};

}  // namespace slurmscope::scrape
