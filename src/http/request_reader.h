#pragma once

#include <optional>
#include <string_view>

#include "http/server.h"

namespace slurmscope::http {

// Builds a Request from its head and the pieces of its body, within limits. A refusal is the
// response to give instead of calling the handler. Not thread-safe.
class RequestReader {
 public:
  explicit RequestReader(size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  Request& request() { return request_; }
  // As if new; the texts of the request stay until they are set, its headers until EndHeaders.
  void Clear();
  // A header as it came, in the place and memory of that of the request before.
  void AddHeader(std::string_view name, std::string_view value);
  // Drops headers of the request before.
  void EndHeaders() { request_.headers.resize(headers_); }

  // After method, raw_target and headers are set: checks method, header size, that there is only
  // one way to read the head, and the announced body size, and fills path and params.
  std::optional<Response> CheckHead(size_t max_header_bytes);

  // Takes a piece of the body. What goes beyond the limit is read and dropped, so that the client
  // gets to see the refusal; false when it sends so much that only closing the connection helps.
  bool AddBody(std::string_view piece);

  // There is no memory for the rest of the body: what comes is dropped, and the request refused.
  void RefuseBody();

  // The body is whole: moves form fields to params.
  std::optional<Response> Finish();

 private:
  std::optional<Response> ReadTarget();

  Request request_;
  size_t max_body_bytes_;
  size_t headers_ = 0;  // of this request
  size_t dropped_bytes_ = 0;
  bool refused_ = false;
};

}  // namespace slurmscope::http
