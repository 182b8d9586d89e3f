#pragma once

#include <string>

#include "rules/template.h"
#include "rules/template_parser.h"

namespace slurmscope::rules {

// Executes the main template on `data`. Throws TemplateFailure with Go's wording.
std::string ExecuteTemplate(const ParsedTemplate& parsed, TemplateValue data,
                            const TemplateContext& context);

}  // namespace slurmscope::rules
