#include "remote/position_file.h"

#include <fcntl.h>

#include "base/bytes.h"

namespace slurmscope::remote {
namespace {

constexpr size_t kSlotBytes = 28;

}  // namespace

std::optional<StoredPosition> DecodePositionFile(std::string_view bytes) {
  std::optional<StoredPosition> newest;
  for (size_t at = 0; at < 2 * kSlotBytes && at + kSlotBytes <= bytes.size(); at += kSlotBytes) {
    base::ByteReader reader(bytes.substr(at, kSlotBytes));
    StoredPosition slot;
    slot.number = reader.U64Be();
    slot.position.segment = reader.U64Be();
    slot.position.offset = reader.U64Be();
    bool good = base::Crc32c(bytes.substr(at, kSlotBytes - 4)) == reader.U32Be();
    if (good && slot.number > 0 && (!newest || slot.number > newest->number)) newest = slot;
  }
  return newest;
}

base::Result<PositionFile> PositionFile::Open(const std::string& path) {
  PositionFile result(TRY(base::File::Open(path, O_RDWR | O_CREAT)));
  std::string bytes(2 * kSlotBytes, '\0');
  bytes.resize(TRY(result.file_.ReadAt(bytes.data(), bytes.size(), 0)));
  if (auto stored = DecodePositionFile(bytes)) {
    result.number_ = stored->number;
    result.position_ = stored->position;
  }
  return result;
}

base::Result<void> PositionFile::Store(const model::LogPosition& position) {
  std::string slot;
  base::PutU64Be(slot, ++number_);
  base::PutU64Be(slot, position.segment);
  base::PutU64Be(slot, position.offset);
  base::PutU32Be(slot, base::Crc32c(slot));
  TRY(file_.WriteAllAt(slot, number_ % 2 * kSlotBytes));
  position_ = position;
  return {};
}

}  // namespace slurmscope::remote
