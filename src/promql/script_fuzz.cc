// Any text is a test script that runs or one that is refused with its line. ./dev fuzz seeds it
// with test/promql.
#include "promql/script.h"
#include "promql/script_parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slurmscope::promql;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto commands = ParseScript(text);
  // Loading large series and asking for long ranges is for the engine's target.
  size_t points = 0;
  if (!commands) return 0;
  for (const ScriptCommand& command : *commands) {
    for (const ScriptSeries& series : command.load.series) points += series.points.size();
    if (command.eval.range && command.eval.step > 0)
      points += static_cast<size_t>((command.eval.end - command.eval.start) / command.eval.step);
  }
  if (points > 10'000 || commands->size() > 20) return 0;
  RunScript(text, "fuzz", {.recheck = false});
  return 0;
}
