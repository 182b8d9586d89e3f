#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "http/response_reader.h"

namespace {

using slurmscope::http::ResponseReader;

constexpr uint64_t kMaxBody = 1 << 16;

struct Outcome {
  ResponseReader::State state = ResponseReader::State::kMore;
  std::string body;
  bool operator==(const Outcome&) const = default;
};

Outcome Read(std::string_view bytes, size_t piece) {
  ResponseReader reader;
  reader.Begin({}, kMaxBody, 0);
  Outcome outcome;
  while (!bytes.empty() && outcome.state == ResponseReader::State::kMore) {
    const auto room = reader.room();
    if (room.size == 0) std::abort();
    const size_t size = std::min({piece, room.size, bytes.size()});
    std::memcpy(room.data, bytes.data(), size);
    bytes.remove_prefix(size);
    outcome.state = reader.Received(size);
  }
  if (outcome.state == ResponseReader::State::kDone) outcome.body = reader.TakeBody();
  if (outcome.body.size() > kMaxBody) std::abort();
  return outcome;
}

}  // namespace

// In whatever pieces a response comes, it reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size > 100'000) return 0;
  const Outcome whole = Read(bytes, size);
  if (!(Read(bytes, 1) == whole) || !(Read(bytes, 7) == whole)) std::abort();
  return 0;
}
