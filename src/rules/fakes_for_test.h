#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "promql/memory_storage.h"
#include "rules/group.h"
#include "rules/load.h"
#include "rules/manager.h"
#include "rules/template_value.h"

namespace slurmscope::rules {

// A storage in memory that rules read and write.
class MemoryAppendable final : public model::Appendable {
 public:
  explicit MemoryAppendable(promql::MemoryStorage& storage) : storage_(storage) {}

  class Appender final : public model::Appender {
   public:
    explicit Appender(promql::MemoryStorage& storage) : storage_(storage) {}
    model::AppendResult Append(model::SeriesRef, const model::Labels& labels, int64_t t,
                               double v) override {
      samples_.push_back({labels, {t, v}});
      return {model::AppendStatus::kOk, 1};
    }
    base::Result<void> Commit() override {
      for (const auto& [labels, sample] : samples_) storage_.Add(labels, sample.t, sample.v);
      samples_.clear();
      return {};
    }
    void Rollback() override { samples_.clear(); }

   private:
    promql::MemoryStorage& storage_;
    std::vector<std::pair<model::Labels, model::Sample>> samples_;
  };

  std::unique_ptr<model::Appender> NewAppender() override {
    return std::make_unique<Appender>(storage_);
  }

 private:
  promql::MemoryStorage& storage_;
};

// A world for rule groups in which time only passes when told: samples are put in, groups are
// evaluated at given times, alerts that are told are kept.
class RuleWorld {
 public:
  static constexpr int64_t kStart = 1'700'000'000'000;

  explicit RuleWorld(promql::EngineOptions options = {}) : engine_(std::move(options)) {
    environment_.query = [this](const std::string& expr, int64_t t, const promql::QueryOrigin&) {
      return RuleQuery(engine_, storage_, expr, t);
    };
    environment_.notify = [this](std::vector<model::Alert> alerts) {
      for (model::Alert& alert : alerts) told_.push_back(std::move(alert));
    };
    environment_.external_url = "http://head:9090";
  }

  static std::vector<config::RuleGroupConfig> Parse(std::string_view text) {
    auto groups = config::ParseRuleFile(text, "r.yml", MakeRuleChecks({}));
    if (!groups) throw std::runtime_error(groups.error().message());
    return *std::move(groups);
  }
  std::unique_ptr<Group> MakeGroup(std::string_view text, bool restore = false) {
    return std::make_unique<Group>(Parse(text).front(), defaults_, environment_, restore);
  }

  void Add(const model::Labels& labels, int64_t t, double v) { storage_.Add(labels, t, v); }
  void Evaluate(Group& group, int64_t t) {
    clock_.Advance(t - clock_.NowMs());
    group.Evaluate(t, [] { return false; });
  }
  // Of an instant query: labels and value as text, sorted, one a line.
  std::string Query(const std::string& expr, int64_t t) {
    auto result = RuleQuery(engine_, storage_, expr, t);
    if (!result) return result.error().message();
    std::map<std::string, std::string> lines;
    for (const auto& sample : result->samples)
      lines[sample.labels.ToString()] = GoFloat(sample.v, 'g', -1);
    std::string out;
    for (const auto& [labels, value] : lines) out += labels + " " + value + "\n";
    return out;
  }
  std::vector<model::Alert> TakeTold() { return std::exchange(told_, {}); }

  promql::MemoryStorage storage_;
  MemoryAppendable appendable_{storage_};
  promql::Engine engine_;
  base::FakeClock clock_{kStart};
  GroupDefaults defaults_;
  GroupEnvironment environment_{appendable_, storage_, {}, {}, clock_, {}, 60'000, {}, nullptr};
  std::vector<model::Alert> told_;
};

}  // namespace slurmscope::rules
