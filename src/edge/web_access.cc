#include "edge/web_access.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "config/web.h"
#include "edge/tls_settings.h"
#include "edge/watched_files.h"

namespace slurmscope::edge {
namespace {

struct Loaded {
  http::AccessSettings settings;
  std::vector<std::string> warnings;
};

Result<http::TlsServerSettings> LoadTls(const config::TlsServerConfig& config,
                                        WatchedFiles& files) {
  http::TlsServerSettings tls;
  tls.cert = TRY(ReadText(config.cert, "certificate", files));
  tls.key = TRY(ReadText(config.key, "key", files));
  tls.client_ca = TRY(ReadText(config.client_ca, "client CA", files));
  tls.client_cert_policy = static_cast<http::ClientCertPolicy>(config.client_cert_policy);
  tls.client_allowed_sans = config.client_allowed_sans;
  tls.min_version = static_cast<http::TlsVersion>(config.min_version);
  tls.max_version = static_cast<http::TlsVersion>(config.max_version);
  tls.cipher_suites = config.cipher_suites;
  tls.prefer_server_cipher_suites = config.prefer_server_cipher_suites;
  tls.curves = config.curves;
  return tls;
}

Result<Loaded> Load(const std::string& path, WatchedFiles& files) {
  files.Clear();
  files.Watch(path);
  config::WebConfig config = TRY(config::LoadWebConfig(path));
  Loaded loaded;
  if (config.has_tls) loaded.settings.tls = TRY(LoadTls(config.tls, files));
  loaded.settings.headers = std::move(config.headers);
  loaded.settings.users = std::move(config.users);
  loaded.settings.rate_limit_interval_ms = config.rate_limit_interval_ms;
  loaded.settings.rate_limit_burst = config.rate_limit_burst;
  loaded.warnings = std::move(config.warnings);
  return loaded;
}

// What is asked for new settings: reads the files when one of them has changed.
class Reloader {
 public:
  Reloader(std::string path, WatchedFiles files)
      : path_(std::move(path)), files_(std::move(files)) {}

  std::optional<http::AccessSettings> Changed() {
    if (!files_.TakeChange()) return std::nullopt;
    // A broken file may name nothing: what was watched stays watched until it is whole again.
    WatchedFiles files;
    auto loaded = Load(path_, files);
    if (!loaded) {
      base::LogError("web configuration not taken, the running one stays",
                     {{"error", loaded.error()}});
      return std::nullopt;
    }
    files_ = std::move(files);
    for (const std::string& warning : loaded->warnings) base::LogWarn(warning);
    return std::move(loaded->settings);
  }

 private:
  const std::string path_;
  WatchedFiles files_;
};

}  // namespace

Result<WebAccess> OpenWebAccess(const std::string& web_config_file, const base::Clock& clock) {
  WebAccess out;
  if (web_config_file.empty()) return out;
  WatchedFiles files;
  Loaded loaded = TRY(Load(web_config_file, files));
  auto reloader = std::make_shared<Reloader>(web_config_file, std::move(files));
  out.access = TRY_CONTEXT(
      http::Access::Create(
          std::move(loaded.settings), [reloader] { return reloader->Changed(); }, clock),
      web_config_file);
  out.warnings = std::move(loaded.warnings);
  return out;
}

bool IsLoopbackAddress(std::string_view listen_address) {
  const size_t colon = listen_address.rfind(':');
  const std::string_view host = listen_address.substr(0, colon);
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

std::vector<std::string> OpenAddresses(const std::vector<std::string>& listen_addresses) {
  std::vector<std::string> open;
  for (const std::string& address : listen_addresses) {
    if (!IsLoopbackAddress(address)) open.push_back(address);
  }
  return open;
}

}  // namespace slurmscope::edge
