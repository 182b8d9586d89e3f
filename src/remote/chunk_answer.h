#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/querier.h"
#include "remote/read_message.h"

namespace slurmscope::remote {

using ExternalLabels = std::map<std::string, std::string>;

// The series that one query of a remote read asks for: matchers that the external labels satisfy
// are left out.
Result<std::unique_ptr<model::SeriesSet>> SelectForRead(model::Queryable& storage,
                                                        const ReadQuery& query,
                                                        const ExternalLabels& external);
// With the external labels that the series does not have itself.
model::Labels WithExternal(model::Labels labels, const ExternalLabels& external);

// A streamed answer to a remote read, made piece by piece: of the storage's chunks those of one
// series are held. Not thread-safe; the storage must outlive it.
class ChunkAnswer {
 public:
  ChunkAnswer(model::Queryable& storage, ReadRequest request, ExternalLabels external,
              size_t max_frame_bytes)
      : storage_(storage),
        request_(std::move(request)),
        external_(std::move(external)),
        max_frame_bytes_(max_frame_bytes) {}

  // Appends whole frames to `out` until that is `enough` bytes long; false when all are there.
  Result<bool> Next(std::string& out, size_t enough);

 private:
  void AppendFrames(const model::Labels& labels, std::string& out) const;

  model::Queryable& storage_;
  const ReadRequest request_;
  const ExternalLabels external_;
  const size_t max_frame_bytes_;
  size_t query_ = 0;
  size_t series_ = 0;  // of the set
  std::unique_ptr<model::SeriesSet> set_;
  std::vector<model::RawChunk> chunks_;  // of one series
};

}  // namespace slurmscope::remote
