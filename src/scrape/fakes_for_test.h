#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "http/client.h"
#include "model/appender.h"
#include "model/sample.h"

namespace slurmscope::scrape {

// A storage in memory that refuses what the real one refuses. Thread-safe.
class FakeStorage final : public model::Appendable {
 public:
  std::unique_ptr<model::Appender> NewAppender() override;

  // Committed samples of the series whose labels print as `series`.
  std::vector<model::Sample> Samples(const std::string& series) const {
    std::lock_guard lock(mutex_);
    auto it = refs_.find(series);
    return it == refs_.end() ? std::vector<model::Sample>() : series_.at(it->second).samples;
  }
  std::optional<double> Last(const std::string& series) const {
    std::vector<model::Sample> samples = Samples(series);
    if (samples.empty()) return std::nullopt;
    return samples.back().v;
  }
  bool EndsStale(const std::string& series) const {
    std::vector<model::Sample> samples = Samples(series);
    return !samples.empty() && model::IsStale(samples.back().v);
  }
  std::vector<std::string> SeriesNames() const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, ref] : refs_) {
      if (!series_.at(ref).samples.empty()) names.push_back(name);
    }
    return names;
  }
  // As a restart or a truncation of the head does.
  void ForgetSeries() {
    std::lock_guard lock(mutex_);
    refs_.clear();
    series_.clear();
  }
  // "value@ms labels" of each committed exemplar.
  std::vector<std::string> Exemplars(const std::string& series) const {
    std::lock_guard lock(mutex_);
    auto it = refs_.find(series);
    return it == refs_.end() ? std::vector<std::string>() : series_.at(it->second).exemplars;
  }
  // "histogram@ms" of each committed one.
  std::vector<std::string> Histograms(const std::string& series) const {
    std::lock_guard lock(mutex_);
    auto it = refs_.find(series);
    return it == refs_.end() ? std::vector<std::string>() : series_.at(it->second).histograms;
  }
  size_t label_lookups() const {
    std::lock_guard lock(mutex_);
    return label_lookups_;
  }

 private:
  friend class FakeAppender;
  struct Series {
    std::vector<model::Sample> samples;
    std::vector<std::string> exemplars;
    std::vector<std::string> histograms;
  };
  mutable std::mutex mutex_;
  std::map<std::string, model::SeriesRef> refs_;
  std::map<model::SeriesRef, Series> series_;
  model::SeriesRef next_ref_ = 1;
  size_t label_lookups_ = 0;
};

