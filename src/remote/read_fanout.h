#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/querier.h"
#include "remote/read_client.h"

namespace slurmscope::remote {

// A storage together with the systems that remote_read names: what those have, too, or alone.
// Names and values of labels are those of the storage. A system that cannot be read is a warning of
// the querier, not an error. Thread-safe.
class ReadFanout final : public model::Queryable {
 public:
  struct Parts {
    model::Queryable& storage;
    // The time from which the storage has all samples, ms; remote systems without read_recent are
    // asked for what is before.
    std::function<int64_t()> storage_begins;
    // One view of several; series with the same labels become one, of equal times the later part
    // counts. All must give sorted series.
    std::function<std::unique_ptr<model::Querier>(std::vector<std::unique_ptr<model::Querier>>)>
        merge;
    ChunkDecoder decode;
    http::Client& client;
  };

  explicit ReadFanout(Parts parts) : parts_(std::move(parts)) {}

  // For the queries that come later.
  void Apply(const std::vector<config::RemoteReadConfig>& configs,
             const std::map<std::string, std::string>& external_labels);

  Result<std::unique_ptr<model::Querier>> NewQuerier(int64_t mint, int64_t maxt) override;

 private:
  const Parts parts_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const ReadClient>> clients_;
};

}  // namespace slurmscope::remote
