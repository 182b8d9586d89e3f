#pragma once

#include <linux/if_link.h>

#include <string_view>

#include "agent/collectors/netlink.h"

namespace slurmscope::agent {

// Lists the network interfaces of our network namespace over rtnetlink (RTM_GETLINK), with their
// 64-bit counters. Not thread-safe.
class LinkList {
 public:
  using Visit = base::FunctionRef<void(std::string_view name, const rtnl_link_stats64& stats)>;

  // Calls `visit` for each interface that has counters.
  Result<void> Read(Visit visit);

 private:
  NetlinkSocket socket_{NETLINK_ROUTE};
};

// One RTM_NEWLINK message, without its header.
Result<void> VisitLink(std::string_view body, LinkList::Visit visit);

}  // namespace slurmscope::agent
