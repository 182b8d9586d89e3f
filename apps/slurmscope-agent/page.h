#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "agent/collector.h"
#include "agent/exporter.h"
#include "agent/flags.h"
#include "agent/scraper.h"
#include "base/result.h"
#include "http/server.h"

namespace slurmscope {

// In what the pages of the agent differ.
struct PageOptions {
  std::string_view title;  // before "listening" in the log
  // Which there can be; the flags say which of them are on.
  std::span<const agent::CollectorSpec> collectors;
  agent::Scraper::Options scraper;
  agent::ExporterOptions exporter;
  http::ServerOptions server;
  // Adds what the page has beyond metrics; may be empty.
  std::function<void(http::Router&)> add_routes;
};

// A page of metrics and its server, which stops with it.
class Page {
 public:
  static base::Result<std::unique_ptr<Page>> Start(
      const std::shared_ptr<const agent::Machine>& machine, const agent::FlagValues& flags,
      PageOptions options);
  // Lets scrapes under way have two seconds to end.
  ~Page();

 private:
  Page(std::unique_ptr<agent::Scraper> scraper, agent::ExporterOptions options)
      : exporter_(std::move(scraper), std::move(options)) {}

  agent::Exporter exporter_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace slurmscope
