#include <cstdlib>

#include "http/client.h"
#include "http/form.h"

// What parses must survive being written and parsed again, byte for byte.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slurmscope::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Pairs pairs;
  if (!ParseForm(text, kMaxFormPairs, pairs)) return 0;
  Pairs again;
  if (!ParseForm(EncodeForm(pairs), kMaxFormPairs, again) || again != pairs) std::abort();
  return 0;
}
