#!/usr/bin/env python3
"""Checks the agent on a machine with a GPU of NVIDIA: check.py AGENT [--out FILE] [--node-exporter PROGRAM --diff SCRIPT].

Needs nothing but Python, the driver and the agent; takes about six minutes (--unit=0.2: a good one). Changes no setting of the
GPU. Prints what it sees, for docs/gpu.md, and keeps all of it in --out (JSON). Exit 1 when something is not as it should be, 77
without a GPU.

1 the driver: versions, functions that the agent binds and it lacks. 2 how long calls take, as root and as nobody. 3 values: beside
nvidia-smi, idle and under four loads. 4 what the agent costs: memory, threads, CPU; what opening the library 1000 times leaves.
5 jitter: launches of a kernel without the agent, and scraped at 1 and 10 Hz. 6 what the GPU does not support. 7 the node's own
files.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

from report import NOBODY, Report, cpu_seconds, free_port, json_of, python_for_nobody, run, status_of

HERE = pathlib.Path(__file__).resolve().parent
# Field, nvidia-smi's name, how far they may be apart: values move between the two readings.
SAME = [("DCGM_FI_DEV_FB_TOTAL", "memory.total", 2), ("DCGM_FI_DEV_FB_USED", "memory.used", 64),
        ("DCGM_FI_DEV_FB_RESERVED", "memory.reserved", 8), ("DCGM_FI_DEV_GPU_TEMP", "temperature.gpu", 5),
        ("DCGM_FI_DEV_MEMORY_TEMP", "temperature.memory", 5), ("DCGM_FI_DEV_POWER_USAGE", "power.draw.average", 40),
        ("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "enforced.power.limit", 1), ("DCGM_FI_DEV_SM_CLOCK", "clocks.sm", 200),
        ("DCGM_FI_DEV_MEM_CLOCK", "clocks.mem", 200), ("DCGM_FI_DEV_PCIE_MAX_LINK_GEN", "pcie.link.gen.max", 0),
        ("DCGM_FI_DEV_PCIE_LINK_WIDTH", "pcie.link.width.current", 0),
        ("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", "ecc.errors.uncorrected.aggregate.total", 0),
        ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "remapped_rows.uncorrectable", 0)]
# What each load must show: field, least value. A load that is not there must leave the field below a tenth of that.
LOADS = {"fma": [("DCGM_FI_PROF_SM_ACTIVE", 0.7), ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.7), ("DCGM_FI_PROF_PIPE_FP32_ACTIVE", 0.4),
                 ("DCGM_FI_DEV_GPU_UTIL", 70)],
         "tensor": [("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 0.2)],
         "copy": [("DCGM_FI_PROF_DRAM_ACTIVE", 0.4)],
         "push": [("DCGM_FI_PROF_PCIE_RX_BYTES", 2e9)]}


class Agent:
    """An agent with a page of the GPUs."""

    def __init__(self, program, *flags, gpu=True):
        self.port = free_port()
        where = [f"--gpu.listen-address=127.0.0.1:{self.port}"] if gpu else ["--gpu.listen-address="]
        if library := os.environ.get("NVML_LIBRARY"):
            where += [f"--nvml.library={library}"] if gpu else []
        self.process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{free_port()}", *where, *flags],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid

    def page(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10).read().decode()
        except OSError:
            return ""

    def wait(self):
        for _ in range(600):
            if "slurmscope_agent_gpu_driver_up 1" in self.page():
                return
            time.sleep(0.1)
        raise SystemExit("the agent has no page with a driver")

    def cost(self):
        return {"rss_kb": status_of(self.pid, "VmRSS"), "anonymous_kb": status_of(self.pid, "RssAnon"),
                "threads": status_of(self.pid, "Threads"), "fds": len(os.listdir(f"/proc/{self.pid}/fd"))}


@contextlib.contextmanager
def agent(program, *flags, gpu=True):
    it = Agent(program, *flags, gpu=gpu)
    try:
        if gpu:
            it.wait()
        yield it
    finally:
        it.process.terminate()
        it.process.wait()


def value(page, field, gpu=0):
    """The first value of the field and GPU, None when there is none."""
    found = re.search(rf'^{field}\{{gpu="{gpu}",.*\}} (\S+)$', page, re.M)
    return float(found.group(1)) if found else None


@contextlib.contextmanager
def load(kind, seconds):
    """A load in another process; gives a function that waits for its end and says what it did."""
    child = subprocess.Popen([sys.executable, str(HERE / "cuda.py"), kind, str(seconds)], stdout=subprocess.PIPE, text=True)
    try:
        begun = child.stdout.readline()
        if "started" not in begun:
            child.wait()
            raise RuntimeError(f"load {kind} does not start: status {child.returncode} {begun}")
        yield lambda: json.loads(child.stdout.read().strip().splitlines()[-1])
    finally:
        child.kill()
        child.wait()


def check_driver(report, options):
    report.start("1 driver")
    status, text = run("nvidia-smi", "-q", "-x")
    report.must(status == 0, f"nvidia-smi -q -x: status {status}")
    for key in ("driver_version", "cuda_version", "product_name", "persistence_mode", "current_mig", "vbios_version"):
        found = re.search(rf"<{key}>(.*?)</{key}>", text)
        report.say(f"{key}: {found.group(1) if found else 'not told'}")
    report.seen["nvidia-smi -q -x"] = text
    params = pathlib.Path("/proc/driver/nvidia/params")
    with contextlib.suppress(OSError):
        admin = re.search(r"RmProfilingAdminOnly: (\d)", params.read_text())
        report.say(f"RmProfilingAdminOnly: {admin.group(1) if admin else 'not told'}")
    names = json_of(HERE / "nvml.py", "symbols", options.agent)
    report.must("missing" in names, f"functions that the agent binds: {names}")


def check_calls(report, options):
    report.start("2 calls")
    users = [("root", None)] if os.getuid() == 0 else [(f"user {os.getuid()}", None)]
    if os.getuid() == 0 and (python := python_for_nobody()):
        users.append(("nobody", NOBODY))
    elif os.getuid() == 0:
        report.say("no Python that nobody may run: not tried as nobody")
    for name, uid in users:
        calls = json_of(HERE / "nvml.py", "calls", uid=uid, python=python if uid else sys.executable)
        report.must("failed" not in calls, f"as {name}: {calls.get('failed', f'{len(calls)} calls')}")
        for call, seen in calls.items():
            if call == "failed":
                continue
            times = f"p50 {seen['p50']:9.1f} us  p99 {seen['p99']:9.1f} us" if "p50" in seen else "missing" if "missing" in seen else ""
            report.say(f"  {call:44} result {seen.get('result', '-')!s:3} {times}", user=name, **seen)
        memory = calls.get("nvmlDeviceGetMemoryInfo_v2", {})
        report.must(memory.get("result", 0) == 0, "the version word of nvmlMemory_v2 is taken")
        report.must(calls.get("XID events", {}).get("result") == 0, "XID events can be asked for")


def smi(field):
    status, text = run("nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits")
    return [line.strip() for line in text.splitlines()] if status == 0 else []


def check_values(report, options):
    report.start("3 values")
    with agent(options.agent, "--gpu.collect-interval=0s", "--gpu.process-memory") as it:
        time.sleep(2 * options.unit)
        page = it.page()
        for field, name, tolerance in SAME:
            for gpu, told in enumerate(smi(name)):
                ours = value(page, field, gpu)
                try:
                    want = float(told)
                except ValueError:
                    report.say(f"{field} gpu {gpu}: nvidia-smi says {told!r}; ours {ours}")
                    continue
                good = ours is not None and abs(ours - want) <= tolerance
                report.must(good, f"{field} gpu {gpu}: ours {ours}, nvidia-smi {want:g}")
        report.say(run("nvidia-smi", "dmon", "-s", "pucvmet", "-c", "2")[1])
        check_loads(report, options, it)


def check_loads(report, options, it):
    unit = options.unit
    it.page()
    time.sleep(2 * unit)
    idle = it.page()
    for kind, fields in LOADS.items():
        try:
            with load(kind, 15 * unit) as ended:
                time.sleep(2 * unit)
                before, begin = it.page(), time.monotonic()
                time.sleep(10 * unit)
                busy, seconds = it.page(), time.monotonic() - begin
                did = ended()
        except (RuntimeError, ValueError, IndexError) as error:
            report.must(False, str(error))
            continue
        report.say(f"load {kind}: {did}")
        for field, least in fields:
            got, rest = value(busy, field), value(idle, field)
            report.must(got is not None and got >= least, f"{field} under {kind}: {got}, at least {least:g}")
            report.must(rest is not None and rest < least / 10, f"{field} idle: {rest}")
        if kind == "push":
            got = value(busy, "DCGM_FI_PROF_PCIE_RX_BYTES") or 0
            ratio = got / max(did["bytes_per_second"], 1)
            report.must(0.9 < ratio < 1.4, f"bytes over PCIe: {got:.3g}/s, the load's data {did['bytes_per_second']:.3g}/s")
        if kind == "fma":
            check_energy(report, before, busy, seconds)


def check_energy(report, before, after, seconds):
    millijoules = [value(page, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION") for page in (before, after)]
    watts = value(after, "DCGM_FI_DEV_POWER_USAGE")
    if None in millijoules or watts is None:
        report.must(False, f"energy {millijoules}, power {watts}")
        return
    by_energy = (millijoules[1] - millijoules[0]) / 1000 / seconds
    report.must(abs(by_energy - watts) < 0.3 * watts, f"power {watts:.0f} W, by energy {by_energy:.0f} W")
    processes = value(after, "slurmscope_agent_gpu_processes")
    report.must(processes is not None and processes >= 1, f"processes on the GPU: {processes}")
    memory = value(after, "slurmscope_agent_gpu_process_memory_bytes")
    report.say(f"memory of a process: {memory} (none where the process is in another container)")


def check_cost(report, options):
    report.start("4 cost")
    with agent(options.agent, gpu=False) as it:
        time.sleep(options.unit)
        without = it.cost()
        first = json_of(HERE / "nvml.py", "open")
        report.say(f"without the library: {without}")
    report.say(f"first calls while nobody holds the driver open: {first}")
    with agent(options.agent, "--gpu.collect-interval=0s") as it:
        report.say(f"with it: {it.cost()}")
        report.say(f"first calls while the agent holds it open: {json_of(HERE / 'nvml.py', 'open')}")
        for seconds, count in ((0.12, int(100 * options.unit)), (1, int(20 * options.unit)), (15, int(3 * options.unit))):
            scrape(report, it, seconds, count)
        report.say(f"after these scrapes: {it.cost()}")
    cycles = json_of(HERE / "nvml.py", "cycles", timeout=300)
    report.say(f"library opened and closed: {cycles}")
    if isinstance(cycles, list):
        grown = cycles[-1]["rss_kb"] - cycles[1]["rss_kb"]
        report.must(grown < 2048, f"memory grown by {grown} kB from {cycles[1]['cycles']} to {cycles[-1]['cycles']} cycles")
    else:
        report.must(False, "no cycles")


def scrape(report, it, pause, count):
    if count == 0:
        return
    times, before = [], cpu_seconds(it.pid)
    for _ in range(count):
        begin = time.monotonic()
        text = it.page()
        times.append((time.monotonic() - begin) * 1e3)
        time.sleep(pause)
    cpu = (cpu_seconds(it.pid) - before) / count * 1e3
    report.say(f"a scrape each {pause:g} s: median {statistics.median(times):.2f} ms, max {max(times):.2f} ms, "
               f"CPU {cpu:.2f} ms each, {len(text)} bytes", cpu_ms=cpu, times_ms=times)


def check_jitter(report, options):
    report.start("5 jitter")
    seconds = 20 * options.unit

    def measure(name, it=None, pause=0.0):
        with load("launch", seconds) as ended:
            end = time.monotonic() + 0.97 * seconds
            while it is not None and time.monotonic() < end:
                it.page()
                time.sleep(pause)
            report.say(f"{name:24} {ended()}")

    try:
        measure("no agent")
        with agent(options.agent, "--gpu.collect-interval=0s") as it:
            measure("agent, not scraped")
            measure("agent, 1 Hz", it, 1)
            measure("agent, 10 Hz", it, 0.1)
        measure("no agent again")
    except (RuntimeError, ValueError, IndexError) as error:
        report.must(False, str(error))
    report.say(f"dcgm-exporter on this machine: {shutil.which('dcgm-exporter') or 'none, so not measured beside it'}")


def check_support(report, options):
    report.start("6 support")
    fields = json_of(HERE / "nvml.py", "fields")
    for result, ids in fields.items():
        report.say(f"field ids with result {result}: {ids}")
    with agent(options.agent, "--gpu.collect-interval=0s") as it:
        time.sleep(0.3)
        it.page()
        time.sleep(0.3)
        page = it.page()
    wanted = set(re.findall(rb"^(DCGM_\w+), (?:gauge|counter)", pathlib.Path(options.agent).read_bytes(), re.M))
    has = set(re.findall(r"^(DCGM_\w+)\{", page, re.M))
    missing = sorted(name.decode() for name in wanted if name.decode() not in has)
    report.must(len(has) > 20, f"{len(has)} fields of {len(wanted)}; none of: {missing}")
    report.must("DCGM_FI_PROF_SM_ACTIVE" in has, "profiling without DCGM")
    links = len(re.findall(r"^slurmscope_agent_gpu_nvlink_up\{gpu=\"0\"", page, re.M))
    report.say(f"NVLinks of GPU 0: {links}; instances: {value(page, 'slurmscope_agent_gpu_mig_instances')}")


def check_node(report, options):
    report.start("7 node")
    for name in ("class/hwmon", "class/infiniband", "bus/pci/drivers/nvidia", "class/drm"):
        with contextlib.suppress(OSError):
            report.say(f"/sys/{name}: {sorted(os.listdir('/sys/' + name))}")
    page = ""
    with agent(options.agent) as it:
        page = it.page()
    lost = re.findall(r"^slurmscope_agent_gpu_lost\{.*\} 1$", page, re.M)
    report.must(not lost, f"GPUs said to be lost: {lost}")
    report.must("slurmscope_agent_gpu_driver_up 1" in page, "the driver is up")
    if options.node_exporter and options.diff:
        status, text = run(sys.executable, options.diff, "--reference", options.node_exporter, "--agent", options.agent)
        report.must(status == 0, f"beside node_exporter:\n{text[-4000:]}")
    else:
        report.say("no node_exporter given: not compared")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agent")
    parser.add_argument("--unit", type=float, default=1.0, help="how long all takes")
    parser.add_argument("--out")
    parser.add_argument("--node-exporter")
    parser.add_argument("--diff")
    options = parser.parse_args()
    options.agent = str(pathlib.Path(options.agent).resolve())
    if "failed" in (seen := json_of(HERE / "nvml.py", "open")):
        print(f"skipped: no driver of NVIDIA: {seen['failed']}")
        return 77
    os.environ["PATH"] += ":/usr/local/nvidia/bin"
    report = Report()
    for part in (check_driver, check_calls, check_values, check_cost, check_jitter, check_support, check_node):
        try:
            part(report, options)
        except Exception as error:  # the other parts shall still be seen
            report.must(False, f"{part.__name__} broke off: {error!r}")
    report.start("in short")
    for line in report.bad or ["all as it should be"]:
        report.say(line)
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(report.seen, indent=1))
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
