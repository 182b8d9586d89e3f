#include "http/response_reader.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/strings.h"

namespace slurmscope::http {

namespace {

constexpr size_t kLeastRoom = 16 * 1024;
constexpr size_t kMaxLineBytes = 4096;  // of a chunk's size or a trailer
constexpr std::string_view kVersion = "HTTP/1.1 ";

bool EqualFold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

void ResponseReader::Begin(std::string buffer, uint64_t max_body_bytes, size_t expected_bytes) {
  *this = {};
  buffer_ = std::move(buffer);
  max_body_ = max_body_bytes;
  const size_t wanted = std::max(expected_bytes, kLeastRoom);
  if (buffer_.size() < wanted) buffer_.resize(wanted);
}

ResponseReader::Room ResponseReader::room() {
  if (have_ == buffer_.size()) buffer_.resize(have_ + std::max(have_ / 2, kLeastRoom));
  size_t size = buffer_.size() - have_;
  // What follows the body is of no interest to anybody.
  if (part_ == Part::kBody) size = std::min<uint64_t>(size, left_ - (have_ - read_));
  return {buffer_.data() + have_, size};
}

ResponseReader::State ResponseReader::Received(size_t size) {
  have_ += size;
  if (part_ == Part::kHead) {
    if (const State state = ReadHead(); state != State::kDone) return state;
  }
  return part_ == Part::kBody ? ReadBody() : ReadChunks();
}

// kDone: the head is there.
ResponseReader::State ResponseReader::ReadHead() {
  const std::string_view bytes(buffer_.data(), have_);
  // The end may have come in two pieces.
  const size_t end = bytes.find("\r\n\r\n", read_ < 3 ? 0 : read_ - 3);
  if (end == bytes.npos || end + 4 > kMaxHeadBytes) {
    read_ = have_;
    return have_ >= kMaxHeadBytes ? State::kOdd : State::kMore;
  }
  head_size_ = end + 4;
  std::string_view lines = bytes.substr(0, end + 2);
  if (!lines.starts_with(kVersion) || lines.size() < kVersion.size() + 4) return State::kOdd;
  const std::string_view digits = lines.substr(kVersion.size(), 3);
  const char behind = lines[kVersion.size() + 3];
  status_ = base::ParseInt<int>(digits).value_or(0);
  if (status_ < 200 || status_ > 599 || (behind != ' ' && behind != '\r')) return State::kOdd;
  lines.remove_prefix(lines.find("\r\n") + 2);
  while (!lines.empty()) {
    const size_t line_end = lines.find("\r\n");
    if (!ReadHeaderLine(lines.substr(0, line_end))) return State::kOdd;
    lines.remove_prefix(line_end + 2);
  }
  return Begun();
}

// False when it says something that is not dealt with here.
bool ResponseReader::ReadHeaderLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == line.npos || colon == 0 || line[0] == ' ' || line[0] == '\t') return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = base::TrimSpace(line.substr(colon + 1));
  if (EqualFold(name, "Content-Length")) {
    const auto length = base::ParseInt<uint64_t>(value);
    if (!length || (has_length_ && *length != left_)) return false;
    has_length_ = true;
    left_ = *length;
  } else if (EqualFold(name, "Transfer-Encoding")) {
    if (chunked_ || !EqualFold(value, "chunked")) return false;
    chunked_ = true;
  } else if (EqualFold(name, "Connection")) {
    if (!EqualFold(value, "keep-alive")) keeps_ = false;
  }
  return true;
}

ResponseReader::State ResponseReader::Begun() {
  read_ = body_end_ = head_size_;
  if (chunked_ == has_length_) return State::kOdd;
  // These have no body, whatever they say of one.
  if (status_ == 204 || status_ == 304) return State::kOdd;
  if (has_length_ && left_ > max_body_) return State::kTooBig;
  part_ = chunked_ ? Part::kChunkSize : Part::kBody;
  if (has_length_ && buffer_.size() - head_size_ < left_) buffer_.resize(head_size_ + left_);
  return State::kDone;
}

ResponseReader::State ResponseReader::ReadBody() {
  if (have_ - read_ < left_) return State::kMore;
  body_end_ = read_ + left_;
  if (have_ > body_end_) keeps_ = false;
  return State::kDone;
}

bool ResponseReader::TakeLine(std::string_view* line, bool* odd) {
  const std::string_view bytes(buffer_.data() + read_, have_ - read_);
  const size_t end = bytes.substr(0, kMaxLineBytes).find("\r\n");
  *odd = end == bytes.npos && bytes.size() >= kMaxLineBytes;
  if (end == bytes.npos) return false;
  *line = bytes.substr(0, end);
  read_ += end + 2;
  return true;
}

bool ResponseReader::ReadChunkSize(std::string_view line) {
  const std::string_view digits = base::TrimSpace(line.substr(0, line.find(';')));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  return error == std::errc() && end == digits.data() + digits.size();
}

void ResponseReader::MoveChunk() {
  const size_t size = std::min<uint64_t>(left_, have_ - read_);
  if (body_end_ != read_) std::memmove(&buffer_[body_end_], &buffer_[read_], size);
  body_end_ += size;
  read_ += size;
  left_ -= size;
}

ResponseReader::State ResponseReader::ReadChunks() {
  std::string_view line;
  bool odd = false;
  while (true) {
    if (part_ == Part::kChunk) {
      MoveChunk();
      if (left_ > 0) break;
      part_ = Part::kChunkEnd;
    }
    if (!TakeLine(&line, &odd)) break;
    if (part_ == Part::kTrailer) {
      if (!line.empty()) continue;
      if (have_ > read_) keeps_ = false;
      return State::kDone;
    }
    if (part_ == Part::kChunkEnd) {
      if (!line.empty()) return State::kOdd;
      part_ = Part::kChunkSize;
      continue;
    }
    if (!ReadChunkSize(line)) return State::kOdd;
    if (left_ > max_body_ - (body_end_ - head_size_)) return State::kTooBig;
    part_ = left_ > 0 ? Part::kChunk : Part::kTrailer;
  }
  if (odd) return State::kOdd;
  if (read_ == have_) read_ = have_ = body_end_;  // the room of the framing is free again
  return State::kMore;
}

std::string ResponseReader::TakeBody() {
  buffer_.resize(body_end_);
  buffer_.erase(0, head_size_);
  return std::move(buffer_);
}

}  // namespace slurmscope::http
