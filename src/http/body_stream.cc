#include "http/body_stream.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "base/log.h"

namespace slurmscope::http {

std::unique_ptr<BodyStream> BodyStream::Create(Response& response, Coding coding) {
  auto encoder = StreamEncoder::Create(coding);
  if (encoder == nullptr) return nullptr;
  return std::unique_ptr<BodyStream>(
      new BodyStream(std::move(response.body), std::move(response.rest), std::move(encoder)));
}

size_t BodyStream::Read(char* out, size_t size) {
  const size_t n = std::min(size, piece_.size() - sent_);
  std::memcpy(out, piece_.data() + sent_, n);
  sent_ += n;
  return n;
}

void BodyStream::MakeNext() {
  piece_.clear();
  sent_ = 0;
  // A coder may keep small pieces to itself.
  while (piece_.empty() && !complete_ && !broken_) {
    try {
      complete_ = !rest_(plain_);
    } catch (const std::exception& e) {
      base::LogError("http body cut off", {{"error", e.what()}});
      broken_ = true;
      return;
    }
    broken_ = !encoder_->Encode(plain_, complete_, piece_);
    plain_.clear();
  }
  if (complete_ || broken_) rest_ = nullptr;  // and with it what the body is made of
}

}  // namespace slurmscope::http
