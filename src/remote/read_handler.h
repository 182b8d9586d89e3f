#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/server.h"
#include "model/querier.h"
#include "remote/chunk_answer.h"
#include "remote/read_message.h"

namespace slurmscope::remote {

// Answers remote read (POST /api/v1/read): chunks as they are stored, made while they are sent,
// when the client takes those (Prometheus and Thanos do), else samples. Thread-safe; must outlive
// its answers.
class ReadHandler {
 public:
  struct Options {
    uint64_t max_samples = 50'000'000;      // of an answer with samples
    size_t max_message_bytes = 256u << 20;  // of an answer with samples, before compression
    size_t max_concurrent = 10;             // requests at once; more are answered 503
    size_t max_frame_bytes = 1 << 20;  // of an answer with chunks, but for larger single chunks
  };

  // `storage` must outlive it. External labels are added to all series, and matchers on them are
  // taken for satisfied, as a Prometheus does.
  ReadHandler(model::Queryable& storage, std::function<ExternalLabels()> external, Options options)
      : storage_(storage), external_(std::move(external)), options_(options) {}

  http::Response Handle(const http::Request& request);

 private:
  struct Turn;

  Result<http::Response> Answer(const http::Request& request, std::shared_ptr<Turn> turn);
  Result<std::string> Samples(const ReadRequest& request, const ExternalLabels& external,
                              const http::Request& from) const;

  model::Queryable& storage_;
  const std::function<ExternalLabels()> external_;
  const Options options_;
  std::atomic<size_t> running_ = 0;
};

}  // namespace slurmscope::remote
