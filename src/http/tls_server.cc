#include "http/tls_server.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrAppend;
using base::StrCat;

namespace {

struct FreeCredentials {
  void operator()(gnutls_certificate_credentials_t c) const {
    gnutls_certificate_free_credentials(c);
  }
};
struct FreePriority {
  void operator()(gnutls_priority_t p) const { gnutls_priority_deinit(p); }
};
using Credentials =
    std::unique_ptr<std::remove_pointer_t<gnutls_certificate_credentials_t>, FreeCredentials>;
using Priority = std::unique_ptr<std::remove_pointer_t<gnutls_priority_t>, FreePriority>;

// A suite of TLS 1.2 or before as GnuTLS names its parts.
struct Suite {
  std::string_view name;
  std::string_view key_exchange;
  std::string_view cipher;
  std::string_view mac;
};
constexpr std::array<Suite, 14> kSuites = {{
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "AES-128-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "AES-256-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "AES-128-GCM", "AEAD"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", "AES-256-GCM", "AEAD"},
}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kCurves = {
    {{"CurveP256", "SECP256R1"},
     {"CurveP384", "SECP384R1"},
     {"CurveP521", "SECP521R1"},
     {"X25519", "X25519"}}};

tl::unexpected<base::Error> TlsError(std::string_view what, int code) {
  return Fail(ErrorCode::kInvalidArgument, StrCat(what, ": ", gnutls_strerror(code)));
}

gnutls_datum_t Datum(const std::string& text) {
  // The library takes bytes as non-const but does not write through them.
  void* bytes = const_cast<char*>(text.data());
  return {static_cast<unsigned char*>(bytes), static_cast<unsigned>(text.size())};
}

// `oldest` to `newest`, as a priority string has them.
std::string Versions(TlsVersion oldest, TlsVersion newest) {
  constexpr std::array<std::string_view, 4> kNames = {"1.0", "1.1", "1.2", "1.3"};
  std::string out = ":-VERS-ALL";
  for (int v = static_cast<int>(newest); v >= static_cast<int>(oldest); --v)
    StrAppend(out, ":+VERS-TLS", kNames[static_cast<size_t>(v)]);
  return out;
}

// In the order in which the suites come, each part once.
template <typename Part>
std::string Parts(const std::vector<const Suite*>& suites, std::string_view all, Part part) {
  std::string out = StrCat(":-", all);
  std::vector<std::string_view> seen;
  for (const Suite* suite : suites) {
    const std::string_view name = (*suite).*part;
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    StrAppend(out, ":+", name);
  }
  return out;
}

// GnuTLS' secure defaults, without what today's servers (Go's among them) no longer offer unasked:
// key exchange by RSA or finite fields, CBC with SHA1, ARIA and the like.
std::string CommonPriority(const TlsServerSettings& settings) {
  std::string out =
      "NORMAL:-DHE-RSA:-RSA:-CAMELLIA-128-GCM:-CAMELLIA-256-GCM:-CAMELLIA-128-CBC:"
      "-CAMELLIA-256-CBC";
  if (!settings.curves.empty()) out += ":-GROUP-ALL";
  for (const std::string& curve : settings.curves) {
    for (const auto& [name, group] : kCurves) {
      if (name == curve) StrAppend(out, ":+GROUP-", group);
    }
  }
  if (settings.prefer_server_cipher_suites) out += ":%SERVER_PRECEDENCE";
  // SHA1 signatures are all that the old versions have.
  if (settings.min_version < TlsVersion::kTls12) out += ":+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1:%COMPAT";
  return out;
}

Result<Priority> MakePriority(const std::string& text) {
  gnutls_priority_t made = nullptr;
  const char* at = nullptr;
  const int rc = gnutls_priority_init(&made, text.c_str(), &at);
  if (rc != GNUTLS_E_SUCCESS) return TlsError("TLS versions, cipher suites and curves", rc);
  return Priority(made);
}

Result<Credentials> LoadCredentials(const TlsServerSettings& settings) {
  gnutls_certificate_credentials_t raw = nullptr;
  if (const int rc = gnutls_certificate_allocate_credentials(&raw); rc != GNUTLS_E_SUCCESS)
    return TlsError("TLS", rc);
  Credentials credentials(raw);
  const gnutls_datum_t cert = Datum(settings.cert);
  const gnutls_datum_t key = Datum(settings.key);
  int rc = gnutls_certificate_set_x509_key_mem(raw, &cert, &key, GNUTLS_X509_FMT_PEM);
  if (rc < 0) return TlsError("certificate and key", rc);
  const ClientCertPolicy policy = settings.client_cert_policy;
  const bool verifies =
      policy == ClientCertPolicy::kVerifyIfGiven || policy == ClientCertPolicy::kRequireAndVerify;
  if (!settings.client_ca.empty()) {
    const gnutls_datum_t ca = Datum(settings.client_ca);
    rc = gnutls_certificate_set_x509_trust_mem(raw, &ca, GNUTLS_X509_FMT_PEM);
    if (rc < 0) return TlsError("client CA", rc);
    if (rc == 0) return Fail(ErrorCode::kInvalidArgument, "client CA: no certificate in it");
  } else if (verifies) {
    rc = gnutls_certificate_set_x509_system_trust(raw);
    if (rc < 0) return TlsError("the system's CAs", rc);
  }
  return credentials;
}

// Text of a name of a certificate; of an IP address as people write it.
std::string NameText(int type, const std::string& raw) {
  if (type != GNUTLS_SAN_IPADDRESS) return raw;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = raw.size() == 4 ? AF_INET : raw.size() == 16 ? AF_INET6 : AF_UNSPEC;
  if (family == AF_UNSPEC) return {};
  return inet_ntop(family, raw.data(), text.data(), text.size()) == nullptr ? "" : text.data();
}

bool HasName(gnutls_x509_crt_t cert, const std::vector<std::string>& allowed) {
  constexpr unsigned kMaxNames = 1000;
  for (unsigned i = 0; i < kMaxNames; ++i) {
    std::string raw(1024, '\0');
    size_t size = raw.size();
    const int type = gnutls_x509_crt_get_subject_alt_name(cert, i, raw.data(), &size, nullptr);
    if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) return false;
    if (type < 0) continue;
    raw.resize(std::min(size, raw.size()));
    const bool known = type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME ||
                       type == GNUTLS_SAN_URI || type == GNUTLS_SAN_IPADDRESS;
    if (known && std::find(allowed.begin(), allowed.end(), NameText(type, raw)) != allowed.end())
      return true;
  }
  return false;
}

class TlsContextImpl final : public TlsContext {
 public:
  TlsContextImpl(TlsServerSettings settings, Credentials credentials, Priority priority,
                 Priority old_priority, std::vector<const Suite*> suites)
      : policy_(settings.client_cert_policy),
        allowed_sans_(std::move(settings.client_allowed_sans)),
        credentials_(std::move(credentials)),
        priority_(std::move(priority)),
        old_priority_(std::move(old_priority)),
        suites_(std::move(suites)) {}

