// OTLP in both forms, converted with different configurations into a storage that checks what it is
// given: labels are sorted and valid, histograms as long as their message allows.
#include <cstdlib>

#include "base/clock.h"
#include "base/strings.h"
#include "remote/otlp_converter.h"

namespace {

using namespace slurmscope;

class CheckingAppender final : public model::Appender {
 public:
  model::AppendResult Append(model::SeriesRef, const model::Labels& labels, int64_t,
                             double) override {
    Check(labels);
    return {model::AppendStatus::kOk, 1};
  }
  model::AppendResult AppendHistogram(model::SeriesRef, const model::Labels& labels, int64_t,
                                      const model::IntHistogram& h) override {
    Check(labels);
    bool valid = model::Validate(h).has_value();
    return {valid ? model::AppendStatus::kOk : model::AppendStatus::kInvalidHistogram, 1};
  }
  model::ExemplarStatus AppendExemplar(model::SeriesRef, const model::Labels&,
                                       const model::Exemplar& exemplar) override {
    for (model::Label label : exemplar.labels) {
      if (!base::IsValidUtf8(label.name) || !base::IsValidUtf8(label.value)) std::abort();
    }
    return model::ExemplarStatus::kOk;
  }
  base::Result<void> Commit() override { return {}; }
  void Rollback() override {}

 private:
  static void Check(const model::Labels& labels) {
    if (!labels.Has(model::kMetricName)) std::abort();
    for (model::Label label : labels) {
      if (!base::IsValidUtf8(label.name) || !base::IsValidUtf8(label.value)) std::abort();
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  config::OtlpConfig config;
  config.translation = static_cast<config::OtlpTranslation>(data[0] & 3);
  config.promote_all_resource_attributes = (data[0] & 4) != 0;
  config.convert_histograms_to_nhcb = (data[0] & 8) != 0;
  config.promote_scope_metadata = (data[0] & 16) != 0;
  config.label_name_preserve_multiple_underscores = (data[0] & 32) != 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  CheckingAppender appender;
  remote::OtlpOptions options;
  options.start_times = (data[0] & 64) != 0;
  options.delta =
      (data[0] & 128) != 0 ? remote::OtlpDelta::kAddedUp : remote::OtlpDelta::kAsTheyAre;
  base::FakeClock clock(0);
  remote::OtlpTotals totals(clock, 1 << 20);
  remote::OtlpTotals::Request request(totals);
  remote::OtlpConverter converter(appender, config, 1'000'000'000'000, options,
                                  (data[0] & 128) != 0 ? &request : nullptr);
  (void)remote::DecodeOtlp(bytes, converter);
  auto message = remote::OtlpJsonToProtobuf(bytes);
  if (message) (void)remote::DecodeOtlp(*message, converter);
  return 0;
}
