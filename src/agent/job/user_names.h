#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace slurmscope::agent::job {

// Names of users by the system's databases (NSS), which may ask a server that hangs: the question
// is put on a thread of its own, and who asks gets what is known by now. Not thread-safe.
class UserNames {
 public:
  UserNames();
  // Leaves a thread behind that hangs.
  ~UserNames();
  UserNames(const UserNames&) = delete;
  UserNames& operator=(const UserNames&) = delete;

  // nullptr: not known yet. Empty: there is no such user. Valid until the next call. At most 4096
  // users are remembered, each for an hour.
  const std::string* Find(uint32_t uid);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace slurmscope::agent::job
