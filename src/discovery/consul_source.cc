// consul_sd_configs: the catalog's services, then the instances of each.
#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "discovery/consul_groups.h"
#include "discovery/sd_client.h"
#include "discovery/source.h"

namespace slurmscope::discovery {
namespace {

using base::Fail;
using base::StrCat;

constexpr size_t kAtOnce = 16;  // requests

class ConsulSource final : public Source, public std::enable_shared_from_this<ConsulSource> {
 public:
  ConsulSource(config::ConsulSdConfig config, const SourceContext& context)
      : config_(std::move(config)),
        client_(config_.http, *context.client),
        counters_(context.counters),
        datacenter_(config_.datacenter) {}

  void Refresh(Done done) override {
    {
      const std::lock_guard lock(mutex_);
      done_ = std::move(done);
      found_.clear();
      waiting_.clear();
      under_way_ = 0;
      failure_.reset();
    }
    if (!datacenter_.empty()) return AskServices();
    Get("/v1/agent/self", {}, [](ConsulSource& self, const Result<std::string>& body) {
      Result<std::string> name =
          body ? ConsulDatacenter(*body) : Result<std::string>(Fail(body.error()));
      if (!name) return self.Finish(Fail(name.error()));
      self.datacenter_ = *name;
      self.AskServices();
    });
  }

 private:
  using Take = std::function<void(ConsulSource&, const Result<std::string>&)>;

  // What every question about the catalog says.
  http::Pairs CommonParams() const {
    http::Pairs params;
    auto add = [&](std::string name, const std::string& value) {
      if (!value.empty()) params.emplace_back(std::move(name), value);
    };
    if (config_.allow_stale) params.emplace_back("stale", "");
    add("dc", config_.datacenter);
    add("ns", config_.consul_namespace);
    add("partition", config_.partition);
    for (const auto& [name, value] : config_.node_meta)
      params.emplace_back("node-meta", StrCat(name, ":", value));
    return params;
  }

  void Get(const std::string& path, const http::Pairs& params, Take take) {
    std::string_view prefix = config_.path_prefix;
    while (prefix.starts_with('/')) prefix.remove_prefix(1);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    std::string url =
        StrCat(config_.scheme, "://", config_.server, prefix.empty() ? "" : "/", prefix, path);
    if (!params.empty()) base::StrAppend(url, "?", http::EncodeForm(params));
    http::Pairs headers;
    if (!config_.token.empty()) headers.emplace_back("X-Consul-Token", config_.token);
    client_.Get(
        std::move(url), std::move(headers), config_.refresh_interval_ms,
        [self = shared_from_this(), take = std::move(take)](Result<http::ClientResponse> response) {
          if (!response) {
            ++self->counters_->consul_failures;
            return take(*self, Fail(response.error()));
          }
          take(*self, std::move(response->body));
        });
  }

  void AskServices() {
    const bool by_name = !config_.services.empty() && config_.tags.empty() &&
                         config_.node_meta.empty() && config_.filter.empty();
    if (by_name) return AskInstances(config_.services);
    http::Pairs params = CommonParams();
    if (!config_.filter.empty()) params.emplace_back("filter", config_.filter);
    Get("/v1/catalog/services", params, [](ConsulSource& self, const Result<std::string>& body) {
      using Names = Result<std::vector<std::string>>;
      Names names = body ? ConsulServices(*body, self.config_) : Names(Fail(body.error()));
      if (!names) return self.Finish(Fail(names.error()));
      self.AskInstances(*names);
    });
  }

  void AskInstances(const std::vector<std::string>& services) {
    if (services.empty()) return Finish(Groups());
    {
      const std::lock_guard lock(mutex_);
      waiting_.assign(services.begin(), services.end());
    }
    for (size_t i = 0; i < std::min(kAtOnce, services.size()); ++i) AskNext();
  }

  void AskNext() {
    std::string service;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      service = std::move(waiting_.front());
      waiting_.pop_front();
      ++under_way_;
    }
    http::Pairs params = CommonParams();
    for (const std::string& tag : config_.tags) params.emplace_back("tag", tag);
    if (!config_.health_filter.empty()) params.emplace_back("filter", config_.health_filter);
    Get(StrCat("/v1/health/service/", http::UrlEncode(service)), params,
        [service](ConsulSource& self, const Result<std::string>& body) {
          self.TakeInstances(service, body);
        });
  }

  void TakeInstances(const std::string& service, const Result<std::string>& body) {
    Result<Groups> groups =
        body ? ConsulInstances(*body, service, datacenter_, config_.tag_separator)
             : Result<Groups>(Fail(body.error()));
    bool last;
    {
      const std::lock_guard lock(mutex_);
      if (groups) {
        found_[service] = *std::move(groups);
      } else {
        failure_ = groups.error();
        if (failure_->code() == base::ErrorCode::kCanceled) waiting_.clear();  // the client stops
      }
      last = --under_way_ == 0 && waiting_.empty();
    }
    last ? FinishInstances() : AskNext();
  }

  void FinishInstances() {
    Groups all;
    {
      const std::lock_guard lock(mutex_);
      // A service that could not be asked for keeps its last targets.
      if (!failure_) known_.clear();
      for (auto& [service, groups] : found_) known_[service] = std::move(groups);
      for (const auto& [service, groups] : known_)
        all.insert(all.end(), groups.begin(), groups.end());
    }
    Finish(std::move(all));
  }

  void Finish(Result<Groups> result) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (done) done(std::move(result));
  }

  const config::ConsulSdConfig config_;
  const SdClient client_;
  const std::shared_ptr<SourceCounters> counters_;
  std::string datacenter_;  // of one Refresh after the other
  std::mutex mutex_;        // for all below
  Done done_;
  std::map<std::string, Groups> found_;  // by service, in this round
  std::map<std::string, Groups> known_;  // since the last round
  std::deque<std::string> waiting_;      // services to be asked for
  size_t under_way_ = 0;
  std::optional<base::Error> failure_;
};

}  // namespace

std::shared_ptr<Source> MakeConsulSource(const config::ConsulSdConfig& config,
                                         const SourceContext& context) {
  return std::make_shared<ConsulSource>(config, context);
}

}  // namespace slurmscope::discovery
