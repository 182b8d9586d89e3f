#include "scrape/metadata_table.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace slurmscope::scrape {
namespace {

using exposition::Entry;

uint64_t HashOf(const Family& family) {
  std::string key;
  base::PutUvarintString(key, family.name);
  base::PutUvarintString(key, family.metadata.unit);
  base::PutUvarintString(key, family.metadata.help);
  base::PutUvarint(key, static_cast<uint64_t>(family.metadata.type));
  return base::Hash64(key);
}

uint64_t TextBytes(const Family& family) {
  return family.name.size() + family.metadata.help.size() + family.metadata.unit.size();
}

// Cut at a whole character.
std::string_view Bounded(std::string_view text) {
  if (text.size() <= MetadataTable::kMaxTextBytes) return text;
  size_t end = MetadataTable::kMaxTextBytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::shared_ptr<const Family> FamilyPool::Intern(Family family) {
  uint64_t hash = HashOf(family);
  std::lock_guard lock(mutex_);
  std::weak_ptr<const Family>& slot = families_[hash];
  std::shared_ptr<const Family> known = slot.lock();
  if (known && known->name == family.name && known->metadata == family.metadata) return known;
  auto made = std::make_shared<const Family>(std::move(family));
  slot = made;
  if (families_.size() > purge_at_) DropUnused();
  return made;
}

std::vector<std::shared_ptr<const Family>> FamilyPool::All() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Family>> all;
  for (const auto& [hash, slot] : families_) {
    if (auto family = slot.lock()) all.push_back(std::move(family));
  }
  return all;
}

void FamilyPool::DropUnused() {
  std::erase_if(families_, [](const auto& pair) { return pair.second.expired(); });
  purge_at_ = std::max<size_t>(1024, families_.size() * 2);
}

void MetadataTable::Update(const Entry& entry) {
  if (entry.kind == Entry::Kind::kComment) return;
  std::lock_guard lock(mutex_);
  auto it = families_.find(entry.metric);
  if (it == families_.end() && families_.size() >= kMaxFamilies) return;
  Family family{std::string(entry.metric), {}};
  if (it != families_.end()) family = *it->second;
  if (entry.kind == Entry::Kind::kHelp)
    family.metadata.help = exposition::UnescapeHelp(Bounded(entry.text));
  if (entry.kind == Entry::Kind::kUnit) family.metadata.unit = Bounded(entry.text);
  if (entry.kind == Entry::Kind::kType) family.metadata.type = entry.type;
  if (it != families_.end()) bytes_ -= TextBytes(*it->second);
  bytes_ += TextBytes(family);
  std::shared_ptr<const Family> interned = pool_.Intern(std::move(family));
  families_.insert_or_assign(std::string(entry.metric), std::move(interned));
}

void MetadataTable::Clear() {
  std::lock_guard lock(mutex_);
  families_.clear();
  bytes_ = 0;
}

model::MetricType MetadataTable::TypeOf(std::string_view metric) const {
  std::lock_guard lock(mutex_);
  auto it = families_.find(metric);
  return it == families_.end() ? model::MetricType::kUnknown : it->second->metadata.type;
}

std::vector<std::shared_ptr<const Family>> MetadataTable::families() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Family>> all;
  all.reserve(families_.size());
  for (const auto& [name, family] : families_) all.push_back(family);
  return all;
}

size_t MetadataTable::size() const {
  std::lock_guard lock(mutex_);
  return families_.size();
}

uint64_t MetadataTable::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace slurmscope::scrape
