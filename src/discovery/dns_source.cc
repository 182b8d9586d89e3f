// dns_sd_configs: one group of targets for each name.
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "discovery/source.h"

namespace slurmscope::discovery {
namespace {

using base::StrCat;
using config::DnsRecordType;

std::string HostAndPort(const std::string& host, uint64_t port) {
  if (host.find(':') != std::string::npos) return StrCat("[", host, "]:", port);
  return StrCat(host, ":", port);
}

config::TargetGroup GroupOf(const DnsRecord& record, const std::string& name,
                            const config::DnsSdConfig& config) {
  const bool srv = config.type == DnsRecordType::kSrv;
  config::TargetGroup group;
  group.source = name;
  group.targets = {HostAndPort(record.host, srv ? record.port : config.port)};
  group.labels["__meta_dns_name"] = name;
  // Prometheus gives names here as the DNS writes them.
  const std::string full = StrCat(record.host, ".");
  if (srv) {
    group.labels["__meta_dns_srv_record_target"] = full;
    group.labels["__meta_dns_srv_record_port"] = StrCat(record.port);
  } else if (config.type == DnsRecordType::kMx) {
    group.labels["__meta_dns_mx_record_target"] = full;
  } else if (config.type == DnsRecordType::kNs) {
    group.labels["__meta_dns_ns_record_target"] = full;
  }
  return group;
}

class DnsSource final : public Source, public std::enable_shared_from_this<DnsSource> {
 public:
  DnsSource(config::DnsSdConfig config, const SourceContext& context)
      : config_(std::move(config)), resolver_(*context.resolver), counters_(context.counters) {}

  void Refresh(Done done) override {
    {
      const std::lock_guard lock(mutex_);
      done_ = std::move(done);
      left_ = config_.names.size();
    }
    for (const std::string& name : config_.names) {
      ++counters_->dns_lookups;
      resolver_.Resolve(name, config_.type,
                        [self = shared_from_this(), name](Result<Resolver::Records> records) {
                          self->Take(name, std::move(records));
                        });
    }
  }

 private:
  // A name that cannot be asked for keeps its last targets.
  void Take(const std::string& name, Result<Resolver::Records> records) {
    if (!records && records.error().code() != base::ErrorCode::kCanceled) {
      ++counters_->dns_failures;
      base::LogError("Error refreshing DNS targets", {{"err", records.error()}});
    }
    const std::lock_guard lock(mutex_);
    if (records) {
      Groups& groups = known_[name];
      groups.clear();
      for (const DnsRecord& record : *records) groups.push_back(GroupOf(record, name, config_));
    }
    if (--left_ > 0) return;
    Groups all;
    for (const std::string& each : config_.names) {
      const Groups& groups = known_[each];
      all.insert(all.end(), groups.begin(), groups.end());
    }
    std::exchange(done_, nullptr)(std::move(all));
  }

  const config::DnsSdConfig config_;
  Resolver& resolver_;
  const std::shared_ptr<SourceCounters> counters_;
  std::mutex mutex_;  // for all below
  std::map<std::string, Groups> known_;
  Done done_;
  size_t left_ = 0;
};

}  // namespace

std::shared_ptr<Source> MakeDnsSource(const config::DnsSdConfig& config,
                                      const SourceContext& context) {
  return std::make_shared<DnsSource>(config, context);
}

}  // namespace slurmscope::discovery
