#include "agent/family.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <utility>

#include "base/float_text.h"
#include "base/strings.h"
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

// The key of the row that is looked for.
thread_local std::string t_probe;

constexpr auto kMayBeInName = [] {
  std::array<bool, 256> may{};
  for (const char c : std::string_view("_:")) may[static_cast<unsigned char>(c)] = true;
  for (unsigned char c = '0'; c <= '9'; ++c) may[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) may[c] = may[c - 'a' + 'A'] = true;
  return may;
}();

bool MayBeInName(char c) { return kMayBeInName[static_cast<unsigned char>(c)]; }

// As others can read it: NUL is taken for the end by some.
bool IsReadable(std::string_view text) {
  return text.find('\0') == std::string_view::npos && base::IsValidUtf8(text);
}

// Each run of bytes that is not UTF-8, or NUL, becomes one U+FFFD.
std::string MadeReadable(std::string_view text) {
  std::string out;
  bool bad = false;
  while (!text.empty()) {
    size_t length = 1;
    while (length <= 4 && length <= text.size() && !base::IsValidUtf8(text.substr(0, length))) {
      ++length;
    }
    const bool valid = length <= 4 && length <= text.size() && text[0] != '\0';
    if (!valid) length = 1;
    if (valid) out += text.substr(0, length);
    if (!valid && !bad) out += "\xEF\xBF\xBD";
    bad = !valid;
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

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
  t_probe.clear();
  for (size_t i = 0; i < n; ++i) {
    t_probe += values[i];
    t_probe += '\0';
  }
  const auto at =
      std::lower_bound(by_key_.begin(), by_key_.end(), t_probe,
                       [&](uint32_t i, const std::string& key) { return rows_[i].key < key; });
  if (at == by_key_.end() || rows_[*at].key != t_probe) {
    const auto index = static_cast<uint32_t>(rows_.size());
    by_key_.insert(at, index);
    next_ = index + 1;
    return Insert(values, n);
  }
  next_ = *at + 1;
  return rows_[*at];
}

// Of a series with the key in t_probe and its number: enough for nearly all.
size_t Family::UsualTextSize(size_t n) const {
  constexpr size_t kNumber = 24;
  size_t size = name_.size() + t_probe.size() + kNumber;
  for (size_t i = 0; i < n && i < labels_.size(); ++i) size += labels_[i].size() + 4;
  return size;
}

Family::Row& Family::Insert(const std::string_view* values, size_t n) {
  Row& row = rows_.emplace_back();
  row.key = t_probe;
  row.text.reserve(UsualTextSize(n));
  row.text = n > 0 && labels_.empty() ? values[0] : name_;
  char separator = '{';
  for (size_t i = 0; i < n && i < labels_.size(); ++i) {
    if (values[i] == kNoLabel) continue;
    row.text += std::exchange(separator, ',');
    row.text += labels_[i];
    row.text += "=\"";
    if (IsReadable(values[i])) {
      exposition::AppendEscapedLabelValue(row.text, values[i]);
    } else {
      exposition::AppendEscapedLabelValue(row.text, MadeReadable(values[i]));
    }
    row.text += '"';
  }
  if (separator == ',') row.text += '}';
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

// https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
const std::string& Family::Header(Format format) {
  if (format == Format::kText) {
    if (!header_.empty()) return header_;
    constexpr size_t kAround = sizeof("# HELP  \n# TYPE  histogram\n");
    header_.reserve(2 * name_.size() + help_.size() + kAround);
    exposition::TextWriter(header_).Family(name_, help_, type_);
    return header_;
  }
  if (!open_header_.empty()) return open_header_;
  constexpr std::string_view kTotal = "_total";
  std::string_view name = name_;
  std::string_view type = "unknown";
  if (type_ == MetricType::kGauge) type = "gauge";
  if (type_ == MetricType::kHistogram) type = "histogram";
  if (type_ == MetricType::kSummary) type = "summary";
  if (type_ == MetricType::kCounter && name.ends_with(kTotal)) {
    type = "counter";
    name.remove_suffix(kTotal.size());
  }
  open_header_ = base::StrCat("# HELP ", name, " ");
  exposition::AppendEscapedLabelValue(open_header_, help_);
  base::StrAppend(open_header_, "\n# TYPE ", name, " ", type, "\n");
  return open_header_;
}

void Family::Render(Format format, std::string& out) {
  if (set_ != rows_.size()) Forget();
  if (set_ == 0) return;
  out += Header(format);
  for (const uint32_t i : by_key_) out += rows_[i].text;
}

size_t Family::MostBytes(Format format) {
  if (set_ == 0) return 0;
  size_t size = Header(format).size();
  for (const Row& row : rows_) size += row.text.size();
  return size;
}

size_t Family::RenderMoreOf(const Family& first, std::string& out) {
  if (set_ != rows_.size()) Forget();
  size_t dropped = 0;
  for (const uint32_t i : by_key_) {
    const Row& row = rows_[i];
    if (first.Has(row, labels_)) {
      ++dropped;
    } else {
      out += row.text;
    }
  }
  return dropped;
}

bool Family::Has(const Row& other, std::span<const std::string_view> labels) const {
  const bool same = std::equal(labels.begin(), labels.end(), labels_.begin(), labels_.end());
  if (!labels.empty() && same) {
    const auto at =
        std::lower_bound(by_key_.begin(), by_key_.end(), other.key,
                         [&](uint32_t i, const std::string& key) { return rows_[i].key < key; });
    return at != by_key_.end() && rows_[*at].key == other.key;
  }
  // Series known by their text: of files that people write.
  const std::string_view text = std::string_view(other.text).substr(0, other.number_at);
  return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
    return row.number_at == text.size() && row.text.starts_with(text);
  });
}

