#include <cstdlib>

#include "remote/write_outcome.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t kMaxMs = 300'000;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  int64_t wait = slurmscope::remote::ParseRetryAfter(text, 784'111'777'000);
  if (wait < 0 || wait > kMaxMs) std::abort();
  return 0;
}
