#pragma once

#include <string>
#include <string_view>

#include "base/strings.h"
#include "config/http_client.h"
#include "edge/watched_files.h"
#include "http/tls.h"

namespace slurmscope::edge {

// What is given, or what stands in its file; an error names `what` and the file.
inline Result<std::string> ReadText(const config::TextOrFile& from, std::string_view what,
                                    WatchedFiles& files) {
  if (from.file.empty()) return from.text;
  return TRY_CONTEXT(files.Read(from.file), base::StrCat("unable to read ", what));
}

// The settings with the texts of all files.
Result<http::TlsClientSettings> LoadTls(const config::TlsClientConfig& config, WatchedFiles& files);

}  // namespace slurmscope::edge
