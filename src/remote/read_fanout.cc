#include "remote/read_fanout.h"

#include <algorithm>
#include <set>

namespace slurmscope::remote {
namespace {

using Texts = std::vector<std::string>;

// Of one querier; its sets may outlive it.
class WarningList {
 public:
  void Add(const std::string& warning) {
    const std::lock_guard lock(mutex_);
    all_.insert(warning);
  }
  Texts Get() const {
    const std::lock_guard lock(mutex_);
    return {all_.begin(), all_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> all_;
};

// Waits for the answer when it is first looked at, so that several systems are asked at once.
class FetchedSet final : public model::SeriesSet {
 public:
  FetchedSet(std::shared_ptr<const ReadClient> client, ReadClient::Wait wait,
             std::shared_ptr<WarningList> warnings)
      : client_(std::move(client)), wait_(std::move(wait)), warnings_(std::move(warnings)) {}

  size_t size() const override { return Series().size(); }
  model::Labels LabelsAt(size_t index) const override { return Series()[index].labels; }
  Result<void> Decode(size_t index, int64_t mint, int64_t maxt,
                      model::Columns* out) const override {
    const model::Columns& all = Series()[index].samples;
    auto first = std::lower_bound(all.t.begin(), all.t.end(), mint);
    auto last = std::upper_bound(first, all.t.end(), maxt);
    out->Assign(all, static_cast<size_t>(first - all.t.begin()),
                static_cast<size_t>(last - all.t.begin()));
    return {};
  }

 private:
  const std::vector<ReadSeries>& Series() const {
    std::call_once(waited_, [this] {
      auto read = wait_();
      if (read) {
        series_ = *std::move(read);
      } else {
        warnings_->Add(read.error().message());
      }
    });
    return series_;
  }

  const std::shared_ptr<const ReadClient> client_;  // of wait_
  const ReadClient::Wait wait_;
  const std::shared_ptr<WarningList> warnings_;
  mutable std::once_flag waited_;
  mutable std::vector<ReadSeries> series_;
};

class RemoteQuerier final : public model::Querier {
 public:
  RemoteQuerier(std::shared_ptr<const ReadClient> client, int64_t mint, int64_t maxt)
      : client_(std::move(client)), mint_(mint), maxt_(maxt) {}

  Result<std::unique_ptr<model::SeriesSet>> Select(
      bool, const model::SelectHints& hints, const std::vector<model::Matcher>& matchers) override {
    int64_t mint = std::max(mint_, hints.start);
    int64_t maxt = std::min(maxt_, hints.end);
    ReadClient::Wait wait = [] { return std::vector<ReadSeries>(); };
    if (mint <= maxt) wait = client_->Begin(hints, mint, maxt, matchers);
    return std::make_unique<FetchedSet>(client_, std::move(wait), warnings_);
  }
  Result<Texts> LabelValues(const std::string&, const std::vector<model::Matcher>&,
                            size_t) override {
    return Texts();
  }
  Result<Texts> LabelNames(const std::vector<model::Matcher>&, size_t) override { return Texts(); }
  Texts Warnings() const override { return warnings_->Get(); }

 private:
  const std::shared_ptr<const ReadClient> client_;
  const int64_t mint_;
  const int64_t maxt_;
  const std::shared_ptr<WarningList> warnings_ = std::make_shared<WarningList>();
};

}  // namespace

void ReadFanout::Apply(const std::vector<config::RemoteReadConfig>& configs,
                       const std::map<std::string, std::string>& external_labels) {
  std::vector<std::shared_ptr<const ReadClient>> clients;
  clients.reserve(configs.size());
  for (const config::RemoteReadConfig& config : configs) {
    clients.push_back(
        std::make_shared<ReadClient>(config, external_labels, parts_.decode, parts_.client));
  }
  const std::lock_guard lock(mutex_);
  clients_ = std::move(clients);
}

Result<std::unique_ptr<model::Querier>> ReadFanout::NewQuerier(int64_t mint, int64_t maxt) {
  std::vector<std::shared_ptr<const ReadClient>> clients;
  {
    const std::lock_guard lock(mutex_);
    clients = clients_;
  }
  if (clients.empty()) return parts_.storage.NewQuerier(mint, maxt);
  const int64_t begins = parts_.storage_begins();
  std::vector<std::unique_ptr<model::Querier>> queriers;
  for (auto& client : clients) {
    int64_t end = client->config().read_recent ? maxt : std::min(maxt, begins);
    if (mint <= end) queriers.push_back(std::make_unique<RemoteQuerier>(client, mint, end));
  }
  // Its samples count over those of others.
  queriers.push_back(TRY(parts_.storage.NewQuerier(mint, maxt)));
  return parts_.merge(std::move(queriers));
}

}  // namespace slurmscope::remote
