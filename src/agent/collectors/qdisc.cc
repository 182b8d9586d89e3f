#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "agent/collectors/collectors.h"
#include "agent/collectors/json_fixture.h"
#include "agent/collectors/netlink.h"
#include "agent/collectors/netlink_messages.h"
#include "agent/pattern.h"
#include "base/strings.h"

namespace slurmscope::agent {

// struct tcmsg, then TCA_KIND and TCA_STATS2, which nests TCA_STATS_BASIC and TCA_STATS_QUEUE.
Result<std::optional<QdiscStats>> ParseQdisc(std::string_view body) {
  tcmsg header{};
  if (!TakeStruct(body, &header)) return std::nullopt;
  // Only what stands at the root of an interface: classes and filters below it count the same
  // packets again.
  if (header.tcm_parent != TC_H_ROOT && header.tcm_parent != 0) return std::nullopt;
  QdiscStats stats;
  stats.interface = header.tcm_ifindex;
  std::string_view nested;
  TRY(ForEachAttribute(body, [&](uint16_t type, std::string_view value) {
    if (type == TCA_KIND) stats.kind = value.substr(0, value.find('\0'));
    if (type == TCA_STATS2) nested = value;
  }));
  TRY(ForEachAttribute(nested, [&](uint16_t type, std::string_view value) {
    if (type == TCA_STATS_BASIC) {
      const auto basic = CopyPrefix<gnet_stats_basic>(value);
      stats.bytes = basic.bytes;
      stats.packets = basic.packets;
    }
    // Beyond 32 bits the kernel counts packets in an attribute of its own.
    if (type == TCA_STATS_PKT64) stats.packets = CopyPrefix<uint64_t>(value);
    if (type == TCA_STATS_QUEUE) {
      const auto queue = CopyPrefix<gnet_stats_queue>(value);
      stats.length = queue.qlen;
      stats.backlog = queue.backlog;
      stats.drops = queue.drops;
      stats.requeues = queue.requeues;
      stats.overlimits = queue.overlimits;
    }
  }));
  return stats;
}

namespace {

class Qdisc final : public Collector {
 public:
  Qdisc(DeviceFilter filter, std::string fixtures, FamilySet& out)
      : filter_(std::move(filter)), fixtures_(std::move(fixtures)) {
    const auto make = [&](std::string_view name, std::string_view help, MetricType type) {
      return &out.Get(base::StrCat("node_qdisc_", name), help, type, {"device", "kind"});
    };
    families_ = {
        make("bytes_total", "Number of bytes sent.", MetricType::kCounter),
        make("packets_total", "Number of packets sent.", MetricType::kCounter),
        make("drops_total", "Number of packets dropped.", MetricType::kCounter),
        make("requeues_total", "Number of packets dequeued, not transmitted, and requeued.",
             MetricType::kCounter),
        make("overlimits_total", "Number of overlimit packets.", MetricType::kCounter),
        make("current_queue_length", "Number of packets currently in queue to be sent.",
             MetricType::kGauge),
        make("backlog", "Number of bytes currently in queue to be sent.", MetricType::kGauge)};
  }

  Result<void> Update() override {
    if (!fixtures_.empty()) return ReadFixtures();
    return socket_.Dump(RTM_GETQDISC, BytesOf(tcmsg{}),
                        [this](uint16_t type, std::string_view body) -> Result<void> {
                          if (type != RTM_NEWQDISC) return {};
                          const auto stats = TRY(ParseQdisc(body));
                          if (stats) Set(names_.Name(stats->interface), *stats);
                          return {};
                        });
  }

 private:
  void Set(std::string_view device, const QdiscStats& stats) {
    if (device.empty() || filter_.Ignored(device)) return;
    const uint64_t values[] = {stats.bytes,      stats.packets, stats.drops,  stats.requeues,
                               stats.overlimits, stats.length,  stats.backlog};
    for (size_t i = 0; i < std::size(values); ++i)
      families_[i]->Set({device, stats.kind}, static_cast<double>(values[i]));
  }

  Result<void> ReadFixtures() {
    const config::Node list = TRY(ReadJsonFixture(fixtures_ + "/results.json"));
    for (const config::Node& entry : list.items) {
      const auto number = [&](std::string_view key) {
        return static_cast<uint64_t>(JsonInt(entry, key));
      };
      QdiscStats stats;
      const std::string kind = JsonText(entry, "Kind");
      stats.kind = kind;
      stats.bytes = number("Bytes");
      stats.packets = number("Packets");
      stats.drops = number("Drops");
      stats.requeues = number("Requeues");
      stats.overlimits = number("Overlimits");
      stats.length = number("Qlen");
      stats.backlog = number("Backlog");
      Set(JsonText(entry, "IfaceName"), stats);
    }
    return {};
  }

  RememberingFilter filter_;
  const std::string fixtures_;
  std::vector<Family*> families_;
  NetlinkSocket socket_{NETLINK_ROUTE};
  InterfaceNames names_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeQdisc(const Machine&, const FlagValues& flags,
                                             FamilySet& out) {
  return std::make_unique<Qdisc>(
      TRY(DeviceFilter::FromFlags(flags, "collector.qdisc.device", "collector.qdisk.device-include",
                                  "collector.qdisk.device-exclude")),
      flags.String("collector.qdisc.fixtures"), out);
}

}  // namespace slurmscope::agent
