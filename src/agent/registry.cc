#include <algorithm>
#include <array>
#include <iterator>

#include "agent/collector.h"
#include "agent/collectors/collectors.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

using enum FlagKind;

// Flags and defaults are those of node_exporter 1.12.1. Collectors that this version lacks have no
// help texts.

constexpr FlagSpec kArpFlags[] = {
    {"collector.arp.device-exclude", kString, "", ""},
    {"collector.arp.device-include", kString, "", ""},
    {"collector.arp.netlink", kBool, "true", ""},
};

constexpr FlagSpec kBcacheFlags[] = {
    {"collector.bcache.priorityStats", kBool, "false", ""},
};

constexpr FlagSpec kCpuFlags[] = {
    {"collector.cpu.guest", kBool, "true", "Give node_cpu_guest_seconds_total."},
    {"collector.cpu.info", kBool, "false", "Give node_cpu_info from /proc/cpuinfo."},
    {"collector.cpu.info.bugs-include", kString, "",
     "Regexp of CPU bugs to give as node_cpu_bug_info; turns cpu.info on."},
    {"collector.cpu.info.flags-include", kString, "",
     "Regexp of CPU flags to give as node_cpu_flag_info; turns cpu.info on."},
};

constexpr FlagSpec kDiskstatsFlags[] = {
    {"collector.diskstats.device-exclude", kString,
     R"(^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$)",
     "Regexp of disks to leave out (not together with device-include)."},
    {"collector.diskstats.device-include", kString, "", "Regexp of disks to give, no others."},
    {"collector.diskstats.ignored-devices", kString, "",
     "Old name of collector.diskstats.device-exclude.", true},
};

constexpr FlagSpec kEthtoolFlags[] = {
    {"collector.ethtool.device-exclude", kString, "", ""},
    {"collector.ethtool.device-include", kString, "", ""},
    {"collector.ethtool.metrics-include", kString, ".*", ""},
};

constexpr FlagSpec kFilesystemFlags[] = {
    {"collector.filesystem.fs-types-exclude", kString,
     "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|"
     "mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|"
     "tracefs)$",
     "Regexp of file system types to leave out (not together with fs-types-include)."},
    {"collector.filesystem.fs-types-include", kString, "",
     "Regexp of file system types to give, no others."},
    {"collector.filesystem.ignored-fs-types", kString, "",
     "Old name of collector.filesystem.fs-types-exclude.", true},
    {"collector.filesystem.ignored-mount-points", kString, "",
     "Old name of collector.filesystem.mount-points-exclude.", true},
    {"collector.filesystem.mount-points-exclude", kString,
     "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
     "Regexp of mount points to leave out (not together with mount-points-include)."},
    {"collector.filesystem.mount-points-include", kString, "",
     "Regexp of mount points to give, no others."},
    {"collector.filesystem.mount-timeout", kDuration, "5s",
     "How long a mount may be silent before it counts as stuck.", true},
    {"collector.filesystem.stat-workers", kInt, "4",
     "Taken for compatibility; threads are started when mounts hang.", true},
};

constexpr FlagSpec kHwmonFlags[] = {
    {"collector.hwmon.chip-exclude", kString, "", ""},
    {"collector.hwmon.chip-include", kString, "", ""},
    {"collector.hwmon.sensor-exclude", kString, "", ""},
    {"collector.hwmon.sensor-include", kString, "", ""},
};

constexpr FlagSpec kInfinibandFlags[] = {
    {"collector.infiniband.device-exclude", kString, "", ""},
    {"collector.infiniband.device-include", kString, "", ""},
};

constexpr FlagSpec kInterruptsFlags[] = {
    {"collector.interrupts.include-zeros", kBool, "true", ""},
    {"collector.interrupts.name-exclude", kString, "", ""},
    {"collector.interrupts.name-include", kString, "", ""},
};

constexpr FlagSpec kIpvsFlags[] = {
    {"collector.ipvs.backend-labels", kString,
     "local_address,local_port,remote_address,remote_port,proto,local_mark", ""},
};

