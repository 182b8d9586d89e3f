#pragma once

#include <cstddef>
#include <cstdint>

namespace slurmscope::tsdb {

// Shared by writer and reader of a block's index; docs/formats/index.md.
inline constexpr uint32_t kIndexMagic = 0xBAAAD700;
inline constexpr uint8_t kIndexVersion = 2;
inline constexpr size_t kIndexHeaderBytes = 5;
inline constexpr size_t kSeriesAlignment = 16;
inline constexpr size_t kTocBytes = 6 * 8 + 4;

}  // namespace slurmscope::tsdb
