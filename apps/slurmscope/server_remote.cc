// Remote write and read.
#include "base/strings.h"
#include "server.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/merged_querier.h"

namespace slurmscope::app {

void Server::StartRemoteRead() {
  auto begins = [this] { return db_->storage_stats().lowest_time; };
  auto decode = [](const model::RawChunk& chunk, int64_t mint, int64_t maxt, model::Columns* out) {
    return tsdb::DecodeChunk({chunk.encoding, chunk.bytes}, mint, maxt, out);
  };
  queried_ = std::make_unique<remote::ReadFanout>(
      remote::ReadFanout::Parts{*db_, begins, tsdb::NewMergedQuerier, decode, *client_});
  queried_->Apply(config_.remote_read, config_.global.external_labels);
}

void Server::StartRemoteWrite() {
  remote::WriteSources sources;
  sources.open_log = [this](std::optional<model::LogPosition> from) {
    return db_->FollowLog(from);
  };
  sources.families = [scraped = scrape_->family_source()] {
    std::vector<remote::FamilyMetadata> families;
    for (auto& [name, metadata] : scraped()) families.push_back({name, std::move(metadata)});
    return families;
  };
  remote_write_ = std::make_unique<remote::WriteManager>(
      base::StrCat(flags_.tsdb_path, "/remote_write"), std::move(sources), *client_,
      flags_.flush_deadline_ms);
  remote_write_->Apply(config_.remote_write, config_.global.external_labels);
}

void Server::AddRemoteRoutes() {
  remote::ReadHandler::Options read;
  read.max_samples = flags_.read_sample_limit;
  read.max_concurrent = flags_.read_concurrent_limit;
  read.max_frame_bytes = flags_.read_max_frame_bytes;
  auto external_labels = [this] {
    std::lock_guard lock(config_mutex_);
    return config_.global.external_labels;
  };
  read_handler_ = std::make_unique<remote::ReadHandler>(*db_, external_labels, read);
  router_.Add("POST", "/api/v1/read",
              [this](const http::Request& request) { return read_handler_->Handle(request); });
  AddReceiverRoutes();
}

void Server::AddReceiverRoutes() {
  auto add_disabled = [this](std::string path, std::string_view what, std::string_view flag) {
    std::string text = base::StrCat(what, " needs to be enabled with ", flag, "\n");
    router_.Add("POST", std::move(path), [text = std::move(text)](const http::Request&) {
      return http::Response::Text(404, text);
    });
  };
  constexpr const char* kOtlpPath = "/api/v1/otlp/v1/metrics";
  if (flags_.enable_otlp_receiver) {
    std::lock_guard lock(config_mutex_);
    remote::OtlpOptions options;
    options.start_times = flags_.Enabled(kStartTimes);
    if (flags_.Enabled(kDeltasAddedUp)) options.delta = remote::OtlpDelta::kAddedUp;
    if (flags_.Enabled(kDeltasAsTheyAre)) options.delta = remote::OtlpDelta::kAsTheyAre;
    otlp_receiver_ =
        std::make_unique<remote::OtlpReceiver>(*db_, base::SystemClock(), config_.otlp, options);
    router_.Add("POST", kOtlpPath,
                [this](const http::Request& request) { return otlp_receiver_->Handle(request); });
  } else {
    add_disabled(kOtlpPath, "otlp write receiver", "--web.enable-otlp-receiver");
  }
  if (!flags_.enable_write_receiver) {
    add_disabled("/api/v1/write", "remote write receiver", "--web.enable-remote-write-receiver");
    return;
  }
  write_receiver_ = std::make_unique<remote::WriteReceiver>(
      *db_, base::SystemClock(),
      remote::WriteReceiver::Options{flags_.accept_write_v1, flags_.accept_write_v2,
                                     flags_.Enabled(kStartTimes)});
  router_.Add("POST", "/api/v1/write",
              [this](const http::Request& request) { return write_receiver_->Handle(request); });
}

}  // namespace slurmscope::app
