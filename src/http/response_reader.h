#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace slurmscope::http {

// Reads one HTTP/1.1 response out of the bytes of a connection, as RFC 9112 section 6 delimits it;
// chunks are joined in place. What is unusual or wrong is not dealt with but reported as kOdd: the
// caller asks again by libcurl, which knows better. Safe on any bytes. Not thread-safe.
class ResponseReader {
 public:
  enum class State {
    kMore,    // not whole yet
    kDone,    // whole
    kOdd,     // not a plain final response with a length
    kTooBig,  // the body is longer than allowed
  };
  static constexpr size_t kMaxHeadBytes = 64 * 1024;

  // Begins with `buffer` as memory, whose content does not matter, and room for `expected_bytes`.
  void Begin(std::string buffer, uint64_t max_body_bytes, size_t expected_bytes);

  struct Room {
    char* data;
    size_t size;
  };
  // Where the next bytes are to be put; never empty while the state is kMore.
  Room room();
  // `size` bytes were put there.
  State Received(size_t size);

  // From here on once the head is there (and until TakeBody).
  bool has_head() const { return head_size_ > 0; }
  std::string_view head() const { return std::string_view(buffer_).substr(0, head_size_); }
  int status() const { return status_; }
  // After kDone: whether the connection can be used again, and how many bytes the response needed.
  bool keeps() const { return keeps_; }
  size_t used_bytes() const { return have_; }
  std::string TakeBody();
  // The memory back, when the body is of no use.
  std::string TakeBuffer() { return std::move(buffer_); }

 private:
  enum class Part { kHead, kBody, kChunkSize, kChunk, kChunkEnd, kTrailer };

  State ReadHead();
  bool ReadHeaderLine(std::string_view line);
  State Begun();
  State ReadBody();
  State ReadChunks();
  bool ReadChunkSize(std::string_view line);
  void MoveChunk();
  // The next line of what was not read yet, without its end. False when it is not all there;
  // `*odd` when it is too long.
  bool TakeLine(std::string_view* line, bool* odd);

  std::string buffer_;
  uint64_t max_body_ = 0;
  size_t have_ = 0;       // bytes in the buffer
  size_t read_ = 0;       // of them looked at
  size_t head_size_ = 0;  // with the empty line
  size_t body_end_ = 0;   // of the joined chunks
  uint64_t left_ = 0;     // of the body or the chunk
  Part part_ = Part::kHead;
  int status_ = 0;
  bool has_length_ = false;
  bool chunked_ = false;
  bool keeps_ = true;
};

}  // namespace slurmscope::http
