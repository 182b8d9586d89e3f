#include "http/mhd_response.h"

#include <memory>
#include <string>

#include "base/log.h"

namespace slurmscope::http {
namespace {

void FreeString(void* text) { delete static_cast<std::string*>(text); }

MHD_Response* ToMhd(Response& response) {
  if (response.body.empty()) {
    // The library takes a pointer to non-const but does not write through it.
    void* bytes = const_cast<char*>(response.static_body.data());
    return MHD_create_response_from_buffer(response.static_body.size(), bytes,
                                           MHD_RESPMEM_PERSISTENT);
  }
  auto body = std::make_unique<std::string>(std::move(response.body));
  MHD_Response* out = MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(), body->data(), &FreeString, body.get());
  if (out != nullptr) body.release();
  return out;
}

}  // namespace

MHD_Result QueueResponse(MHD_Connection* mhd, Response& response, MHD_Response* out, bool close) {
  if (out == nullptr) return MHD_NO;
  if (response.status != 204 && response.status != 304 && !response.content_type.empty()) {
    MHD_add_response_header(out, "Content-Type", response.content_type.c_str());
  }
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
