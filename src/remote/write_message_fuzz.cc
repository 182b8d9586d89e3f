// Both versions of write requests: nothing is read outside of the message, and what comes out is
// within its bounds.
#include <cstdlib>

#include "remote/snappy_block.h"
#include "remote/write_message.h"

namespace {

using slurmscope::remote::WriteSeries;

bool Inside(std::string_view text, std::string_view message) {
  return text.empty() || (text.data() >= message.data() &&
                          text.data() + text.size() <= message.data() + message.size());
}

void Check(const WriteSeries& series, std::string_view message) {
  for (const auto& [name, value] : series.labels)
    if (!Inside(name, message) || !Inside(value, message)) std::abort();
  for (const auto& entry : series.histograms) {
    if (const auto* h = std::get_if<slurmscope::model::IntHistogram>(&entry.histogram)) {
      if (h->positive.size() + h->negative.size() > message.size()) std::abort();
      (void)Validate(*h);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view message(reinterpret_cast<const char*>(data), size);
  auto take = [&](WriteSeries& series) { Check(series, message); };
  (void)slurmscope::remote::DecodeWriteV1(message, take);
  (void)slurmscope::remote::DecodeWriteV2(message, take);
  (void)slurmscope::remote::SnappyDecode(message, 1 << 20);
  return 0;
}
