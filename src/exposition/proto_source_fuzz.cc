#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exposition/nhcb_source.h"
#include "exposition/proto_source.h"

using namespace slurmscope::exposition;

namespace {

// Reads all there is. What is known is read the same way, and a series without a name is none.
void ReadAll(const ItemReader::Source& source) {
  ItemReader reader(source);
  ItemReader again(source);
  while (true) {
    auto entry = reader.Next();
    if (!entry || entry->kind == Entry::Kind::kEnd) return;
    const uint64_t hash = HashText(entry->raw);
    KnownSample known;
    const bool sample = entry->kind == Entry::Kind::kSample;
    if (sample != again.NextKnown(hash, entry->raw.size(), &known)) std::abort();
    if (!sample && !again.SkipKnown(hash, entry->raw.size())) std::abort();
    if (!sample) continue;
    auto labels = ParseSeries(entry->series, entry->column);
    if (labels && !labels->Has(slurmscope::model::kMetricName)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  ReadAll(ProtoSource(body, {}));
  ReadAll(ProtoSource(body, {true, true}));
  ItemReader nhcb(NhcbOfItems(ProtoSource(body, {true, true}), true));
  while (true) {
    auto entry = nhcb.Next();
    if (!entry || entry->kind == Entry::Kind::kEnd) break;
  }
  ItemReader text(NhcbOfText(body, false));
  while (true) {
    auto entry = text.Next();
    if (!entry || entry->kind == Entry::Kind::kEnd) return 0;
  }
}
