#include "config/http_config.h"

#include "base/file.h"
#include "config/parts.h"

namespace slurmscope::config {

base::Result<HttpConfig> LoadHttpConfig(const std::string& path) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  const std::string text = TRY(base::ReadFile(path, kMaxBytes));
  const Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  HttpConfig config;
  config.auth = ReadAuth(&reader);
  reader.Bool("follow_redirects", &config.follow_redirects);
  for (std::string_view key : {"tls_config", "oauth2", "proxy_url", "no_proxy",
                               "proxy_from_environment", "proxy_connect_header", "http_headers"}) {
    reader.RefuseIfSet(key, "is not in this version");
  }
  bool http2 = false;  // whichever version comes, the answer is the same
  reader.Bool("enable_http2", &http2);
  reader.Finish();
  if (!report.ok()) return base::Fail(report.TakeError());
  return config;
}

}  // namespace slurmscope::config
