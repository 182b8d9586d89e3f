#include "exposition/item_reader.h"

#include "exposition/openmetrics_reader.h"

namespace slurmscope::exposition {

Item ItemOf(const Entry& entry) {
  Item item;
  item.kind = entry.kind;
  item.raw = entry.kind == Entry::Kind::kSample ? entry.series : entry.raw;
  item.metric = entry.metric;
  item.text = entry.text;
  item.type = entry.type;
  item.value = entry.value;
  item.timestamp = entry.timestamp;
  item.line = entry.line;
  return item;
}

Item ItemOf(const Entry& entry, const OpenMetricsReader& reader) {
  Item item = ItemOf(entry);
  const ExemplarEntry* exemplar = reader.exemplar();
  if (exemplar == nullptr) return item;
  auto labels = ParseExemplarLabels(exemplar->labels);
  if (!labels) return item;
  item.exemplars.push_back({*std::move(labels), exemplar->value, exemplar->timestamp.value_or(0),
                            exemplar->timestamp.has_value()});
  return item;
}

const Item* ItemReader::Peek() {
  if (at_ < items_.size()) return &items_[at_];
  if (at_end_ || !failed_) return nullptr;
  items_.clear();
  at_ = 0;
  while (items_.empty()) {
    Result<bool> more = source_(&items_);
    if (!more) {
      items_.clear();
      failed_ = base::Fail(more.error());
      return nullptr;
    }
    at_end_ = !*more;
    if (at_end_ && items_.empty()) return nullptr;
  }
  return items_.data();
}

Result<Entry> ItemReader::Next() {
  const Item* item = Peek();
  if (!failed_) return base::Fail(failed_.error());
  Entry entry;
  entry.line = ++line_;
  entry.column = 1;
  if (item == nullptr) return entry;  // kEnd
  ++at_;
  if (item->line > 0) entry.line = item->line;
  entry.kind = item->kind;
  entry.raw = item->raw;
  if (item->kind == Entry::Kind::kSample) entry.series = item->raw;
  entry.value = item->value;
  entry.timestamp = item->timestamp;
  entry.metric = item->metric;
  entry.text = item->text;
  entry.type = item->type;
  return entry;
}

bool ItemReader::NextKnown(uint64_t hash, size_t length, KnownSample* out) {
  const Item* item = Peek();
  if (item == nullptr || item->kind != Entry::Kind::kSample) return false;
  if (item->raw.size() != length || HashText(item->raw) != hash) return false;
  ++at_;
  ++line_;
  out->series = item->raw;
  out->value = item->value;
  out->timestamp = item->timestamp;
  return true;
}

bool ItemReader::SkipKnown(uint64_t hash, size_t length) {
  const Item* item = Peek();
  if (item == nullptr || item->kind == Entry::Kind::kSample) return false;
  if (item->raw.size() != length || HashText(item->raw) != hash) return false;
  ++at_;
  ++line_;
  return true;
}

}  // namespace slurmscope::exposition