constexpr FlagSpec kNetclassFlags[] = {
    {"collector.netclass.ignore-invalid-speed", kBool, "false", ""},
    {"collector.netclass.ignored-devices", kString, "^$", ""},
    {"collector.netclass.netlink", kBool, "false", ""},
    {"collector.netclass_rtnl.with-stats", kBool, "false", ""},
};

constexpr FlagSpec kNetdevFlags[] = {
    {"collector.netdev.address-info", kBool, "false",
     "Give node_network_address_info for the addresses of all devices."},
    {"collector.netdev.device-blacklist", kString, "",
     "Old name of collector.netdev.device-exclude.", true},
    {"collector.netdev.device-exclude", kString, "",
     "Regexp of network devices to leave out (not together with device-include)."},
    {"collector.netdev.device-include", kString, "",
     "Regexp of network devices to give, no others."},
    {"collector.netdev.device-whitelist", kString, "",
     "Old name of collector.netdev.device-include.", true},
    {"collector.netdev.enable-detailed-metrics", kBool, "false",
     "Give each kernel counter by its own (other) metric name."},
    {"collector.netdev.label-ifalias", kBool, "false", "Add the label ifalias."},
    {"collector.netdev.netlink", kBool, "true",
     "Ask the kernel by netlink instead of reading /proc/net/dev."},
};

constexpr FlagSpec kNetstatFlags[] = {
    {"collector.netstat.fields", kString,
     "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
     "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_("
     "ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|"
     "OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
     "Regexp of fields to give."},
};

constexpr FlagSpec kNtpFlags[] = {
    {"collector.ntp.ip-ttl", kInt, "1", ""},
    {"collector.ntp.local-offset-tolerance", kDuration, "1ms", ""},
    {"collector.ntp.max-distance", kDuration, "3.46608s", ""},
    {"collector.ntp.protocol-version", kInt, "4", ""},
    {"collector.ntp.server", kString, "127.0.0.1", ""},
    {"collector.ntp.server-is-local", kBool, "false", ""},
    {"collector.ntp.server-port", kInt, "123", ""},
};

constexpr FlagSpec kPcideviceFlags[] = {
    {"collector.pcidevice.idsfile", kString, "", ""},
    {"collector.pcidevice.names", kBool, "false", ""},
};

constexpr FlagSpec kPerfFlags[] = {
    {"collector.perf.cache-profilers", kStrings, "", ""},
    {"collector.perf.cpus", kString, "", ""},
    {"collector.perf.disable-cache-profilers", kBool, "false", ""},
    {"collector.perf.disable-hardware-profilers", kBool, "false", ""},
    {"collector.perf.disable-software-profilers", kBool, "false", ""},
    {"collector.perf.hardware-profilers", kStrings, "", ""},
    {"collector.perf.software-profilers", kStrings, "", ""},
    {"collector.perf.tracepoint", kStrings, "", ""},
};

constexpr FlagSpec kPowersupplyclassFlags[] = {
    {"collector.powersupply.ignored-supplies", kString, "^$", ""},
};

constexpr FlagSpec kQdiscFlags[] = {
    {"collector.qdisc.device-exclude", kString, "", ""},
    {"collector.qdisc.device-include", kString, "", ""},
    {"collector.qdisc.fixtures", kString, "", ""},
    {"collector.qdisk.device-exclude", kString, "", "", true},
    {"collector.qdisk.device-include", kString, "", "", true},
};

constexpr FlagSpec kRaplFlags[] = {
    {"collector.rapl.enable-zone-label", kBool, "false", ""},
};

constexpr FlagSpec kRunitFlags[] = {
    {"collector.runit.servicedir", kString, "/etc/service", ""},
};

constexpr FlagSpec kSlabinfoFlags[] = {
    {"collector.slabinfo.slabs-exclude", kString, "", ""},
    {"collector.slabinfo.slabs-include", kString, ".*", ""},
};

