#pragma once

#include <string>
#include <vector>

#include "remote/write_stats.h"
#include "tsdb/db.h"

namespace slurmscope::api {

// Appends the prometheus_remote_storage_* families of what is sent, and where the log is read for
// it.
void WriteRemoteMetrics(const std::vector<remote::WriteStats>& queues, const tsdb::HeadStats& head,
                        std::string& out);

}  // namespace slurmscope::api
