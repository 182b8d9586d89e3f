#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rules/template.h"

// Any text as a template, with something to query; it must end and stay within its bounds.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slurmscope::rules;
  TemplateData alert;
  alert.labels = {{"instance", "a.b:1"}, {"job", "x"}};
  alert.value = 1.5;
  TemplateContext context;
  context.time_ms = 1'700'000'000'000;
  context.external_url = "http://head:9090/p";
  context.query = [](const std::string&) -> Result<SampleVector> {
    auto sample = std::make_shared<TemplateSample>();
    sample->labels = {{"a", "b"}};
    return SampleVector{sample, sample};
  };
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto result = ExpandAlertTemplate("fuzz", text, alert, context);
  if (result && result->size() > (2u << 20)) __builtin_trap();
  return 0;
}
