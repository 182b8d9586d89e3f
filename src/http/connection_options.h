#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "http/client.h"

namespace slurmscope::http {

// TLS and proxy of a request on a curl easy handle. Private to the client; must outlive the use of
// the handle. Not thread-safe.
class ConnectionOptions {
 public:
  // Sets all but the headers, with the URL. False when memory is short or the URL cannot be used.
  bool Set(CURL* easy, const ClientSettings& settings, const std::string& url);
  // Set before: whether a proxy is used, and the Host header to send ("": the URL's).
  bool uses_proxy() const { return !proxy_.empty(); }
  const std::string& host_header() const { return host_header_; }

 private:
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  using List = std::unique_ptr<curl_slist, FreeList>;

  void SetTls(CURL* easy, const TlsClientSettings& tls);
  bool SetProxy(CURL* easy, const ProxySettings& proxy, const std::string& url);
  bool SetUrl(CURL* easy, const std::string& url, const std::string& server_name);

  std::string proxy_;
  std::string host_header_;
  List connect_to_;
  List proxy_headers_;
};

}  // namespace slurmscope::http
