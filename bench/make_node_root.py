#!/usr/bin/env python3
"""make_node_root.py DIR: writes /proc and /sys of a made-up GPU node (256 hardware threads, 8 NUMA nodes, 8 GPUs and
InfiniBand ports, 16 NVMe drives, 40 sensors) below DIR/proc and DIR/sys, for benchmarks. Values are the same each time."""
import os, random, sys

CPUS, NODES, HCAS, DISKS = 256, 8, 8, 16


def main(root):
    rng = random.Random(7)
    big = lambda: rng.randrange(10**6, 10**12)

    def put(path, text):
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text if text.endswith("\n") or not text else text + "\n")

    def row(n):
        return " ".join(str(rng.randrange(10**4, 10**9)) for _ in range(n))

    put("proc/stat", "cpu  " + row(10) + "\n" + "".join(f"cpu{i} {row(10)}\n" for i in range(CPUS))
        + f"intr {big()} " + row(2000) + f"\nctxt {big()}\nbtime 1700000000\nprocesses {big()}\nprocs_running 257\n"
        + "procs_blocked 0\nsoftirq " + row(11) + "\n")
    put("proc/loadavg", "255.10 254.02 250.77 257/4211 99871")
    put("proc/schedstat", "version 15\ntimestamp 4302229711\n" + "".join(
        f"cpu{i} 0 0 0 0 0 0 {big()} {big()} {big()}\ndomain0 {'0' * 64} {row(36)}\n" for i in range(CPUS)))
    put("proc/net/softnet_stat", "".join(" ".join(f"{rng.randrange(2**32):08x}" for _ in range(13)) + "\n" for _ in range(CPUS)))
    names = ("MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive Active(anon) Inactive(anon) Active(file) "
             "Inactive(file) Unevictable Mlocked SwapTotal SwapFree Dirty Writeback AnonPages Mapped Shmem KReclaimable Slab "
             "SReclaimable SUnreclaim KernelStack PageTables NFS_Unstable Bounce WritebackTmp CommitLimit Committed_AS VmallocTotal "
             "VmallocUsed VmallocChunk Percpu HardwareCorrupted AnonHugePages ShmemHugePages ShmemPmdMapped DirectMap4k DirectMap2M "
             "DirectMap1G").split()
    put("proc/meminfo", "".join(f"{n + ':':16}{rng.randrange(10**9):>12} kB\n" for n in names))
    put("proc/vmstat", "".join(f"{n} {big()}\n" for n in ["pgpgin", "pgpgout", "pswpin", "pswpout", "pgfault", "pgmajfault", "oom_kill"]
                               + [f"nr_field_{i}" for i in range(170)]))
    put("proc/sys/fs/file-nr", "99000\t0\t9223372036854775807")
    put("proc/sys/kernel/random/entropy_avail", "256")
    put("proc/sys/kernel/random/poolsize", "256")
    for kind in ("cpu", "io", "memory"):
        put(f"proc/pressure/{kind}", f"some avg10=0.00 avg60=0.00 avg300=0.00 total={big()}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total={big()}\n")
    put("proc/net/sockstat", "sockets: used 900\nTCP: inuse 80 orphan 0 tw 4 alloc 90 mem 12\nUDP: inuse 20 mem 7\nUDPLITE: inuse 0\nRAW: inuse 1\nFRAG: inuse 0 memory 0\n")
    tcp = ["SyncookiesSent", "ListenOverflows", "ListenDrops", "TCPTimeouts", "TCPSynRetrans", "TCPOFOQueue", "TCPRcvQDrop"] + [f"TCPField{i}" for i in range(110)]
    put("proc/net/netstat", "TcpExt: " + " ".join(tcp) + "\nTcpExt: " + row(len(tcp)) + "\nIpExt: InOctets OutOctets\nIpExt: " + row(2) + "\n")
    put("proc/net/snmp", "Ip: Forwarding InReceives\nIp: 2 99\nIcmp: InMsgs InErrors OutMsgs\nIcmp: 1 0 1\nTcp: ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts\n"
        "Tcp: " + row(8) + "\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: " + row(6) + "\n")
    put("proc/net/arp", "IP address       HW type     Flags       HW address            Mask     Device\n"
        + "".join(f"10.0.0.{i}         0x1         0x2         02:fc:00:00:00:{i:02x}     *        eth0\n" for i in range(40)))
    put("proc/net/udp", "  sl  local_address rem_address   st tx_queue rx_queue\n" + "".join(
        f" {i:4}: 0100007F:{1000 + i:04X} 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 0\n" for i in range(20)))
    put("proc/diskstats", "".join(f" 259 {i} nvme{i}n1 {row(17)}\n" for i in range(DISKS)))
    put("proc/1/mountinfo", "")
    put("proc/mdstat", "Personalities :\nunused devices: <none>\n")
    cpu = "sys/devices/system/cpu"
    put(f"{cpu}/online", f"0-{CPUS - 1}")
    put(f"{cpu}/isolated", "")
    for i in range(CPUS):
        core, package = i % (CPUS // 2), (i % (CPUS // 2)) // (CPUS // 4)
        put(f"{cpu}/cpu{i}/topology/core_id", str(core))
        put(f"{cpu}/cpu{i}/topology/physical_package_id", str(package))
        put(f"{cpu}/cpu{i}/thermal_throttle/core_throttle_count", "0")
        put(f"{cpu}/cpu{i}/thermal_throttle/package_throttle_count", "0")
        if i:
            put(f"{cpu}/cpu{i}/online", "1")
        freq = f"{cpu}/cpu{i}/cpufreq"
        for name, value in (("scaling_cur_freq", rng.randrange(1500000, 3700000)), ("scaling_min_freq", 1500000), ("scaling_max_freq", 3700000),
                            ("cpuinfo_min_freq", 1500000), ("cpuinfo_max_freq", 3700000)):
            put(f"{freq}/{name}", str(value))
        put(f"{freq}/scaling_governor", "performance")
        put(f"{freq}/scaling_available_governors", "performance powersave")
    for i in range(40):
        chip = f"sys/class/hwmon/hwmon{i}"
        put(f"{chip}/name", ("nvme", "mlx5", "k10temp", "jc42")[i % 4])
        for s in range(1, 4):
            put(f"{chip}/temp{s}_input", str(rng.randrange(20000, 90000)))
            put(f"{chip}/temp{s}_label", f"sensor {s}")
            put(f"{chip}/temp{s}_crit", "95000")
    counters = ("excessive_buffer_overrun_errors link_downed link_error_recovery local_link_integrity_errors multicast_rcv_packets "
                "multicast_xmit_packets port_rcv_constraint_errors port_rcv_data port_rcv_errors port_rcv_packets port_rcv_remote_physical_errors "
                "port_rcv_switch_relay_errors port_xmit_constraint_errors port_xmit_data port_xmit_discards port_xmit_packets port_xmit_wait "
                "symbol_error unicast_rcv_packets unicast_xmit_packets VL15_dropped").split()
    hardware = ("duplicate_request implied_nak_seq_err lifespan local_ack_timeout_err np_cnp_sent np_ecn_marked_roce_packets out_of_buffer "
                "out_of_sequence packet_seq_err req_cqe_error req_cqe_flush_error req_remote_access_errors req_remote_invalid_request "
                "resp_cqe_error resp_cqe_flush_error resp_local_length_error resp_remote_access_errors rnr_nak_retry_err roce_adp_retrans "
                "roce_adp_retrans_to roce_slow_restart roce_slow_restart_cnps roce_slow_restart_trans rp_cnp_handled rp_cnp_ignored "
                "rx_atomic_requests rx_icrc_encapsulated rx_read_requests rx_write_requests").split()
    for i in range(HCAS):
        device = f"sys/class/infiniband/mlx5_{i}"
        put(f"{device}/board_id", "MT_0000000838")
        put(f"{device}/fw_ver", "28.39.1002")
        put(f"{device}/hca_type", "MT4129")
        port = f"{device}/ports/1"
        put(f"{port}/state", "4: ACTIVE")
        put(f"{port}/phys_state", "5: LinkUp")
        put(f"{port}/rate", "400 Gb/sec (4X NDR)")
        put(f"{port}/link_layer", "InfiniBand")
        for name in counters:
            put(f"{port}/counters/{name}", str(big()))
        for name in hardware:
            put(f"{port}/hw_counters/{name}", str(big()))
    for i in range(HCAS + 3):
        net = f"sys/class/net/{'ib' if i < HCAS else 'eth'}{i}"
        for name, value in (("addr_assign_type", 0), ("carrier", 1), ("carrier_changes", 2), ("carrier_down_count", 1), ("carrier_up_count", 1),
                            ("dev_id", "0x0"), ("dormant", 0), ("flags", "0x1003"), ("ifindex", i + 2), ("iflink", i + 2), ("link_mode", 0),
                            ("mtu", 4092), ("name_assign_type", 4), ("netdev_group", 0), ("type", 32), ("tx_queue_len", 256), ("speed", 400000),
                            ("address", "00:00:10:49:fe:80:00:00"), ("broadcast", "00:ff:ff:ff:ff:12:40:1b"), ("duplex", "full"), ("operstate", "up")):
            put(f"{net}/{name}", str(value))
        put(f"{net}/ifalias", "")
    for i in range(DISKS):
        drive = f"sys/class/nvme/nvme{i}"
        for name, value in (("firmware_rev", "GDC7302Q"), ("model", "SAMSUNG MZQL23T8HCLS"), ("serial", f"S64HNE0R{i:06}"), ("state", "live"), ("cntlid", "6")):
            put(f"{drive}/{name}", value)
        put(f"sys/block/nvme{i}n1/queue/rotational", "0")
    for i in range(4):
        zone = f"sys/class/thermal/thermal_zone{i}"
        put(f"{zone}/type", "x86_pkg_temp")
        put(f"{zone}/temp", "61000")
        put(f"sys/class/powercap/intel-rapl:{i}/name", f"package-{i}")
        put(f"sys/class/powercap/intel-rapl:{i}/energy_uj", str(big()))
        put(f"sys/class/powercap/intel-rapl:{i}/max_energy_range_uj", "262143328850")
    for i in range(NODES * 2):
        mc = f"sys/devices/system/edac/mc/mc{i}"
        for name in ("ce_count", "ce_noinfo_count", "ue_count", "ue_noinfo_count"):
            put(f"{mc}/{name}", "0")
        for row_number in range(4):
            for name in ("ce_count", "ue_count", "ch0_ce_count"):
                put(f"{mc}/csrow{row_number}/{name}", "0")
    clock = "sys/devices/system/clocksource/clocksource0"
    put(f"{clock}/available_clocksource", "tsc hpet acpi_pm")
    put(f"{clock}/current_clocksource", "tsc")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
