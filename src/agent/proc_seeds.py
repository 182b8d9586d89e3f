#!/usr/bin/env python3
"""proc_seeds.py DIR: what proc_fuzz starts from: a line with the file's name, then its content. The fixtures of the tests,
and of what these lack this machine's own /proc."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent / "testdata/root"
OF_THIS_MACHINE = ["proc/net/netstat", "proc/net/snmp", "proc/net/snmp6", "proc/net/softnet_stat", "proc/net/udp6",
                   "proc/net/stat/arp_cache", "proc/pressure/cpu", "proc/pressure/irq", "proc/schedstat", "proc/self/mountinfo",
                   "proc/self/mountstats", "proc/meminfo", "proc/zoneinfo", "proc/interrupts"]


def put(out, name, content):
    (out / name.replace("/", "_").replace("@", "")).write_bytes(name.encode() + b"\n" + content[:4000])


def main():
    out = pathlib.Path(sys.argv[1])
    for name in OF_THIS_MACHINE:
        file = pathlib.Path("/") / name
        if file.exists():
            put(out, name, file.read_bytes())
    for file in ROOT.rglob("*"):
        if file.is_file() and not file.is_symlink():
            put(out, str(file.relative_to(ROOT)), file.read_bytes())
    put(out, "@mountinfo", b"27 1 8:1 / /a\\040b rw shared:1 - ext4 /dev/sda1 rw,errors=remount-ro")
    put(out, "@pciids", b"10de  A\n\t2330  B\n\t\t10de 16c1  C\nC 01  D\n\t08  E\n\t\t02  F\n")
    put(out, "@cpulist", b"0,2-5,8-16")
    put(out, "@udev", b"E:ID_SERIAL_SHORT=x\nE:ID_MODEL=y\n")
    put(out, "@ethtool", b"port.rx_dropped")
    put(out, "@netlink", b"\x14\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
    put(out, "@dbus", b"l\2\1\1\4\0\0\0\1\0\0\0\x08\0\0\0\5\1u\0\7\0\0\0\1u\0\0\7\0\0\0")
    put(out, "qdisc/results.json", b'[{"IfaceName": "eth0", "Kind": "fq", "Bytes": 1}]')
    put(out, "wifi/interfaces.json", b'[{"Index": 3, "Name": "wlan0", "HardwareAddr": "Ax==", "Type": 2, "Frequency": 2412}]')
    put(out, "wifi/wlan0/stationinfo.json", b'[{"HardwareAddr": "qrvM3e7/", "Connected": 30000000000, "ReceiveBitrate": 1}]')


if __name__ == "__main__":
    main()
