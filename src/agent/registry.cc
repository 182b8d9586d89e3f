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
    {"collector.arp.device-exclude", kString, "",
     "Regexp of network devices to leave out (not together with device-include)."},
    {"collector.arp.device-include", kString, "", "Regexp of network devices to give, no others."},
    {"collector.arp.netlink", kBool, "true", "Taken for compatibility; /proc/net/arp is read."},
};

constexpr FlagSpec kBcacheFlags[] = {
    {"collector.bcache.priorityStats", kBool, "false",
     "Give the figures of priority_stats, which are dear to read."},
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
    {"collector.ethtool.device-exclude", kString, "",
     "Regexp of network devices to leave out (not together with device-include)."},
    {"collector.ethtool.device-include", kString, "",
     "Regexp of network devices to give, no others."},
    {"collector.ethtool.metrics-include", kString, ".*", "Regexp of counters to give."},
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
    {"collector.hwmon.chip-exclude", kString, "",
     "Regexp of chips to leave out (not together with chip-include)."},
    {"collector.hwmon.chip-include", kString, "", "Regexp of chips to give, no others."},
    {"collector.hwmon.sensor-exclude", kString, "",
     "Regexp of CHIP;SENSOR to leave out (not together with sensor-include)."},
    {"collector.hwmon.sensor-include", kString, "", "Regexp of CHIP;SENSOR to give, no others."},
};

constexpr FlagSpec kInfinibandFlags[] = {
    {"collector.infiniband.device-exclude", kString, "",
     "Regexp of devices to leave out (not together with device-include)."},
    {"collector.infiniband.device-include", kString, "", "Regexp of devices to give, no others."},
};

constexpr FlagSpec kInterruptsFlags[] = {
    {"collector.interrupts.include-zeros", kBool, "true", "Give interrupts that never came, too."},
    {"collector.interrupts.name-exclude", kString, "",
     "Regexp of TYPE;INFO;DEVICES to leave out (not together with name-include)."},
    {"collector.interrupts.name-include", kString, "",
     "Regexp of TYPE;INFO;DEVICES to give, no others."},
};

constexpr FlagSpec kIpvsFlags[] = {
    {"collector.ipvs.backend-labels", kString,
     "local_address,local_port,remote_address,remote_port,proto,local_mark",
     "Labels of backends; those that they do not tell apart are summed up."},
};

constexpr FlagSpec kNetclassFlags[] = {
    {"collector.netclass.ignore-invalid-speed", kBool, "false",
     "Leave out speeds below 0, which are unknown ones."},
    {"collector.netclass.ignored-devices", kString, "^$",
     "Regexp of network devices to leave out."},
    {"collector.netclass.netlink", kBool, "false", "Taken for compatibility; sysfs is read."},
    {"collector.netclass_rtnl.with-stats", kBool, "false",
     "With netclass.netlink: give the counters of devices, too, instead of netdev."},
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
    {"collector.pcidevice.idsfile", kString, "",
     "The file pci.ids, when it is not in /usr/share/misc or hwdata."},
    {"collector.pcidevice.names", kBool, "false",
     "Give vendors, devices and classes by name, too, from the file pci.ids."},
};

constexpr FlagSpec kPerfFlags[] = {
    {"collector.perf.cache-profilers", kStrings, "",
     "Event of the caches to count, all without (repeatable)."},
    {"collector.perf.cpus", kString, "", "CPUs to count on, like 0,2-5,8-16:4; all without."},
    {"collector.perf.disable-cache-profilers", kBool, "false",
     "Do not count events of the caches."},
    {"collector.perf.disable-hardware-profilers", kBool, "false",
     "Do not count events of the CPUs."},
    {"collector.perf.disable-software-profilers", kBool, "false",
     "Do not count events of the kernel."},
    {"collector.perf.hardware-profilers", kStrings, "",
     "Event of the CPUs to count, all without (repeatable)."},
    {"collector.perf.software-profilers", kStrings, "",
     "Event of the kernel to count, all without (repeatable)."},
    {"collector.perf.tracepoint", kStrings, "",
     "Tracepoint SUBSYSTEM:EVENT to count (repeatable)."},
};

constexpr FlagSpec kPowersupplyclassFlags[] = {
    {"collector.powersupply.ignored-supplies", kString, "^$",
     "Regexp of power supplies to leave out."},
};

