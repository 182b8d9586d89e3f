// GnuTLS for a program that mostly runs without TLS: loaded at the first call of one of these
// functions. With its nine libraries it takes 3 MiB and as much time as the rest of a start. A
// program that is linked for this (slurmscope_few_libraries in cmake/dependencies.cmake) passes the
// linker `--wrap=NAME` for each function here, which leads the calls of this room and of
// libmicrohttpd's archive here; in other programs nothing of it is linked.
#include <dlfcn.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <cstddef>
#include <cstdlib>
#include <tuple>

#include "base/log.h"

namespace slurmscope::http {
namespace {

static_assert(GNUTLS_VERSION_MAJOR == 3);
constexpr const char* kLibrary = "libgnutls.so.30";

// The package depends on the library, so there is no way on without it.
[[noreturn]] void Die() {
  const char* why = ::dlerror();
  base::LogError("cannot load the library for TLS", {{"err", why == nullptr ? kLibrary : why}});
  std::abort();
}

void* Find(const char* name) {
  static void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  void* const function = library == nullptr ? nullptr : ::dlsym(library, name);
  if (function == nullptr) Die();
  return function;
}

template <typename Function>
struct Signature;
template <typename R, typename... Arguments>
struct Signature<R (*)(Arguments...)> {
  using Result = R;
  template <size_t i>
  using Argument = std::tuple_element_t<i, std::tuple<Arguments...>>;
};

}  // namespace
}  // namespace slurmscope::http

// The names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
#define ARGUMENT(name, i) slurmscope::http::Signature<decltype(&(name))>::Argument<i>
#define LATE(name, parameters, arguments)                                           \
  slurmscope::http::Signature<decltype(&(name))>::Result __wrap_##name parameters { \
    static const auto function =                                                    \
        reinterpret_cast<decltype(&(name))>(slurmscope::http::Find(#name));         \
    return function arguments;                                                      \
  }
#define LATE_1(name) LATE(name, (ARGUMENT(name, 0) a), (a))
#define LATE_2(name) LATE(name, (ARGUMENT(name, 0) a, ARGUMENT(name, 1) b), (a, b))
#define LATE_3(name) \
  LATE(name, (ARGUMENT(name, 0) a, ARGUMENT(name, 1) b, ARGUMENT(name, 2) c), (a, b, c))
#define LATE_4(name)                                                                               \
  LATE(name, (ARGUMENT(name, 0) a, ARGUMENT(name, 1) b, ARGUMENT(name, 2) c, ARGUMENT(name, 3) d), \
       (a, b, c, d))
#define LATE_5(name)                                                                        \
  LATE(name,                                                                                \
       (ARGUMENT(name, 0) a, ARGUMENT(name, 1) b, ARGUMENT(name, 2) c, ARGUMENT(name, 3) d, \
        ARGUMENT(name, 4) e),                                                               \
       (a, b, c, d, e))
#define LATE_6(name)                                                                        \
  LATE(name,                                                                                \
       (ARGUMENT(name, 0) a, ARGUMENT(name, 1) b, ARGUMENT(name, 2) c, ARGUMENT(name, 3) d, \
        ARGUMENT(name, 4) e, ARGUMENT(name, 5) f),                                          \
       (a, b, c, d, e, f))

extern "C" {
LATE_1(gnutls_certificate_allocate_credentials)
LATE_1(gnutls_certificate_free_credentials)
LATE_1(gnutls_certificate_set_x509_system_trust)
LATE_1(gnutls_cipher_get)
LATE_1(gnutls_cipher_get_id)
LATE_1(gnutls_deinit)
LATE_1(gnutls_dh_params_deinit)
LATE_1(gnutls_dh_params_init)
LATE_1(gnutls_handshake)
LATE_1(gnutls_kx_get)
LATE_1(gnutls_kx_get_id)
LATE_1(gnutls_mac_get)
LATE_1(gnutls_mac_get_id)
LATE_1(gnutls_priority_deinit)
LATE_1(gnutls_protocol_get_version)
LATE_1(gnutls_psk_allocate_server_credentials)
LATE_1(gnutls_psk_free_server_credentials)
LATE_1(gnutls_record_check_pending)
LATE_1(gnutls_record_get_direction)
LATE_1(gnutls_session_get_ptr)
LATE_1(gnutls_strerror)
LATE_1(gnutls_x509_crt_deinit)
LATE_1(gnutls_x509_crt_init)
LATE_2(gnutls_bye)
LATE_2(gnutls_certificate_get_peers)
LATE_2(gnutls_certificate_server_set_request)
LATE_2(gnutls_certificate_set_dh_params)
LATE_2(gnutls_certificate_set_retrieve_function2)
LATE_2(gnutls_certificate_set_retrieve_function3)
LATE_2(gnutls_handshake_set_post_client_hello_function)
LATE_2(gnutls_init)
LATE_2(gnutls_priority_set)
LATE_2(gnutls_psk_set_server_credentials_function)
LATE_2(gnutls_session_set_ptr)
LATE_2(gnutls_session_set_verify_function)
LATE_3(gnutls_certificate_set_x509_trust_mem)
LATE_3(gnutls_credentials_set)
LATE_3(gnutls_dh_params_import_pkcs3)
LATE_3(gnutls_memcmp)
LATE_3(gnutls_memset)
LATE_3(gnutls_priority_init)
LATE_3(gnutls_record_recv)
LATE_3(gnutls_record_send)
LATE_3(gnutls_rnd)
LATE_3(gnutls_transport_set_int2)
LATE_3(gnutls_x509_crt_import)
LATE_4(gnutls_alpn_set_protocols)
LATE_4(gnutls_certificate_set_x509_key_mem)
LATE_4(gnutls_certificate_verify_peers)
LATE_5(gnutls_x509_crt_get_subject_alt_name)
LATE_6(gnutls_certificate_set_x509_key_mem2)
LATE_6(gnutls_hmac_fast)

// libmicrohttpd calls these two when the program starts and ends. The library does the same by
// itself, when it is loaded.
int __wrap_gnutls_global_init() { return GNUTLS_E_SUCCESS; }
void __wrap_gnutls_global_deinit() {}
// A variable, which ld cannot wrap; the library's own has the same value.
gnutls_alloc_function gnutls_malloc = &std::malloc;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
