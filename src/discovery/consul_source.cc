// consul_sd_configs: the catalog's services, then the instances of each.
#include <strings.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "discovery/consul_groups.h"
#include "discovery/sd_client.h"
#include "discovery/source.h"

namespace slurmscope::discovery {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

// As Prometheus: how long Consul holds an answer back while nothing changes, and when it is asked
// again after one that failed.
constexpr int64_t kWaitMs = 120'000;
constexpr int64_t kTimeoutMs = kWaitMs + 15'000;
constexpr int64_t kRetryMs = 15'000;
constexpr int64_t kMs = 1'000'000;

// A question that is asked again and again, each time with the index of the answer before: the next
// answer comes when there is something newer (a "blocking query").
struct Watch {
  uint64_t index = 0;
  int64_t asked_ns = 0;
  bool answered = false;  // be it that it failed
};
struct ServiceWatch : Watch {
  Source::Groups groups;  // the last good ones
};

// Of X-Consul-Index; one that goes back is of a server that began anew.
uint64_t NextIndex(const http::ClientResponse& response, uint64_t before) {
  for (const auto& [name, value] : response.headers) {
    if (strcasecmp(name.c_str(), "X-Consul-Index") != 0) continue;
    const uint64_t index = base::ParseInt<uint64_t>(value).value_or(0);
    return index < before ? 0 : index;
  }
  return 0;
}

class ConsulSource final : public Source, public std::enable_shared_from_this<ConsulSource> {
 public:
  ConsulSource(config::ConsulSdConfig config, const SourceContext& context)
      : config_(std::move(config)),
        http_(*context.client),
        client_(config_.http, http_),
        counters_(context.counters),
        datacenter_(config_.datacenter) {}

  bool follows() const override { return true; }

  void Refresh(Done done) override {
    {
      const std::lock_guard lock(mutex_);
      done_ = std::move(done);
    }
    datacenter_.empty() ? AskDatacenter() : Begin();
  }

 private:
  using Answer = Result<http::ClientResponse>;
  using Take = std::function<void(ConsulSource&, const Answer&)>;

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

  // Nothing is kept alive by a question: its answer may come minutes later.
  void Get(const std::string& path, const http::Pairs& params, Take take) {
    std::string_view prefix = config_.path_prefix;
    while (prefix.starts_with('/')) prefix.remove_prefix(1);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    std::string url =
        StrCat(config_.scheme, "://", config_.server, prefix.empty() ? "" : "/", prefix, path);
    if (!params.empty()) base::StrAppend(url, "?", http::EncodeForm(params));
    http::Pairs headers;
    if (!config_.token.empty()) headers.emplace_back("X-Consul-Token", config_.token);
    client_.Get(std::move(url), std::move(headers), kTimeoutMs,
                [weak = weak_from_this(), take = std::move(take)](const Answer& answer) {
                  const auto self = weak.lock();
                  if (!self) return;
                  const bool stops = !answer && answer.error().code() == ErrorCode::kCanceled;
                  if (stops) return;
                  if (!answer) ++self->counters_->consul_failures;
                  take(*self, answer);
                });
  }

  // Runs `ask` a refresh interval after what was asked at `asked_ns`, now when that has passed.
  void Later(int64_t asked_ns, bool failed, std::function<void(ConsulSource&)> ask) {
    const int64_t now_ns = base::SystemClock().SteadyNs();
    int64_t at_ns = asked_ns + config_.refresh_interval_ms * kMs;
    if (failed) at_ns = now_ns + std::min(kRetryMs, config_.refresh_interval_ms) * kMs;
    http_.RunAt(at_ns, [weak = weak_from_this(), ask = std::move(ask)] {
      if (const auto self = weak.lock()) ask(*self);
    });
  }

  void AskDatacenter() {
    const int64_t asked_ns = base::SystemClock().SteadyNs();
    Get("/v1/agent/self", {}, [asked_ns](ConsulSource& self, const Answer& answer) {
      Result<std::string> name =
          answer ? ConsulDatacenter(answer->body) : Result<std::string>(Fail(answer.error()));
      if (!name) {
        self.Tell(Fail(name.error()));
        return self.Later(asked_ns, true, [](ConsulSource& again) { again.AskDatacenter(); });
      }
      self.datacenter_ = *name;
      self.Begin();
    });
  }

  void Begin() {
    const bool by_name = !config_.services.empty() && config_.tags.empty() &&
                         config_.node_meta.empty() && config_.filter.empty();
    if (!by_name) return AskServices();
    {
      const std::lock_guard lock(mutex_);
      catalog_.answered = true;
    }
    TakeServices(config_.services);
  }

  static void AddIndex(const Watch& watch, http::Pairs* params) {
    if (watch.index == 0) return;
    params->emplace_back("index", StrCat(watch.index));
    params->emplace_back("wait", StrCat(kWaitMs, "ms"));
  }