constexpr FlagSpec kQdiscFlags[] = {
    {"collector.qdisc.device-exclude", kString, "",
     "Regexp of network devices to leave out (not together with device-include)."},
    {"collector.qdisc.device-include", kString, "",
     "Regexp of network devices to give, no others."},
    {"collector.qdisc.fixtures", kString, "",
     "Directory with a results.json to read instead of asking the kernel, for tests."},
    {"collector.qdisk.device-exclude", kString, "", "Old name of collector.qdisc.device-exclude.",
     true},
    {"collector.qdisk.device-include", kString, "", "Old name of collector.qdisc.device-include.",
     true},
};

constexpr FlagSpec kRaplFlags[] = {
    {"collector.rapl.enable-zone-label", kBool, "false",
     "One metric with the zone as a label instead of a metric for each."},
};

constexpr FlagSpec kRunitFlags[] = {
    {"collector.runit.servicedir", kString, "/etc/service", ""},
};

constexpr FlagSpec kSlabinfoFlags[] = {
    {"collector.slabinfo.slabs-exclude", kString, "",
     "Regexp of caches to leave out (not together with slabs-include)."},
    {"collector.slabinfo.slabs-include", kString, ".*", "Regexp of caches to give, no others."},
};

constexpr FlagSpec kStatFlags[] = {
    {"collector.stat.softirq", kBool, "false", "Give node_softirqs_total by vector."},
};

constexpr FlagSpec kSupervisordFlags[] = {
    {"collector.supervisord.url", kString, "http://localhost:9001/RPC2", ""},
};

constexpr FlagSpec kSysctlFlags[] = {
    {"collector.sysctl.include", kStrings, "",
     "Setting to give as numbers, NAME or NAME:FIELD,FIELD (repeatable)."},
    {"collector.sysctl.include-info", kStrings, "",
     "Setting to give as node_sysctl_info (repeatable)."},
};

constexpr FlagSpec kSystemdFlags[] = {
    {"collector.systemd.enable-restarts-metrics", kBool, "false",
     "Give node_systemd_service_restart_total."},
    {"collector.systemd.enable-start-time-metrics", kBool, "false",
     "Give node_systemd_unit_start_time_seconds."},
    {"collector.systemd.enable-task-metrics", kBool, "false",
     "Give node_systemd_unit_tasks_current and _max."},
    {"collector.systemd.private", kBool, "false",
     "Ask systemd without a message bus, which only root may.", true},
    {"collector.systemd.unit-blacklist", kString, "", "Old name of collector.systemd.unit-exclude.",
     true},
    {"collector.systemd.unit-exclude", kString, R"(.+\.(automount|device|mount|scope|slice))",
     "Regexp of whole names of units to leave out."},
    {"collector.systemd.unit-include", kString, ".+", "Regexp of whole names of units to give."},
    {"collector.systemd.unit-whitelist", kString, "", "Old name of collector.systemd.unit-include.",
     true},
};

constexpr FlagSpec kTapestatsFlags[] = {
    {"collector.tapestats.ignored-devices", kString, "^$", "Regexp of tape drives to leave out."},
};

constexpr FlagSpec kTextfileFlags[] = {
    {"collector.textfile.directory", kStrings, "",
     "Directory of *.prom files to give, patterns allowed (repeatable)."},
};

constexpr FlagSpec kVmstatFlags[] = {
    {"collector.vmstat.fields", kString, "^(oom_kill|pgpg|pswp|pg.*fault).*",
     "Regexp of /proc/vmstat fields to give."},
};

constexpr FlagSpec kWifiFlags[] = {
    {"collector.wifi.fixtures", kString, "",
     "Directory of JSON files to read instead of asking the kernel, for tests."},
};

// Sources that wait for hardware, wake other CPUs, take the network's one lock (netclass), walk
// tables of the kernel whose size has nothing to do with what is in them (udp_queues), or change
// with an upgrade only (os).
constexpr int64_t kSlowSource = 4500;

