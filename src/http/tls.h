#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace slurmscope::http {

// Oldest first.
enum class TlsVersion : uint8_t { kTls10, kTls11, kTls12, kTls13 };

enum class ClientCertPolicy : uint8_t {
  kNone,              // not asked for
  kRequest,           // may be absent, is not verified
  kRequireAny,        // is not verified
  kVerifyIfGiven,     //
  kRequireAndVerify,  //
};

// What a server shows and wants of its clients. Texts are PEM.
struct TlsServerSettings {
  std::string cert;  // with the chain
  std::string key;
  std::string client_ca;  // empty: the system's
  ClientCertPolicy client_cert_policy = ClientCertPolicy::kNone;
  // One of them must be among the names, addresses or URIs of the certificate; empty: any.
  std::vector<std::string> client_allowed_sans;
  TlsVersion min_version = TlsVersion::kTls12;
  TlsVersion max_version = TlsVersion::kTls13;
  // Names of the TLS registry (TLS_ECDHE_RSA_WITH_...), for TLS 1.2 and before; empty: good ones.
  std::vector<std::string> cipher_suites;
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curves;  // CurveP256, CurveP384, CurveP521, X25519; empty: good ones

  bool operator==(const TlsServerSettings&) const = default;
};

// Whom a client trusts and what it shows.
struct TlsClientSettings {
  std::string ca;  // PEM; empty: the system's
  std::string cert;
  std::string key;
  std::string server_name;  // to expect in the server's certificate; empty: the URL's host
  bool verify = true;
  TlsVersion min_version = TlsVersion::kTls12;
  TlsVersion max_version = TlsVersion::kTls13;

  bool operator==(const TlsClientSettings&) const = default;
};

}  // namespace slurmscope::http
