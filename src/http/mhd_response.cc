#include "http/mhd_response.h"

#include <array>
#include <string_view>

#include "base/log.h"

namespace slurmscope::http {
namespace {

constexpr size_t kLongestType = 256;

MHD_Response* ToMhd(const Response& response) {
  const std::string_view body =
      response.body.empty() ? response.static_body : std::string_view(response.body);
  // The library takes a pointer to non-const but does not write through it.
  return MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()),
                                         MHD_RESPMEM_PERSISTENT);
}

}  // namespace

MHD_Result QueueResponse(MHD_Connection* mhd, Response& response, MHD_Response* out, bool close) {
  if (out == nullptr) return MHD_NO;
  if (response.status != 204 && response.status != 304 && !response.content_type.empty()) {
    // The library wants an end that the text need not have.
    std::array<char, kLongestType> type{};
    response.content_type.copy(type.data(), type.size() - 1);
    MHD_add_response_header(out, "Content-Type", type.data());
  }
  if (response.varies_by_encoding) MHD_add_response_header(out, "Vary", "Accept-Encoding");
  for (const auto& [name, value] : response.headers) {
    // The library takes no line breaks: text from outside cannot become headers of its own.
    if (MHD_add_response_header(out, name.c_str(), value.c_str()) != MHD_YES)
      base::LogError("http response header not sent", {{"name", name}});
  }
  if (close) MHD_add_response_header(out, "Connection", "close");
  const MHD_Result result = MHD_queue_response(mhd, static_cast<unsigned>(response.status), out);
  MHD_destroy_response(out);
  return result;
}

MHD_Result QueueResponse(MHD_Connection* mhd, Response& response, bool close) {
  if (response.status < 200 || response.status > 999)
    response = Response::Text(500, "invalid status\n");
  if (response.status == 204 || response.status == 304) {
    response.body.clear();
    response.static_body = {};
  }
  return QueueResponse(mhd, response, ToMhd(response), close);
}

}  // namespace slurmscope::http
