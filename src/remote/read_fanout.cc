#include "remote/read_fanout.h"

#include <algorithm>
#include <set>

namespace slurmscope::remote {
namespace {

using Texts = std::vector<std::string>;

class FetchedSet final : public model::SeriesSet {
 public:
  explicit FetchedSet(std::vector<ReadSeries> series) : series_(std::move(series)) {}

  size_t size() const override { return series_.size(); }
  model::Labels LabelsAt(size_t index) const override { return series_[index].labels; }
  Result<void> Decode(size_t index, int64_t mint, int64_t maxt,
                      model::Columns* out) const override {
    const model::Columns& all = series_[index].samples;
    auto first = std::lower_bound(all.t.begin(), all.t.end(), mint);
    auto last = std::upper_bound(first, all.t.end(), maxt);
    out->Assign(all, static_cast<size_t>(first - all.t.begin()),
                static_cast<size_t>(last - all.t.begin()));
    return {};
  }

 private:
  const std::vector<ReadSeries> series_;
};

class RemoteQuerier final : public model::Querier {
 public:
  RemoteQuerier(std::shared_ptr<const ReadClient> client, int64_t mint, int64_t maxt)
      : client_(std::move(client)), mint_(mint), maxt_(maxt) {}

  Result<std::unique_ptr<model::SeriesSet>> Select(
      bool, const model::SelectHints& hints, const std::vector<model::Matcher>& matchers) override {
    int64_t mint = std::max(mint_, hints.start);
    int64_t maxt = std::min(maxt_, hints.end);
    std::vector<ReadSeries> series;
    if (mint <= maxt) {
      auto read = client_->Read(hints, mint, maxt, matchers);
      if (read) {
        series = *std::move(read);
      } else {
        const std::lock_guard lock(mutex_);
        warnings_.insert(read.error().message());
      }
    }
    return std::make_unique<FetchedSet>(std::move(series));
  }
  Result<Texts> LabelValues(const std::string&, const std::vector<model::Matcher>&,
                            size_t) override {
    return Texts();
  }
  Result<Texts> LabelNames(const std::vector<model::Matcher>&, size_t) override { return Texts(); }
  Texts Warnings() const override {
    const std::lock_guard lock(mutex_);
    return {warnings_.begin(), warnings_.end()};
  }

 private:
  const std::shared_ptr<const ReadClient> client_;
  const int64_t mint_;
  const int64_t maxt_;
  mutable std::mutex mutex_;
  std::set<std::string> warnings_;
};

}  // namespace

void ReadFanout::Apply(const std::vector<config::RemoteReadConfig>& configs,
                       const std::map<std::string, std::string>& external_labels) {
  std::vector<std::shared_ptr<const ReadClient>> clients;
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
