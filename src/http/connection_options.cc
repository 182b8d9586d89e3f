#include "http/connection_options.h"

#include <array>

#include "base/strings.h"

namespace slurmscope::http {

using base::StrCat;

namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

// The settings hold the text for longer than the handle is used.
void SetBlob(CURL* easy, CURLoption option, const std::string& text) {
  void* bytes = const_cast<char*>(text.data());
  curl_blob blob{bytes, text.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

}  // namespace

void ConnectionOptions::SetTls(CURL* easy, const TlsClientSettings& tls) {
  constexpr std::array<long, 4> kOldest = {CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1,
                                           CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
  constexpr std::array<long, 4> kNewest = {CURL_SSLVERSION_MAX_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_1,
                                           CURL_SSLVERSION_MAX_TLSv1_2,
                                           CURL_SSLVERSION_MAX_TLSv1_3};
  curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                   kOldest[static_cast<size_t>(tls.min_version)] |
                       kNewest[static_cast<size_t>(tls.max_version)]);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca.empty()) {
    // The system's CAs are not trusted beside it.
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    SetBlob(easy, CURLOPT_CAINFO_BLOB, tls.ca);
  }
  if (tls.cert.empty()) return;
  SetBlob(easy, CURLOPT_SSLCERT_BLOB, tls.cert);
  SetBlob(easy, CURLOPT_SSLKEY_BLOB, tls.key);
}

bool ConnectionOptions::SetProxy(CURL* easy, const ProxySettings& proxy, const std::string& url) {
  proxy_ = ProxyFor(proxy, url);
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy_.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  if (proxy_.empty() || proxy.connect_headers.empty() || !url.starts_with("https://")) return true;
  for (const auto& [name, value] : proxy.connect_headers) {
    curl_slist* longer = curl_slist_append(proxy_headers_.get(), StrCat(name, ": ", value).c_str());
    if (longer == nullptr) return false;
    (void)proxy_headers_.release();
    proxy_headers_.reset(longer);
  }
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_PROXYHEADER, proxy_headers_.get());
  return true;
}

// curl expects the host of the URL in the certificate: it gets a URL with the name that is to be
// expected, and is told where that host is.
bool ConnectionOptions::SetUrl(CURL* easy, const std::string& url, const std::string& server_name) {
  if (server_name.empty() || !url.starts_with("https://"))
    return curl_easy_setopt(easy, CURLOPT_URL, url.c_str()) == CURLE_OK;
  const Url parts(curl_url(), &curl_url_cleanup);
  if (!parts || curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return false;
  const std::string host = Part(parts.get(), CURLUPART_HOST);
  const std::string port = Part(parts.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const std::string own_port = Part(parts.get(), CURLUPART_PORT);
  host_header_ = own_port.empty() ? host : StrCat(host, ":", own_port);
  if (curl_url_set(parts.get(), CURLUPART_HOST, server_name.c_str(), 0) != CURLUE_OK) return false;
  const std::string renamed = Part(parts.get(), CURLUPART_URL);
  connect_to_.reset(
      curl_slist_append(nullptr, StrCat(server_name, ":", port, ":", host, ":", port).c_str()));
  if (!connect_to_) return false;
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
  return curl_easy_setopt(easy, CURLOPT_URL, renamed.c_str()) == CURLE_OK;
}

bool ConnectionOptions::Set(CURL* easy, const ClientSettings& settings, const std::string& url) {
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   settings.http2 ? static_cast<long>(CURL_HTTP_VERSION_2TLS)
                                  : static_cast<long>(CURL_HTTP_VERSION_1_1));
  SetTls(easy, settings.tls);
  return SetProxy(easy, settings.proxy, url) && SetUrl(easy, url, settings.tls.server_name);
}

}  // namespace slurmscope::http