Family& FamilySet::Get(std::string_view name, std::string_view help, MetricType type,
                       const LabelNames& labels) {
  std::string mended;
  if (!std::all_of(name.begin(), name.end(), MayBeInName)) {
    mended = name;
    std::replace_if(
        mended.begin(), mended.end(), [](char c) { return !MayBeInName(c); }, '_');
    name = mended;
  }
  for (Family& family : families_) {
    if (family.name() == name) return family;
  }
  constexpr size_t kMost = 16'384;  // ethtool's of a large machine are some thousand
  if (families_.size() >= kMost) return beyond_;
  std::pmr::polymorphic_allocator<std::string_view> allocator(&memory_);
  std::string_view* const kept = labels.size() > 0 ? allocator.allocate(labels.size()) : nullptr;
  for (size_t i = 0; i < labels.size(); ++i) new (kept + i) std::string_view(Keep(labels[i]));
  const std::span<const std::string_view> names(kept, labels.size());
  help = IsReadable(help) ? Keep(help) : Keep(MadeReadable(help));
  Family& family = families_.emplace_back(Keep(name), help, type, names);
  family.Begin();
  ++version_;
  return family;
}

std::string_view FamilySet::Keep(std::string_view text) {
  if (text.empty()) return {};
  char* const kept = std::pmr::polymorphic_allocator<char>(&memory_).allocate(text.size());
  std::copy(text.begin(), text.end(), kept);
  return {kept, text.size()};
}

void FamilySet::Clear() {
  // Not by clear(), which keeps memory that release() takes away.
  std::destroy_at(&families_);
  memory_.release();
  std::construct_at(&families_, &memory_);
  ++version_;
}

bool FamilySet::empty() const {
  return std::all_of(families_.begin(), families_.end(),
                     [](const Family& family) { return family.series() == 0; });
}

void FamilySet::Begin() {
  for (Family& family : families_) family.Begin();
  if (beyond_.series() > 0) beyond_ = Family("", "", MetricType::kUnknown, {});
}

void Merger::Render(const std::vector<FamilySet*>& sets, Format format, std::string& out) {
  uint64_t version = 0;
  for (const FamilySet* set : sets) version += set->version();
  if (sets != sets_ || version != version_) {
    sets_ = sets;
    version_ = version;
    order_.clear();
    for (FamilySet* set : sets) {
      for (Family& family : set->families()) order_.push_back(&family);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [](const Family* a, const Family* b) { return a->name() < b->name(); });
  }
  // A page that grew piece by piece would take three times its memory.
  if (out.empty()) {
    size_t size = 0;
    for (Family* family : order_) size += family->MostBytes(format);
    if (out.capacity() < size) out.reserve(size + size / 16);
  }
  duplicated_.clear();
  const Family* first = nullptr;
  for (Family* family : order_) {
    if (family->series() == 0) continue;
    // Two collectors may have a family in common (node_cpu_frequency_hertz, those of text files).
    if (first == nullptr || first->name() != family->name()) {
      family->Render(format, out);
      first = family;
    } else if (family->RenderMoreOf(*first, out) > 0) {
      duplicated_ = family->name();
    }
  }
  if (format == Format::kOpenMetrics) out += "# EOF\n";
}

}  // namespace slurmscope::agent