class FakeAppender final : public model::Appender {
 public:
  explicit FakeAppender(FakeStorage& storage) : storage_(storage) {}

  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                             double v) override {
    using model::AppendStatus;
    std::lock_guard lock(storage_.mutex_);
    if (!storage_.series_.contains(ref)) {
      if (labels.empty()) return {AppendStatus::kUnknownSeries, 0};
      ++storage_.label_lookups_;
      auto [it, made] = storage_.refs_.try_emplace(labels.ToString(), storage_.next_ref_);
      if (made) storage_.series_[storage_.next_ref_++];
      ref = it->second;
    }
    const std::vector<model::Sample>& samples = storage_.series_[ref].samples;
    if (!samples.empty() && t < samples.back().t) return {AppendStatus::kOutOfOrder, ref};
    if (!samples.empty() && t == samples.back().t) {
      bool same = std::bit_cast<uint64_t>(v) == std::bit_cast<uint64_t>(samples.back().v);
      return {same ? AppendStatus::kOk : AppendStatus::kDuplicate, ref};
    }
    pending_.emplace_back(ref, model::Sample{t, v});
    return {AppendStatus::kOk, ref};
  }
  model::AppendResult AppendHistogram(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                                      const model::IntHistogram& h) override {
    return AppendFloatHistogram(ref, labels, t, h.ToFloat());
  }
  model::AppendResult AppendFloatHistogram(model::SeriesRef ref, const model::Labels& labels,
                                           int64_t t, const model::FloatHistogram& h) override {
    model::AppendResult result = Append(ref, labels, t, h.count);
    if (result.status == model::AppendStatus::kOk)
      pending_histograms_.emplace_back(result.ref, base::StrCat(h.ToString(), "@", t));
    return result;
  }
  model::AppendStatus CheckInOrder(model::SeriesRef ref, const model::Labels& labels,
                                   int64_t t) override {
    std::lock_guard lock(storage_.mutex_);
    auto known = storage_.refs_.find(labels.ToString());
    if (ref == 0 && known != storage_.refs_.end()) ref = known->second;
    auto series = storage_.series_.find(ref);
    bool newer = series == storage_.series_.end() || series->second.samples.empty() ||
                 t > series->second.samples.back().t;
    return newer ? model::AppendStatus::kOk : model::AppendStatus::kOutOfOrder;
  }
  model::ExemplarStatus AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                       const model::Exemplar& exemplar) override {
    std::string text = base::StrCat(base::FormatFloat(exemplar.value, base::FloatStyle::kFixed),
                                    "@", exemplar.t, " ", exemplar.labels.ToString());
    pending_exemplars_.emplace_back(ref, std::move(text));
    return model::ExemplarStatus::kOk;
  }
  base::Result<void> Commit() override {
    std::lock_guard lock(storage_.mutex_);
    for (auto& [ref, text] : pending_histograms_) storage_.series_[ref].histograms.push_back(text);
    pending_histograms_.clear();
    for (auto& [ref, text] : pending_exemplars_) storage_.series_[ref].exemplars.push_back(text);
    pending_exemplars_.clear();
    for (auto& [ref, sample] : pending_) storage_.series_[ref].samples.push_back(sample);
    pending_.clear();
    return {};
  }
  void Rollback() override {
    pending_.clear();
    pending_exemplars_.clear();
    pending_histograms_.clear();
  }

 private:
  FakeStorage& storage_;
  std::vector<std::pair<model::SeriesRef, model::Sample>> pending_;
  std::vector<std::pair<model::SeriesRef, std::string>> pending_exemplars_;
  std::vector<std::pair<model::SeriesRef, std::string>> pending_histograms_;
};

inline std::unique_ptr<model::Appender> FakeStorage::NewAppender() {
  return std::make_unique<FakeAppender>(*this);
}

inline http::ClientResponse TextResponse(std::string body) {
  http::ClientResponse response;
  response.status = 200;
  response.content_type = "text/plain; version=0.0.4";
  response.body = std::move(body);
  return response;
}

// Answers at once by `answer`, or keeps the request when that gives none. Has a thread for RunAt.
// Thread-safe.
class FakeClient final : public http::Client {
 public:
  using Answer =
      std::function<std::optional<base::Result<http::ClientResponse>>(const http::ClientRequest&)>;
  explicit FakeClient(Answer answer)
      : answer_(std::move(answer)), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  void RunAt(int64_t steady_ns, std::function<void()> task) override {
    {
      std::lock_guard lock(mutex_);
      tasks_.emplace(steady_ns, std::move(task));
    }
    wake_.notify_all();
  }
  void Fetch(std::shared_ptr<const http::ClientRequest> request, Callback done) override {
    std::optional<base::Result<http::ClientResponse>> response;
    {
      std::lock_guard lock(mutex_);
      response = answer_(*request);
      requests_.push_back(*request);
      if (!response) held_.push_back(done);
    }
    if (response) done(*std::move(response));
  }
  void AnswerHeld(const base::Result<http::ClientResponse>& response) {
    std::deque<Callback> held;
    {
      std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (const Callback& done : held) done(base::Result<http::ClientResponse>(response));
  }
  std::vector<http::ClientRequest> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      int64_t now = base::SystemClock().SteadyNs();
      if (tasks_.empty() || tasks_.begin()->first > now) {
        int64_t wait = tasks_.empty() ? 1'000'000'000 : tasks_.begin()->first - now;
        wake_.wait_for(lock, stop, std::chrono::nanoseconds(wait),
                       [this, known = tasks_.size()] { return tasks_.size() != known; });
        continue;
      }
      auto task = tasks_.extract(tasks_.begin());
      lock.unlock();
      task.mapped()();
      lock.lock();
    }
  }

  Answer answer_;
  mutable std::mutex mutex_;
  std::vector<http::ClientRequest> requests_;
  std::deque<Callback> held_;
  std::multimap<int64_t, std::function<void()>> tasks_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace slurmscope::scrape
