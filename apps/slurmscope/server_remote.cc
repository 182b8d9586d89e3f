// Remote write and read.
#include "base/strings.h"
#include "server.h"

namespace slurmscope::app {

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
  if (!flags_.enable_write_receiver) {
    router_.Add("POST", "/api/v1/write", [](const http::Request&) {
      return http::Response::Text(404,
                                  "remote write receiver needs to be enabled with "
                                  "--web.enable-remote-write-receiver\n");
    });
    return;
  }
  write_receiver_ = std::make_unique<remote::WriteReceiver>(
      *db_, base::SystemClock(),
      remote::WriteReceiver::Options{flags_.accept_write_v1, flags_.accept_write_v2});
  router_.Add("POST", "/api/v1/write",
              [this](const http::Request& request) { return write_receiver_->Handle(request); });
}

}  // namespace slurmscope::app
