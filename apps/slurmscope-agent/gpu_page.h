#pragma once

#include <memory>
#include <optional>

#include "agent/collector.h"
#include "agent/exporter.h"
#include "agent/flags.h"
#include "base/result.h"
#include "http/access.h"
#include "http/server.h"

namespace slurmscope {

// The page of the GPUs and its server.
class GpuPage {
 public:
  // nullptr where there is no GPU and nobody asked for the page. An address that was not asked for
  // may be taken by another: then there is a warning and no page.
  static base::Result<std::unique_ptr<GpuPage>> Start(std::shared_ptr<const agent::Machine> machine,
                                                      const agent::FlagValues& flags,
                                                      std::shared_ptr<http::Access> access);

  void Stop() { server_->Stop(2); }

 private:
  explicit GpuPage(std::unique_ptr<agent::Scraper> scraper)
      : exporter_(std::move(scraper), agent::ExporterOptions{}) {}

  agent::Exporter exporter_;
  std::unique_ptr<http::Server> server_;
};

// Starts to read the GPUs when the machine has some, or when they were asked for.
base::Result<std::shared_ptr<agent::gpu::GpuService>> StartGpus(const agent::Roots& roots,
                                                                const agent::FlagValues& flags);

}  // namespace slurmscope