constexpr FlagSpec kStatFlags[] = {
    {"collector.stat.softirq", kBool, "false", "Give node_softirqs_total by vector."},
};

constexpr FlagSpec kSupervisordFlags[] = {
    {"collector.supervisord.url", kString, "http://localhost:9001/RPC2", ""},
};

constexpr FlagSpec kSysctlFlags[] = {
    {"collector.sysctl.include", kStrings, "", ""},
    {"collector.sysctl.include-info", kStrings, "", ""},
};

constexpr FlagSpec kSystemdFlags[] = {
    {"collector.systemd.enable-restarts-metrics", kBool, "false", ""},
    {"collector.systemd.enable-start-time-metrics", kBool, "false", ""},
    {"collector.systemd.enable-task-metrics", kBool, "false", ""},
    {"collector.systemd.private", kBool, "false", "", true},
    {"collector.systemd.unit-blacklist", kString, "", "", true},
    {"collector.systemd.unit-exclude", kString, R"(.+\.(automount|device|mount|scope|slice))", ""},
    {"collector.systemd.unit-include", kString, ".+", ""},
    {"collector.systemd.unit-whitelist", kString, "", "", true},
};

constexpr FlagSpec kTapestatsFlags[] = {
    {"collector.tapestats.ignored-devices", kString, "^$", ""},
};

constexpr FlagSpec kTextfileFlags[] = {
    {"collector.textfile.directory", kStrings, "", ""},
};

constexpr FlagSpec kVmstatFlags[] = {
    {"collector.vmstat.fields", kString, "^(oom_kill|pgpg|pswp|pg.*fault).*",
     "Regexp of /proc/vmstat fields to give."},
};

constexpr FlagSpec kWifiFlags[] = {
    {"collector.wifi.fixtures", kString, "", ""},
};

