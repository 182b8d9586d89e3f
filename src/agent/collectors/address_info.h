#pragma once

#include "agent/family.h"
#include "base/result.h"

namespace slurmscope::agent {

// node_network_address_info: the addresses of all interfaces, by getifaddrs(3). Not thread-safe.
class AddressInfo {
 public:
  explicit AddressInfo(FamilySet& out);
  base::Result<void> Update();

 private:
  Family& info_;
};

}  // namespace slurmscope::agent
