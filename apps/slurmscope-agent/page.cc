#include "page.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope {

using base::Result;

Page::~Page() {
  constexpr int kGraceSeconds = 2;
  if (server_) server_->Stop(kGraceSeconds);
}

Result<std::unique_ptr<Page>> Page::Start(const std::shared_ptr<const agent::Machine>& machine,
                                          const agent::FlagValues& flags, PageOptions options) {
  std::unique_ptr<Page> page(
      new Page(TRY(agent::Scraper::Create(machine, flags, options.scraper, options.collectors)),
               std::move(options.exporter)));
  http::Router router = page->exporter_.MakeRouter();
  if (options.add_routes) options.add_routes(router);
  const agent::Exporter& exporter = page->exporter_;
  options.server.hurry = [&exporter](const auto& request) { return exporter.Hurries(request); };
  page->server_ = TRY(http::Server::Start(
      std::move(options.server),
      [router = std::move(router)](const auto& request) { return router.Handle(request); }));
  for (const std::string& address : page->server_->addresses())
    base::LogInfo(base::StrCat(options.title, "listening"), {{"address", address}});
  return page;
}

}  // namespace slurmscope
