#pragma once

#include <linux/if_link.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace slurmscope::agent {

using base::Result;

// Lists the network interfaces of our network namespace over rtnetlink (RTM_GETLINK), with their
// 64-bit counters. The socket stays open. Not thread-safe.
class LinkList {
 public:
  using Visit = std::function<void(std::string_view name, const rtnl_link_stats64& stats)>;

  // Calls `visit` for each interface that has counters. Gives up after one second without an
  // answer.
  Result<void> Read(const Visit& visit);

 private:
  Result<void> Open();
  Result<void> Ask();
  Result<void> Receive(const Visit& visit);

  base::File socket_;
  uint32_t sequence_ = 0;
  std::string buffer_;
};

// Goes over the messages of one datagram; true when the list has ended. Malformed lengths are an
// error.
Result<bool> ParseLinkMessages(std::string_view datagram, uint32_t sequence,
                               const LinkList::Visit& visit);

}  // namespace slurmscope::agent