  void Attach(void* session) const override;
  bool Permits(void* session) const override;

 private:
  static const TlsContextImpl& Of(gnutls_session_t session) {
    return *static_cast<const TlsContextImpl*>(gnutls_session_get_ptr(session));
  }
  static int OnClientHello(gnutls_session_t session);
  static int OnClientCertificate(gnutls_session_t session);
  bool Accepts(gnutls_session_t session) const;

  const ClientCertPolicy policy_;
  const std::vector<std::string> allowed_sans_;
  const Credentials credentials_;
  const Priority priority_;
  const Priority old_priority_;  // for TLS 1.2 and before; null: priority_
  const std::vector<const Suite*> suites_;
};

void TlsContextImpl::Attach(void* raw) const {
  auto* session = static_cast<gnutls_session_t>(raw);
  gnutls_session_set_ptr(session, const_cast<TlsContextImpl*>(this));
  gnutls_priority_set(session, priority_.get());
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials_.get());
  if (old_priority_) gnutls_handshake_set_post_client_hello_function(session, &OnClientHello);
  if (policy_ == ClientCertPolicy::kNone) return;
  const bool required =
      policy_ == ClientCertPolicy::kRequireAny || policy_ == ClientCertPolicy::kRequireAndVerify;
  gnutls_certificate_server_set_request(session,
                                        required ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST);
  gnutls_session_set_verify_function(session, &OnClientCertificate);
}

