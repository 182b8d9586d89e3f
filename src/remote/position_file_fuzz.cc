#include <cstdint>
#include <string_view>

#include "remote/position_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)slurmscope::remote::DecodePositionFile({reinterpret_cast<const char*>(data), size});
  return 0;
}
