// What went wrong, in the words of Go programs, as users of Prometheus know them.
#include <cstring>
#include <memory>
#include <system_error>

#include "base/strings.h"
#include "http/transfer.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::StrCat;

namespace {

struct UrlParts {
  explicit UrlParts(const std::string& url) : handle(curl_url(), &curl_url_cleanup) {
    valid = handle && curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  }
  std::string Get(CURLUPart part, unsigned flags = 0) const {
    char* text = nullptr;
    if (!valid || curl_url_get(handle.get(), part, &text, flags) != CURLUE_OK) return {};
    std::string out(text);
    curl_free(text);
    return out;
  }
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> handle;
  bool valid = false;
};

// "Connection refused" as Go programs spell it.
std::string ErrnoText(long err) {
  std::string text = std::generic_category().message(static_cast<int>(err));
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

// "Get", as error messages name the method.
std::string Titled(std::string_view method) {
  std::string out(method);
  for (size_t i = 1; i < out.size(); ++i) {
    if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::string RedactedUrl(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", start), url.size());
  const size_t at = url.rfind('@', end);
  if (at == std::string::npos || at < start || at >= end) return url;
  return StrCat(std::string_view(url).substr(0, start), "xxxxx", std::string_view(url).substr(at));
}

std::string Transfer::Peer() const {
  char* ip = nullptr;
  long port = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &ip);
  curl_easy_getinfo(easy_, CURLINFO_PRIMARY_PORT, &port);
  if (ip != nullptr && *ip != '\0' && port > 0) {
    const bool v6 = std::strchr(ip, ':') != nullptr;
    return v6 ? StrCat('[', ip, "]:", port) : StrCat(ip, ':', port);
  }
  const UrlParts parts(request_->url);
  return StrCat(parts.Get(CURLUPART_HOST), ':', parts.Get(CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string Transfer::Reason(CURLcode code) const {
  long err = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &err);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return std::string(kTimeoutReason);
    case CURLE_COULDNT_CONNECT:
      return StrCat("dial tcp ", Peer(),
                    ": connect: ", err != 0 ? ErrnoText(err) : std::string(error_text_));
    case CURLE_COULDNT_RESOLVE_HOST:
      return StrCat("dial tcp: lookup ", UrlParts(request_->url).Get(CURLUPART_HOST),
                    ": no such host");
    case CURLE_TOO_MANY_REDIRECTS:
      return StrCat("stopped after ", kMaxRedirects, " redirects");
    case CURLE_PEER_FAILED_VERIFICATION:
      return StrCat("tls: failed to verify certificate: ", CertificateProblem());
    case CURLE_GOT_NOTHING:
      return "EOF";
    default:
      return error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  }
}

// In Go's words for what can be told apart; the numbers are OpenSSL's.
std::string Transfer::CertificateProblem() const {
  long result = 0;
  curl_easy_getinfo(easy_, CURLINFO_SSL_VERIFYRESULT, &result);
  switch (result) {
    case 9:   // X509_V_ERR_CERT_NOT_YET_VALID
    case 10:  // X509_V_ERR_CERT_HAS_EXPIRED
      return "x509: certificate has expired or is not yet valid";
    case 2:   // X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
    case 18:  // X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
    case 19:  // X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
    case 20:  // X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    case 21:  // X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
      return "x509: certificate signed by unknown authority";
    default:
      return error_text_[0] != '\0' ? error_text_ : "x509: the certificate is not good";
  }
}

tl::unexpected<base::Error> Transfer::Failure(ErrorCode code, std::string_view reason) const {
  return base::Fail(code, StrCat(Titled(request_->method), ' ',
                                 base::Quote(RedactedUrl(request_->url)), ": ", reason));
}

std::string Transfer::TooLong() const {
  return StrCat("the body is longer than ", request_->max_body_bytes, " bytes");
}

}  // namespace slurmscope::http
