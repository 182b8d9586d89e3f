#pragma once

#include <microhttpd.h>

#include "http/server.h"

// Responses in the library's form. Private to the room.
namespace slurmscope::http {

// Queues a response, which must stay as it is until the request has completed. With `close` it is
// the connection's last one.
MHD_Result QueueResponse(MHD_Connection* mhd, Response& response, bool close);
// The same with a body that `out` has, which is given away.
MHD_Result QueueResponse(MHD_Connection* mhd, Response& response, MHD_Response* out, bool close);

}  // namespace slurmscope::http
