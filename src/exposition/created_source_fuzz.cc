#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exposition/created_source.h"
#include "exposition/nhcb_source.h"
#include "exposition/openmetrics_reader.h"

using namespace slurmscope::exposition;

// No sample comes of nothing, start times are possible ones, and a page that is read is read by the
// plain reader too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  OpenMetricsReader plain(body);
  size_t samples = 0;
  bool good = true;
  while (true) {
    auto entry = plain.Next();
    good = entry.has_value();
    if (!entry || entry->kind == Entry::Kind::kEnd) break;
    samples += entry->kind == Entry::Kind::kSample ? 1 : 0;
  }
  size_t made = 0;
  ItemReader reader(CreatedOfOpenMetrics(body));
  while (true) {
    auto entry = reader.Next();
    if (entry && !good && entry->kind == Entry::Kind::kEnd) std::abort();
    if (!entry || entry->kind == Entry::Kind::kEnd) break;
    if (reader.item()->created_ms < 0) std::abort();
    made += entry->kind == Entry::Kind::kSample ? 1 : 0;
  }
  if (made > samples) std::abort();
  ItemReader nhcb(NhcbOfItems(CreatedOfOpenMetrics(body), true));
  while (true) {
    auto entry = nhcb.Next();
    if (!entry || entry->kind == Entry::Kind::kEnd) return 0;
  }
}