  // Notes what the answer says of the watch; true when it is news.
  static bool Heard(const Answer& answer, Watch* watch) {
    const uint64_t before = watch->index;
    if (answer) watch->index = NextIndex(*answer, before);
    const bool same = answer && watch->answered && before != 0 && watch->index == before;
    watch->answered = true;
    return !same;
  }

  void AskServices() {
    http::Pairs params = CommonParams();
    if (!config_.filter.empty()) params.emplace_back("filter", config_.filter);
    {
      const std::lock_guard lock(mutex_);
      AddIndex(catalog_, &params);
      catalog_.asked_ns = base::SystemClock().SteadyNs();
    }
    Get("/v1/catalog/services", params,
        [](ConsulSource& self, const Answer& answer) { self.TakeCatalog(answer); });
  }

  void TakeCatalog(const Answer& answer) {
    bool news;
    int64_t asked_ns;
    {
      const std::lock_guard lock(mutex_);
      news = Heard(answer, &catalog_);
      asked_ns = catalog_.asked_ns;
    }
    using Names = Result<std::vector<std::string>>;
    Names names = Fail(ErrorCode::kNotFound, "");
    if (news) names = answer ? ConsulServices(answer->body, config_) : Names(Fail(answer.error()));
    const bool failed = news && !names;
    if (news && names) TakeServices(*names);
    if (failed) {
      const std::lock_guard lock(mutex_);
      catalog_.index = 0;
    }
    if (failed) Tell(Fail(names.error()));
    Later(asked_ns, failed, [](ConsulSource& self) { self.AskServices(); });
  }

  void TakeServices(const std::vector<std::string>& names) {
    std::vector<std::string> fresh;
    {
      const std::lock_guard lock(mutex_);
      std::map<std::string, ServiceWatch> now;
      for (const std::string& name : names) {
        auto known = services_.find(name);
        if (known == services_.end()) fresh.push_back(name);
        now[name] = known == services_.end() ? ServiceWatch() : std::move(known->second);
      }
      services_ = std::move(now);
    }
    for (const std::string& name : fresh) AskInstances(name);
    TellAll();
  }

  void AskInstances(const std::string& service) {
    http::Pairs params = CommonParams();
    for (const std::string& tag : config_.tags) params.emplace_back("tag", tag);
    if (!config_.health_filter.empty()) params.emplace_back("filter", config_.health_filter);
    const int64_t asked_ns = base::SystemClock().SteadyNs();
    {
      const std::lock_guard lock(mutex_);
      auto watch = services_.find(service);
      if (watch == services_.end()) return;  // gone
      AddIndex(watch->second, &params);
      watch->second.asked_ns = asked_ns;
    }
    Get(StrCat("/v1/health/service/", http::UrlEncode(service)), params,
        [service, asked_ns](ConsulSource& self, const Answer& answer) {
          self.TakeInstances(service, asked_ns, answer);
        });
  }

  void TakeInstances(const std::string& service, int64_t asked_ns, const Answer& answer) {
    Result<Groups> groups =
        answer ? ConsulInstances(answer->body, service, datacenter_, config_.tag_separator)
               : Result<Groups>(Fail(answer.error()));
    bool news;
    {
      const std::lock_guard lock(mutex_);
      auto watch = services_.find(service);
      // Gone, or gone and come again: then another question is under way.
      if (watch == services_.end() || watch->second.asked_ns != asked_ns) return;
      news = Heard(answer, &watch->second);
      if (!groups) watch->second.index = 0;
      if (news && groups) watch->second.groups = std::move(*groups);
    }
    // A service that could not be asked for keeps its last targets.
    if (!groups) Tell(Fail(groups.error()));
    if (news) TellAll();
    Later(asked_ns, !groups, [service](ConsulSource& self) { self.AskInstances(service); });
  }

  // Once all have answered for the first time, and at each change from then on.
  void TellAll() {
    Groups all;
    {
      const std::lock_guard lock(mutex_);
      const bool waits = std::any_of(services_.begin(), services_.end(),
                                     [](const auto& each) { return !each.second.answered; });
      if (!told_ && (waits || !catalog_.answered)) return;
      told_ = true;
      for (const auto& [service, watch] : services_)
        all.insert(all.end(), watch.groups.begin(), watch.groups.end());
    }
    Tell(std::move(all));
  }

  void Tell(Result<Groups> result) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      done = done_;
    }
    done(std::move(result));
  }

  const config::ConsulSdConfig config_;
  http::Client& http_;
  const SdClient client_;
  const std::shared_ptr<SourceCounters> counters_;
  std::string datacenter_;  // set before all other questions
  std::mutex mutex_;        // for all below
  Done done_;
  Watch catalog_;
  std::map<std::string, ServiceWatch> services_;
  bool told_ = false;
};

}  // namespace

std::shared_ptr<Source> MakeConsulSource(const config::ConsulSdConfig& config,
                                         const SourceContext& context) {
  return std::make_shared<ConsulSource>(config, context);
}

}  // namespace slurmscope::discovery
