#pragma once

#include <string>
#include <string_view>

#include "rules/template_statement.h"

namespace slurmscope::rules {

// Compiles a template and those that it defines. Throws TemplateFailure with Go's wording:
// `template: NAME:1: unexpected "}" in operand`. Nesting is bounded.
TemplateProgram CompileTemplate(std::string_view name, std::string_view text);

}  // namespace slurmscope::rules
