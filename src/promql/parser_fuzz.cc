// Any text parses or fails cleanly, and what parses prints to a form that parses and prints the
// same.
#include <cstdlib>

#include "promql/parser.h"

namespace {

using slurmscope::promql::ParserOptions;

ParserOptions Options() {
  ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ParserOptions options = Options();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto selector = slurmscope::promql::ParseMetricSelector(text);
  auto expr = slurmscope::promql::ParseExpr(text, options);
  if (!expr) return 0;
  std::string printed = ToString(**expr);
  auto again = slurmscope::promql::ParseExpr(printed, options);
  if (!again || ToString(**again) != printed || (*again)->type() != (*expr)->type()) std::abort();
  return 0;
}
