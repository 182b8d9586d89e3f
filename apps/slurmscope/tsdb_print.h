#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::app {

// What the parsers of arguments gave, as an exit code: help on standard output is 0, a mistake on
// standard error 1.
inline int FailArgs(const base::Error& error, std::string_view verb, const char* help) {
  if (error.code() == base::ErrorCode::kNotFound) {
    std::fputs(help, stdout);
    return 0;
  }
  std::fprintf(stderr, "slurmscope tsdb %.*s: %s\nTry slurmscope tsdb %.*s --help\n",
               static_cast<int>(verb.size()), verb.data(), error.message().c_str(),
               static_cast<int>(verb.size()), verb.data());
  return 1;
}

inline int FailWith(const base::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

}  // namespace slurmscope::app