constexpr CollectorSpec kCollectors[] = {
    {"arp", true, kArpFlags, "ARP entries by device.", MakeArp},
    {"bcache", true, kBcacheFlags, "bcache cache sets, backing and cache devices.", MakeBcache},
    {"bcachefs", true, {}, "bcachefs file systems.", MakeBcachefs},
    {"bonding", true, {}, "Configured and working slaves of bonded interfaces.", MakeBonding},
    {"btrfs", true, {}, "btrfs file systems.", MakeBtrfs},
    {"buddyinfo", false, {}, "Free memory blocks by size.", MakeBuddyinfo},
    {"cgroups", false, {}, "Control group controllers.", MakeCgroups},
    {"conntrack", true, {}, "Connection tracking.", MakeConntrack},
    {"cpu", true, kCpuFlags, "CPU time by mode, throttling, online and isolated CPUs, CPU model.",
     MakeCpu},
    {"cpu_vulnerabilities",
     false,
     {},
     "Known weaknesses of the CPU and what is done about them.",
     MakeCpuVulnerabilities},
    {"cpufreq", true, {}, "CPU frequencies and governors.", MakeCpufreq, kSlowSource},
    {"diskstats", true, kDiskstatsFlags, "Disk reads, writes, time and identity.", MakeDiskstats},
    {"dmi", true, {}, "Firmware, board and product of the machine.", MakeDmi},
    {"dmmultipath", true, {}, "Multipath devices and their paths.", MakeDmMultipath},
    {"drbd", false, {}, "Replicated block devices (DRBD 8).", MakeDrbd},
    {"drm", false, {}, "AMD GPUs.", MakeDrm},
    {"edac", true, {}, "Memory errors.", MakeEdac},
    {"entropy", true, {}, "Entropy of the random number generator.", MakeEntropy},
    {"ethtool", false, kEthtoolFlags, "Drivers, ports and counters of network devices.",
     MakeEthtool, kSlowSource},
    {"fibrechannel", true, {}, "Fibre Channel hosts.", MakeFibreChannel},
    {"filefd", true, {}, "Open file descriptors of the system.", MakeFilefd},
    {"filesystem", true, kFilesystemFlags, "Size and free space of mounted file systems.",
     MakeFilesystem},
    {"hwmon", true, kHwmonFlags,
     "Temperatures, fans, voltages and power by the sensors of the machine.", MakeHwmon,
     kSlowSource},
    {"infiniband", true, kInfinibandFlags, "InfiniBand and RoCE ports, hardware counters included.",
     MakeInfiniband},
    {"interrupts", false, kInterruptsFlags, "Interrupts by kind and CPU.", MakeInterrupts},
    {"ipvs", true, kIpvsFlags, "IP virtual server connections and backends.", MakeIpvs},
    {"kernel_hung", true, {}, "Hung tasks that the kernel detected.", MakeKernelHung},
    {"ksmd", false, {}, "Kernel samepage merging.", MakeKsmd},
    {"lnstat", false, {}, "Counters of /proc/net/stat by CPU.", MakeLnstat},
    {"loadavg", true, {}, "Load averages.", MakeLoadavg},
    {"logind", false, {}, "Sessions of users.", MakeLogind, kSlowSource},
    {"lustre", false, {}, "Lustre clients; node_exporter has no such collector.", MakeLustre},
    {"mdadm", true, {}, "Software RAID arrays.", MakeMdadm},
    {"meminfo", true, {}, "Memory by use.", MakeMeminfo},
    {"meminfo_numa", false, {}, "Memory by NUMA node.", MakeMeminfoNuma},
    {"mountstats", false, {}, "NFS mounts and their operations.", MakeMountstats},
    {"netclass", true, kNetclassFlags, "State and properties of network devices.", MakeNetclass,
     kSlowSource},
    {"netdev", true, kNetdevFlags, "Traffic and errors by network device.", MakeNetdev},
    {"netstat", true, kNetstatFlags, "Chosen fields of /proc/net/{netstat,snmp,snmp6}.",
     MakeNetstat},
    {"network_route", false, {}, "The routing table.", MakeNetworkRoute},
    {"nfs", true, {}, "NFS client calls.", MakeNfs},
    {"nfsd", true, {}, "NFS server calls.", MakeNfsd},
    {"ntp", false, kNtpFlags, "", nullptr},
    {"nvme", true, {}, "NVMe controllers and namespaces.", MakeNvme},
    {"nvmesubsystem", false, {}, "NVMe subsystems and the paths to them.", MakeNvmeSubsystem},
    {"os", true, {}, "Name and version of the operating system.", MakeOs, kSlowSource},
    {"pcidevice", false, kPcideviceFlags, "PCI devices, their links and virtual functions.",
     MakePci},
    {"perf", false, kPerfFlags, "Events that the CPUs and the kernel count.", MakePerf,
     kSlowSource},
    {"powersupplyclass", true, kPowersupplyclassFlags, "Power supplies and batteries.",
     MakePowerSupply},
    {"pressure", true, {}, "Pressure stall information.", MakePressure},
    {"processes", false, {}, "Processes and threads by state.", MakeProcesses},
    {"qdisc", false, kQdiscFlags, "Queueing disciplines of network devices.", MakeQdisc},
    {"rapl", true, kRaplFlags, "Energy used by CPU packages and memory.", MakeRapl, kSlowSource},
    {"runit", false, kRunitFlags, "", nullptr},
    {"schedstat", true, {}, "Scheduler run and wait time per CPU.", MakeSchedstat},
    {"selinux", true, {}, "Mode of SELinux.", MakeSelinux},
    {"slabinfo", false, kSlabinfoFlags, "Kernel object caches.", MakeSlabinfo, kSlowSource},
    {"sockstat", true, {}, "Sockets by protocol.", MakeSockstat},
    {"softirqs", false, {}, "Soft interrupts by kind and CPU.", MakeSoftirqs},
    {"softnet", true, {}, "Network work per CPU.", MakeSoftnet},
    {"stat", true, kStatFlags, "Boot time, forks, interrupts, context switches.", MakeStat},
    {"supervisord", false, kSupervisordFlags, "", nullptr},
    {"swap", false, {}, "Swap devices.", MakeSwap},
    {"sysctl", false, kSysctlFlags, "Chosen kernel settings.", MakeSysctl},
    {"systemd", false, kSystemdFlags, "States of systemd's units.", MakeSystemd, kSlowSource},
    {"tapestats", true, kTapestatsFlags, "Tape drives.", MakeTapestats},
    {"tcpstat", false, {}, "TCP connections by state.", MakeTcpstat, kSlowSource},
    {"textfile", true, kTextfileFlags, "Metrics that others leave in files.", MakeTextfile},
    {"thermal_zone", true, {}, "Temperatures and cooling devices.", MakeThermalZone, kSlowSource},
    {"time", true, {}, "System time, zone and clock sources.", MakeTime},
    {"timex", true, {}, "State of the system clock.", MakeTimex},
    {"udp_queues", true, {}, "Memory of UDP queues.", MakeUdpQueues, kSlowSource},
    {"uname", true, {}, "Kernel name, release and host name.", MakeUname},
    {"vmstat", true, kVmstatFlags, "Chosen fields of /proc/vmstat.", MakeVmstat},
    {"watchdog", true, {}, "Watchdog devices.", MakeWatchdog},
    {"wifi", false, kWifiFlags, "Wireless interfaces and stations.", MakeWifi},
    {"xfrm", false, {}, "IPsec errors.", MakeXfrm},
    {"xfs", true, {}, "XFS file systems.", MakeXfs},
    {"zfs", true, {}, "ZFS caches and pools.", MakeZfs},
    {"zoneinfo", false, {}, "Memory zones.", MakeZoneinfo},
};

}  // namespace

