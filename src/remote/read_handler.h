#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "http/server.h"
#include "model/querier.h"
#include "remote/read_message.h"

namespace slurmscope::remote {

// Answers remote read (POST /api/v1/read): samples, or chunks as they are stored when the client
// takes those (Thanos does). Thread-safe.
class ReadHandler {
 public:
  struct Options {
    uint64_t max_samples = 50'000'000;  // of an answer with samples
    size_t max_concurrent = 10;         // requests at once; more are answered 503
    size_t max_frame_bytes = 1 << 20;   // of an answer with chunks, but for larger single chunks
  };
  using ExternalLabels = std::function<std::map<std::string, std::string>()>;

  // `storage` must outlive it. External labels are added to all series, and matchers on them are
  // taken for satisfied, as a Prometheus does.
  ReadHandler(model::Queryable& storage, ExternalLabels external, Options options)
      : storage_(storage), external_(std::move(external)), options_(options) {}

  http::Response Handle(const http::Request& request);

 private:
  http::Response Answer(const http::Request& request);
  Result<std::string> Samples(const ReadRequest& request,
                              const std::map<std::string, std::string>& external) const;
  Result<std::string> Chunks(const ReadRequest& request,
                             const std::map<std::string, std::string>& external,
                             const http::Request& from) const;

  model::Queryable& storage_;
  const ExternalLabels external_;
  const Options options_;
  std::atomic<size_t> running_ = 0;
};

}  // namespace slurmscope::remote
