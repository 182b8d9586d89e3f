#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/encoding.h"

namespace slurmscope::http {

// Codes a body that comes in pieces as one gzip member or zstd frame, in memory of its own that
// does not grow with the body. Not thread-safe.
class StreamEncoder {
 public:
  // Null when there is no memory.
  static std::unique_ptr<StreamEncoder> Create(Coding coding);
  virtual ~StreamEncoder() = default;

  // Appends what can be sent of the body up to here; all of it when `last`. False when that cannot
  // be done: nothing more may be sent.
  virtual bool Encode(std::string_view piece, bool last, std::string& out) = 0;
};

// One frame; empty when there is no memory.
std::string ZstdCompress(std::string_view data);

}  // namespace slurmscope::http
