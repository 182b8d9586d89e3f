#include "promql/calls.h"

namespace slurmscope::promql {

CallHandler FindCallHandler(std::string_view name) {
  for (auto find :
       {FindRangeCall, FindInstantCall, FindTimeCall, FindHistogramCall, FindLabelCall}) {
    if (CallHandler handler = find(name)) return handler;
  }
  return nullptr;
}

}  // namespace slurmscope::promql