std::span<const CollectorSpec> AllCollectors() { return kCollectors; }

const CollectorSpec* FindCollector(std::string_view name) {
  const auto at = std::find_if(std::begin(kCollectors), std::end(kCollectors),
                               [&](const CollectorSpec& spec) { return spec.name == name; });
  return at == std::end(kCollectors) ? nullptr : &*at;
}

bool IsOnEveryMachine(std::string_view collector) {
  constexpr std::string_view kEverywhere[] = {
      "cpu",     "diskstats", "filefd",  "filesystem", "interrupts", "loadavg",
      "meminfo", "netdev",    "netstat", "processes",  "sockstat",   "softirqs",
      "softnet", "stat",      "uname",   "vmstat",     "zoneinfo"};
  return std::find(std::begin(kEverywhere), std::end(kEverywhere), collector) !=
         std::end(kEverywhere);
}

bool AlwaysHasSomething(std::string_view collector) {
  constexpr std::string_view kTables[] = {
      "buddyinfo",    "cgroups", "cpu",  "filefd",    "loadavg",   "meminfo",
      "meminfo_numa", "nfs",     "nfsd", "processes", "schedstat", "sockstat",
      "softirqs",     "softnet", "stat", "uname",     "xfrm",      "zoneinfo"};
  return std::find(std::begin(kTables), std::end(kTables), collector) != std::end(kTables);
}

bool IsEnabled(const CollectorSpec& spec, const FlagValues& flags) {
  const std::string flag = base::StrCat("collector.", spec.name);
  if (flags.IsGiven(flag)) return flags.Bool(flag);
  return spec.default_on && !flags.Bool("collector.disable-defaults");
}

}  // namespace slurmscope::agent
