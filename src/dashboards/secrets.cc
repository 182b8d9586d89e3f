#include "dashboards/secrets.h"

#include <argon2.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <semaphore>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::dashboards {
namespace {

constexpr uint32_t kPasses = 2;
constexpr uint32_t kMemoryKib = 19 * 1024;
constexpr uint32_t kLanes = 1;
constexpr size_t kSaltBytes = 16;
constexpr size_t kHashBytes = 32;
constexpr size_t kMaxPasswordBytes = 1024;

std::counting_semaphore<2>& HashSlots() {
  static std::counting_semaphore<2> slots(2);
  return slots;
}

struct SlotGuard {
  SlotGuard() { HashSlots().acquire(); }
  ~SlotGuard() { HashSlots().release(); }
  SlotGuard(const SlotGuard&) = delete;
  SlotGuard& operator=(const SlotGuard&) = delete;
};

void FillRandom(char* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = getrandom(out + done, size - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      base::LogError("the kernel gives no random bytes: stopping, since sessions would be guessable");
      std::abort();
    }
    done += static_cast<size_t>(n);
  }
}

// Compared with when the user does not exist, so that the answer takes as long.
const std::string& HashOfNobody() {
  static const std::string hash = HashPassword(RandomToken(16)).value_or("");
  return hash;
}

}  // namespace

Result<std::string> HashPassword(std::string_view password) {
  if (password.empty() || password.size() > kMaxPasswordBytes) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      base::StrCat("a password has 1 to ", kMaxPasswordBytes, " bytes"));
  }
  std::array<char, kSaltBytes> salt{};
  FillRandom(salt.data(), salt.size());
  std::vector<char> encoded(
      argon2_encodedlen(kPasses, kMemoryKib, kLanes, kSaltBytes, kHashBytes, Argon2_id));
  SlotGuard slot;
  int status = argon2id_hash_encoded(kPasses, kMemoryKib, kLanes, password.data(), password.size(), salt.data(),
                                     salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (status != ARGON2_OK) {
    return base::Fail(base::ErrorCode::kInternal, base::StrCat("argon2id: ", argon2_error_message(status)));
  }
  return std::string(encoded.data());
}

bool VerifyPassword(const std::string& hash, std::string_view password) {
  if (password.size() > kMaxPasswordBytes) return false;
  const std::string& compared = hash.empty() ? HashOfNobody() : hash;
  SlotGuard slot;
  int status = argon2id_verify(compared.c_str(), password.data(), password.size());
  return status == ARGON2_OK && !hash.empty();
}

std::string RandomToken(size_t bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string raw(bytes, '\0');
  FillRandom(raw.data(), raw.size());
  std::string token;
  uint32_t bits = 0;
  int held = 0;
  for (char c : raw) {
    bits = (bits << 8) | static_cast<uint8_t>(c);
    held += 8;
    while (held >= 6) {
      held -= 6;
      token += kAlphabet[(bits >> held) & 63];
    }
  }
  if (held > 0) token += kAlphabet[(bits << (6 - held)) & 63];
  return token;
}

std::string Sha256Hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

}  // namespace slurmscope::dashboards
