#pragma once

#include <string>

#include "agent/gpu/service.h"
#include "http/server.h"

namespace slurmscope::agent::gpu {

// Adds GET /health, and POST /gpu/pause?for=10m[&release=1] and POST /gpu/resume, which want
// "Authorization: Bearer TOKEN" or "X-Slurmscope-Token: TOKEN" with the content of `token_file` (at
// least 16 bytes, not readable by all; read at each request; empty name: refused). The service
// outlives the router.
void AddGpuRoutes(http::Router& router, GpuService& service, std::string token_file);

}  // namespace slurmscope::agent::gpu
