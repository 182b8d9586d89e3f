#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "model/sample_log.h"

namespace slurmscope::remote {

// Remembers up to where a log was sent, in a file of two slots that are written in turn: number
// (u64), segment (u64), offset (u64), CRC-32C of those (u32), all big endian. The good slot of the
// higher number counts, so a torn write leaves the one before. Written without fsync: what kill -9
// leaves is what was written last, and after power loss an older position only sends some again.
// Not thread-safe.
class PositionFile {
 public:
  // Opens or makes the file.
  static base::Result<PositionFile> Open(const std::string& path);

  // As it was read, or stored last; nullopt in a new or damaged file.
  const std::optional<model::LogPosition>& position() const { return position_; }
  base::Result<void> Store(const model::LogPosition& position);

 private:
  explicit PositionFile(base::File file) : file_(std::move(file)) {}

  base::File file_;
  uint64_t number_ = 0;
  std::optional<model::LogPosition> position_;
};

struct StoredPosition {
  uint64_t number = 0;
  model::LogPosition position;
};
// Safe on any bytes.
std::optional<StoredPosition> DecodePositionFile(std::string_view bytes);

}  // namespace slurmscope::remote
