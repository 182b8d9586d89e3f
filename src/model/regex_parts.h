#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

// What the regular expressions of this room share. Private to it.
namespace slurmscope::model {

// RE2 of Debian 12 knows only the (?P<name> spelling of Go's named groups.
std::string WithPythonGroups(std::string_view pattern);

// Appends a replacement with $1, ${1}, ${name} and $$ as Go's regexp does; `groups[0]` is the whole
// match.
void AppendExpansion(std::string_view replacement, const std::vector<std::string_view>& groups,
                     const std::map<std::string, int>& names, std::string* out);

}  // namespace slurmscope::model
