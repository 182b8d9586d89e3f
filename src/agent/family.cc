#include "agent/family.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/float_text.h"
#include "exposition/text_writer.h"

namespace slurmscope::agent {
namespace {

bool KeyIs(std::string_view key, const std::string_view* values, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const std::string_view value = values[i];
    if (key.size() <= value.size() || key[value.size()] != '\0' || !key.starts_with(value))
      return false;
    key.remove_prefix(value.size() + 1);
  }
  return key.empty();
}

}  // namespace

Family::Family(std::string name, std::string_view help, MetricType type,
               std::vector<std::string> labels)
    : name_(std::move(name)), labels_(std::move(labels)) {
  exposition::TextWriter(header_).Family(name_, help, type);
}

void Family::Begin() {
  ++scrape_;
  next_ = 0;
  set_ = 0;
}

void Family::Set(const std::string_view* values, size_t n, double value) {
  Row& row = Find(values, n);
  if (row.scrape == scrape_) return;
  row.scrape = scrape_;
  ++set_;
  const bool same = std::bit_cast<uint64_t>(row.value) == std::bit_cast<uint64_t>(value);
  if (same && row.text.size() > row.number_at) return;
  row.value = value;
  row.text.resize(row.number_at);
  base::AppendFloat(row.text, value, base::FloatStyle::kExposition);
  row.text += '\n';
}

Family::Row& Family::Find(const std::string_view* values, size_t n) {
  if (next_ < rows_.size() && KeyIs(rows_[next_].key, values, n)) return rows_[next_++];
  probe_.clear();
  for (size_t i = 0; i < n; ++i) {
    probe_ += values[i];
    probe_ += '\0';
  }
  const auto at =
      std::lower_bound(by_key_.begin(), by_key_.end(), probe_,
                       [&](uint32_t i, const std::string& key) { return rows_[i].key < key; });
  if (at == by_key_.end() || rows_[*at].key != probe_) {
    const auto index = static_cast<uint32_t>(rows_.size());
    by_key_.insert(at, index);
    next_ = index + 1;
    return Insert(values, n);
  }
  next_ = *at + 1;
  return rows_[*at];
}

Family::Row& Family::Insert(const std::string_view* values, size_t n) {
  Row& row = rows_.emplace_back();
  row.key = probe_;
  row.text = name_;
  for (size_t i = 0; i < n && i < labels_.size(); ++i) {
    row.text += i == 0 ? '{' : ',';
    row.text += labels_[i];
    row.text += "=\"";
    exposition::AppendEscapedLabelValue(row.text, values[i]);
    row.text += '"';
  }
  if (n > 0) row.text += '}';
  row.text += ' ';
  row.number_at = row.text.size();
  return row;
}

void Family::Forget() {
  std::erase_if(rows_, [&](const Row& row) { return row.scrape != scrape_; });
  by_key_.resize(rows_.size());
  for (size_t i = 0; i < rows_.size(); ++i) by_key_[i] = static_cast<uint32_t>(i);
  std::sort(by_key_.begin(), by_key_.end(),
            [&](uint32_t a, uint32_t b) { return rows_[a].key < rows_[b].key; });
}

void Family::Render(std::string& out) {
  if (set_ != rows_.size()) Forget();
  if (set_ == 0) return;
  out += header_;
  for (const uint32_t i : by_key_) out += rows_[i].text;
}

Family& FamilySet::Get(std::string_view name, std::string_view help, MetricType type,
                       std::vector<std::string> labels) {
  for (Family& family : families_) {
    if (family.name() == name) return family;
  }
  Family& family = families_.emplace_back(std::string(name), help, type, std::move(labels));
  family.Begin();
  return family;
}

void FamilySet::Begin() {
  for (Family& family : families_) family.Begin();
}

void Merger::Render(const std::vector<FamilySet*>& sets, std::string& out) {
  size_t families = 0;
  for (FamilySet* set : sets) families += set->families().size();
  if (sets != sets_ || families != order_.size()) {
    sets_ = sets;
    order_.clear();
    for (FamilySet* set : sets) {
      for (Family& family : set->families()) order_.push_back(&family);
    }
    std::sort(order_.begin(), order_.end(),
              [](const Family* a, const Family* b) { return a->name() < b->name(); });
  }
  for (Family* family : order_) family->Render(out);
}

}  // namespace slurmscope::agent
