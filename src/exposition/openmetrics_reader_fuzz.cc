#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "exposition/openmetrics_reader.h"

using slurmscope::exposition::Entry;
using slurmscope::exposition::HashText;
using slurmscope::exposition::KnownSample;
using slurmscope::exposition::OpenMetricsReader;

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

void CheckUtf8(const slurmscope::model::Labels& labels) {
  for (auto label : labels) {
    Check(slurmscope::base::IsValidUtf8(label.name) && slurmscope::base::IsValidUtf8(label.value));
  }
}

// Labels hold for storage, and reading the known way gives the same as the long way.
void CheckSample(const Entry& entry, const slurmscope::exposition::ExemplarEntry* exemplar) {
  if (auto labels = slurmscope::exposition::ParseSeries(entry.series, entry.column)) {
    Check(labels->Has(slurmscope::model::kMetricName));
    CheckUtf8(*labels);
  }
  if (exemplar != nullptr) {
    auto labels = slurmscope::exposition::ParseExemplarLabels(exemplar->labels, exemplar->column);
    if (labels) CheckUtf8(*labels);
  }
  std::string body = std::string(entry.raw) + "\n# EOF\n";
  OpenMetricsReader again(body);
  KnownSample known;
  Check(again.NextKnown(HashText(entry.series), entry.series.size(), &known));
  Check((again.exemplar() == nullptr) == (exemplar == nullptr));
  Check(known.series == entry.series && known.timestamp == entry.timestamp);
  Check(known.value == entry.value || (known.value != known.value && entry.value != entry.value));
  Check(again.Next()->kind == Entry::Kind::kEnd);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  OpenMetricsReader reader({reinterpret_cast<const char*>(data), size});
  while (true) {
    auto entry = reader.Next();
    if (!entry || entry->kind == Entry::Kind::kEnd) return 0;
    if (entry->kind == Entry::Kind::kSample) CheckSample(*entry, reader.exemplar());
  }
}
