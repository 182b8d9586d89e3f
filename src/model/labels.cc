#include "model/labels.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/strings.h"

namespace slurmscope::model {
namespace {

// The object's own bytes are well-formed, so reading needs no bounds.
std::string_view ReadString(const char*& position) {
  size_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    auto byte = static_cast<uint8_t>(*position++);
    length |= size_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) break;
  }
  std::string_view text(position, length);
  position += length;
  return text;
}

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

}  // namespace

Label Labels::Iterator::operator*() const {
  const char* position = position_;
  std::string_view name = ReadString(position);
  std::string_view value = ReadString(position);
  return {name, value};
}

Labels::Iterator& Labels::Iterator::operator++() {
  ReadString(position_);
  ReadString(position_);
  return *this;
}

Labels::Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs)
    : Labels(FromPairs({pairs.begin(), pairs.end()})) {}

Labels Labels::FromPairs(std::vector<std::pair<std::string_view, std::string_view>> pairs) {
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Labels labels;
  for (size_t i = 0; i < pairs.size(); ++i) {
    bool overridden = i + 1 < pairs.size() && pairs[i + 1].first == pairs[i].first;
    if (overridden || pairs[i].second.empty()) continue;
    base::PutUvarintString(labels.data_, pairs[i].first);
    base::PutUvarintString(labels.data_, pairs[i].second);
  }
  return labels;
}

size_t Labels::size() const {
  size_t n = 0;
  for (auto it = begin(); !(it == end()); ++it) ++n;
  return n;
}

std::string_view Labels::Get(std::string_view name) const {
  const char* position = data_.data();
  const char* stop = position + data_.size();
  while (position != stop) {
    std::string_view candidate = ReadString(position);
    std::string_view value = ReadString(position);
    if (candidate == name) return value;
    if (candidate > name) break;
  }
  return {};
}

uint64_t Labels::Hash() const { return base::Hash64(data_); }

int Labels::Compare(const Labels& other) const {
  auto a = begin();
  auto b = other.begin();
  for (; !(a == end()) && !(b == other.end()); ++a, ++b) {
    Label left = *a;
    Label right = *b;
    if (int order = left.name.compare(right.name); order != 0) return order;
    if (int order = left.value.compare(right.value); order != 0) return order;
  }
  if (a == end()) return b == other.end() ? 0 : -1;
  return 1;
}

std::string Labels::ToString() const {
  std::string_view metric = Get(kMetricName);
  bool plain_name = IsLegacyMetricName(metric);
  std::string out;
  if (plain_name) out += metric;
  std::string inside;
  if (!metric.empty() && !plain_name) inside = base::Quote(metric);
  for (Label label : *this) {
    if (label.name == kMetricName) continue;
    if (!inside.empty()) inside += ", ";
    inside += IsLegacyLabelName(label.name) ? std::string(label.name) : base::Quote(label.name);
    base::StrAppend(inside, "=", base::Quote(label.value));
  }
  if (inside.empty() && plain_name) return out;
  base::StrAppend(out, "{", inside, "}");
  return out;
}

void LabelsBuilder::Reset(const Labels& base) {
  pairs_.clear();
  for (Label label : base) pairs_.emplace_back(label.name, label.value);
}

LabelsBuilder& LabelsBuilder::Set(std::string_view name, std::string_view value) {
  auto it = std::lower_bound(pairs_.begin(), pairs_.end(), name,
                             [](const auto& pair, std::string_view n) { return pair.first < n; });
  bool found = it != pairs_.end() && it->first == name;
  if (value.empty()) {
    if (found) pairs_.erase(it);
  } else if (found) {
    it->second = value;
  } else {
    pairs_.emplace(it, name, value);
  }
  return *this;
}

LabelsBuilder& LabelsBuilder::Keep(const std::vector<std::string>& names) {
  std::erase_if(pairs_, [&](const auto& pair) {
    return std::find(names.begin(), names.end(), pair.first) == names.end();
  });
  return *this;
}

LabelsBuilder& LabelsBuilder::Drop(const std::vector<std::string>& names) {
  std::erase_if(pairs_, [&](const auto& pair) {
    return std::find(names.begin(), names.end(), pair.first) != names.end();
  });
  return *this;
}

std::string_view LabelsBuilder::Get(std::string_view name) const {
  for (const auto& [candidate, value] : pairs_) {
    if (candidate == name) return value;
  }
  return {};
}

Labels LabelsBuilder::Build() const {
  Labels labels;
  for (const auto& [name, value] : pairs_) {
    base::PutUvarintString(labels.data_, name);
    base::PutUvarintString(labels.data_, value);
  }
  return labels;
}

bool IsLegacyLabelName(std::string_view name) {
  if (name.empty() || !IsNameStart(name[0])) return false;
  return std::all_of(name.begin(), name.end(), IsNamePart);
}

bool IsLegacyMetricName(std::string_view name) {
  if (name.empty() || !(IsNameStart(name[0]) || name[0] == ':')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return IsNamePart(c) || c == ':'; });
}

}  // namespace slurmscope::model
