#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "http/encoding.h"
#include "http/server.h"
#include "http/stream_encoder.h"

namespace slurmscope::http {

// A body that is made while it is sent: one coded piece of it is here at a time. Used by one thread
// at a time: the one that makes a piece or the one that sends it.
class BodyStream {
 public:
  // Takes body and rest of the response. Null when there is no memory to code it.
  static std::unique_ptr<BodyStream> Create(Response& response, Coding coding);

  // Copies at most `size` bytes of the piece that is here; 0 when it is used up.
  size_t Read(char* out, size_t size);
  // Makes the next piece, after the one before is used up. An exception of the source ends the body
  // as broken.
  void MakeNext();

  // All of the body has been made; what Read gives is the last of it.
  bool complete() const { return complete_; }
  // It cannot be brought to its end, so that the client has to see that it is cut off.
  bool broken() const { return broken_; }

 private:
  BodyStream(std::string first, std::function<bool(std::string& out)> rest,
             std::unique_ptr<StreamEncoder> encoder)
      : plain_(std::move(first)), rest_(std::move(rest)), encoder_(std::move(encoder)) {}

  std::string plain_;  // not coded yet
  std::function<bool(std::string& out)> rest_;
  std::unique_ptr<StreamEncoder> encoder_;
  std::string piece_;
  size_t sent_ = 0;  // of piece_
  bool complete_ = false;
  bool broken_ = false;
};

}  // namespace slurmscope::http
