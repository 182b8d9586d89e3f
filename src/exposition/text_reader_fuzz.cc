#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/strings.h"
#include "exposition/text_reader.h"

using slurmscope::exposition::Entry;
using slurmscope::exposition::HashText;
using slurmscope::exposition::KnownSample;
using slurmscope::exposition::TextReader;

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

// What a series parses to must hold for storage, and reading the known way must give the same as
// the long way.
void CheckSample(const Entry& entry) {
  if (auto labels = slurmscope::exposition::ParseSeries(entry.series, entry.column)) {
    Check(labels->Has(slurmscope::model::kMetricName));
    for (auto label : *labels) {
      Check(slurmscope::base::IsValidUtf8(label.name) &&
            slurmscope::base::IsValidUtf8(label.value));
    }
  }
  TextReader again(entry.raw);
  KnownSample known;
  if (!again.NextKnown(HashText(entry.series), entry.series.size(), &known)) return;
  Check(known.series == entry.series && known.timestamp == entry.timestamp);
  Check(known.value == entry.value || (known.value != known.value && entry.value != entry.value));
  Check(again.Next()->kind == Entry::Kind::kEnd);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TextReader reader({reinterpret_cast<const char*>(data), size});
  while (true) {
    auto entry = reader.Next();
    if (!entry || entry->kind == Entry::Kind::kEnd) return 0;
    if (entry->kind == Entry::Kind::kSample) CheckSample(*entry);
    if (entry->kind == Entry::Kind::kHelp) slurmscope::exposition::UnescapeHelp(entry->text);
  }
}