constexpr CollectorSpec kCollectors[] = {
    {"arp", true, kArpFlags, "", nullptr},
    {"bcache", true, kBcacheFlags, "", nullptr},
    {"bcachefs", true, {}, "", nullptr},
    {"bonding", true, {}, "", nullptr},
    {"btrfs", true, {}, "", nullptr},
    {"buddyinfo", false, {}, "", nullptr},
    {"cgroups", false, {}, "", nullptr},
    {"conntrack", true, {}, "", nullptr},
    {"cpu", true, kCpuFlags, "CPU time by mode, throttling, online and isolated CPUs, CPU model.",
     MakeCpu},
    {"cpu_vulnerabilities", false, {}, "", nullptr},
    {"cpufreq", true, {}, "", nullptr},
    {"diskstats", true, kDiskstatsFlags, "Disk reads, writes, time and identity.", MakeDiskstats},
    {"dmi", true, {}, "", nullptr},
    {"dmmultipath", true, {}, "", nullptr},
    {"drbd", false, {}, "", nullptr},
    {"drm", false, {}, "", nullptr},
    {"edac", true, {}, "", nullptr},
    {"entropy", true, {}, "Entropy of the random number generator.", MakeEntropy},
    {"ethtool", false, kEthtoolFlags, "", nullptr},
    {"fibrechannel", true, {}, "", nullptr},
    {"filefd", true, {}, "Open file descriptors of the system.", MakeFilefd},
    {"filesystem", true, kFilesystemFlags, "Size and free space of mounted file systems.",
     MakeFilesystem},
    {"hwmon", true, kHwmonFlags, "", nullptr},
    {"infiniband", true, kInfinibandFlags, "", nullptr},
    {"interrupts", false, kInterruptsFlags, "", nullptr},
    {"ipvs", true, kIpvsFlags, "", nullptr},
    {"kernel_hung", true, {}, "Hung tasks that the kernel detected.", MakeKernelHung},
    {"ksmd", false, {}, "", nullptr},
    {"lnstat", false, {}, "", nullptr},
    {"loadavg", true, {}, "Load averages.", MakeLoadavg},
    {"logind", false, {}, "", nullptr},
    {"mdadm", true, {}, "", nullptr},
    {"meminfo", true, {}, "Memory by use.", MakeMeminfo},
    {"meminfo_numa", false, {}, "", nullptr},
    {"mountstats", false, {}, "", nullptr},
    {"netclass", true, kNetclassFlags, "", nullptr},
    {"netdev", true, kNetdevFlags, "Traffic and errors by network device.", MakeNetdev},
    {"netstat", true, kNetstatFlags, "Chosen fields of /proc/net/{netstat,snmp,snmp6}.",
     MakeNetstat},
    {"network_route", false, {}, "", nullptr},
    {"nfs", true, {}, "", nullptr},
    {"nfsd", true, {}, "", nullptr},
    {"ntp", false, kNtpFlags, "", nullptr},
    {"nvme", true, {}, "", nullptr},
    {"nvmesubsystem", false, {}, "", nullptr},
    {"os", true, {}, "", nullptr},
    {"pcidevice", false, kPcideviceFlags, "", nullptr},
    {"perf", false, kPerfFlags, "", nullptr},
    {"powersupplyclass", true, kPowersupplyclassFlags, "", nullptr},
    {"pressure", true, {}, "Pressure stall information.", MakePressure},
    {"processes", false, {}, "", nullptr},
    {"qdisc", false, kQdiscFlags, "", nullptr},
    {"rapl", true, kRaplFlags, "", nullptr},
    {"runit", false, kRunitFlags, "", nullptr},
    {"schedstat", true, {}, "Scheduler run and wait time per CPU.", MakeSchedstat},
    {"selinux", true, {}, "", nullptr},
    {"slabinfo", false, kSlabinfoFlags, "", nullptr},
    {"sockstat", true, {}, "", nullptr},
    {"softirqs", false, {}, "", nullptr},
    {"softnet", true, {}, "Network work per CPU.", MakeSoftnet},
    {"stat", true, kStatFlags, "Boot time, forks, interrupts, context switches.", MakeStat},
    {"supervisord", false, kSupervisordFlags, "", nullptr},
    {"swap", false, {}, "", nullptr},
    {"sysctl", false, kSysctlFlags, "", nullptr},
    {"systemd", false, kSystemdFlags, "", nullptr},
    {"tapestats", true, kTapestatsFlags, "", nullptr},
    {"tcpstat", false, {}, "", nullptr},
    {"textfile", true, kTextfileFlags, "", nullptr},
    {"thermal_zone", true, {}, "", nullptr},
    {"time", true, {}, "System time, zone and clock sources.", MakeTime},
    {"timex", true, {}, "", nullptr},
    {"udp_queues", true, {}, "", nullptr},
    {"uname", true, {}, "Kernel name, release and host name.", MakeUname},
    {"vmstat", true, kVmstatFlags, "Chosen fields of /proc/vmstat.", MakeVmstat},
    {"watchdog", true, {}, "", nullptr},
    {"wifi", false, kWifiFlags, "", nullptr},
    {"xfrm", false, {}, "", nullptr},
    {"xfs", true, {}, "", nullptr},
    {"zfs", true, {}, "", nullptr},
    {"zoneinfo", false, {}, "", nullptr},
};

}  // namespace

std::span<const CollectorSpec> AllCollectors() { return kCollectors; }

const CollectorSpec* FindCollector(std::string_view name) {
  const auto at = std::find_if(std::begin(kCollectors), std::end(kCollectors),
                               [&](const CollectorSpec& spec) { return spec.name == name; });
  return at == std::end(kCollectors) ? nullptr : &*at;
}

bool IsEnabled(const CollectorSpec& spec, const FlagValues& flags) {
  const std::string flag = base::StrCat("collector.", spec.name);
  if (flags.IsGiven(flag)) return flags.Bool(flag);
  return spec.default_on && !flags.Bool("collector.disable-defaults");
}

}  // namespace slurmscope::agent
