#pragma once

#include <microhttpd.h>

#include <cstddef>
#include <memory>

#include "http/body_stream.h"
#include "http/connection_table.h"
#include "http/event_queue.h"
#include "http/request_reader.h"
#include "http/server.h"

namespace slurmscope::http {

// One request on its way. libmicrohttpd's thread owns it through `self` until the request
// completes; a worker holds it for as long as the handler runs, which may be longer when the server
// stops.
struct Exchange {
  RequestReader reader;
  Response response;
  MHD_Connection* mhd = nullptr;
  Connection* connection = nullptr;
  size_t body_bytes = 0;  // counted in the server's total
  bool started = false;
  bool counted = false;  // among the requests of the client
  bool dispatched = false;
  bool suspended = false;  // guarded by ServerImpl::mutex_
  bool ready = false;      // guarded by ServerImpl::mutex_
  bool given_up = false;   // guarded by ServerImpl::mutex_: the server stops, the body is cut off
  // Of a response with a rest; a worker's while suspended, else the library's thread's.
  std::unique_ptr<BodyStream> stream;
  std::shared_ptr<EventQueue> events;  // that the stream waits for
  std::shared_ptr<Exchange> self;

  explicit Exchange(size_t max_body_bytes) : reader(max_body_bytes) {}

  // As if new, for the next request of a connection; keeps memory of texts.
  void Clear();
};

}  // namespace slurmscope::http