// The suites that can be configured are those of TLS 1.2 and before; 1.3 has its own.
int TlsContextImpl::OnClientHello(gnutls_session_t session) {
  if (gnutls_protocol_get_version(session) == GNUTLS_TLS1_3) return 0;
  return gnutls_priority_set(session, Of(session).old_priority_.get());
}

int TlsContextImpl::OnClientCertificate(gnutls_session_t session) {
  return Of(session).Accepts(session) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

bool TlsContextImpl::Accepts(gnutls_session_t session) const {
  unsigned count = 0;
  const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &count);
  // Where one is required, the library has refused the handshake.
  if (chain == nullptr || count == 0) return true;
  if (policy_ == ClientCertPolicy::kVerifyIfGiven ||
      policy_ == ClientCertPolicy::kRequireAndVerify) {
    std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st want{};
    want.type = GNUTLS_DT_KEY_PURPOSE_OID;
    want.data = reinterpret_cast<unsigned char*>(purpose.data());
    unsigned problems = 0;
    if (gnutls_certificate_verify_peers(session, &want, 1, &problems) < 0 || problems != 0)
      return false;
  }
  if (allowed_sans_.empty()) return true;
  gnutls_x509_crt_t cert = nullptr;
  if (gnutls_x509_crt_init(&cert) != GNUTLS_E_SUCCESS) return false;
  const bool fits = gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) >= 0 &&
                    HasName(cert, allowed_sans_);
  gnutls_x509_crt_deinit(cert);
  if (!fits) base::LogDebug("client certificate without an allowed name");
  return fits;
}

bool TlsContextImpl::Permits(void* raw) const {
  auto* session = static_cast<gnutls_session_t>(raw);
  if (suites_.empty() || gnutls_protocol_get_version(session) == GNUTLS_TLS1_3) return true;
  const gnutls_kx_algorithm_t kx = gnutls_kx_get(session);
  const gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
  const gnutls_mac_algorithm_t mac = gnutls_mac_get(session);
  return std::any_of(suites_.begin(), suites_.end(), [&](const Suite* suite) {
    return gnutls_kx_get_id(std::string(suite->key_exchange).c_str()) == kx &&
           gnutls_cipher_get_id(std::string(suite->cipher).c_str()) == cipher &&
           (suite->mac == "AEAD" ? GNUTLS_MAC_AEAD
                                 : gnutls_mac_get_id(std::string(suite->mac).c_str())) == mac;
  });
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::Create(const TlsServerSettings& settings) {
  std::vector<const Suite*> suites;
  for (const std::string& name : settings.cipher_suites) {
    for (const Suite& suite : kSuites) {
      if (suite.name == name) suites.push_back(&suite);
    }
  }
  Credentials credentials = TRY(LoadCredentials(settings));
  const std::string common = CommonPriority(settings);
  Priority priority =
      TRY(MakePriority(StrCat(common, Versions(settings.min_version, settings.max_version))));
  Priority old_priority;
  if (!suites.empty() && settings.min_version < TlsVersion::kTls13) {
    const TlsVersion newest = std::min(settings.max_version, TlsVersion::kTls12);
    old_priority = TRY(MakePriority(StrCat(common, Versions(settings.min_version, newest),
                                           Parts(suites, "KX-ALL", &Suite::key_exchange),
                                           Parts(suites, "CIPHER-ALL", &Suite::cipher),
                                           Parts(suites, "MAC-ALL", &Suite::mac))));
  }
  return std::make_shared<TlsContextImpl>(settings, std::move(credentials), std::move(priority),
                                          std::move(old_priority), std::move(suites));
}

}  // namespace slurmscope::http
