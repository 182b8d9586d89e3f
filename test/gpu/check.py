#!/usr/bin/env python3
"""Checks of the agent on a machine with a GPU of NVIDIA: check.py AGENT. Changes nothing on the GPU.

Prints what it sees, for docs/gpu.md; exit 1 when something differs from nvidia-smi, 77 without nvidia-smi. Not made here,
because they need a load, root or hours: jitter of kernel launches with and without scrapes, 1000 restarts of the library,
units of the profiling fields under a known load.
"""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import free_port, wait_for  # noqa: E402

# Field, nvidia-smi's name, how far they may be apart: values move between the two readings.
SAME = [("DCGM_FI_DEV_FB_TOTAL", "memory.total", 2), ("DCGM_FI_DEV_FB_USED", "memory.used", 64),
        ("DCGM_FI_DEV_GPU_TEMP", "temperature.gpu", 5), ("DCGM_FI_DEV_MEMORY_TEMP", "temperature.memory", 5),
        ("DCGM_FI_DEV_POWER_USAGE", "power.draw.average", 40), ("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "enforced.power.limit", 1),
        ("DCGM_FI_DEV_PCIE_MAX_LINK_GEN", "pcie.link.gen.max", 0), ("DCGM_FI_DEV_PCIE_LINK_WIDTH", "pcie.link.width.current", 0)]


def smi(fields):
    out = subprocess.run(["nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader,nounits"],
                         capture_output=True, text=True, check=True).stdout
    return [[cell.strip() for cell in line.split(",")] for line in out.splitlines()]


def cpu_seconds(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def status(pid, key):
    return re.search(rf"^{key}:\s*(\S+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1)


def main():
    if shutil.which("nvidia-smi") is None:
        print("skipped: no nvidia-smi")
        return 77
    port = free_port()
    agent = subprocess.Popen([sys.argv[1], "--web.listen-address=127.0.0.1:0", f"--gpu.listen-address=127.0.0.1:{port}",
                              "--gpu.collect-interval=0s"])
    url = f"http://127.0.0.1:{port}/metrics"

    def page():
        try:
            return urllib.request.urlopen(url, timeout=10).read().decode()
        except OSError:
            return ""

    try:
        wait_for("the driver", lambda: "slurmscope_agent_gpu_driver_up 1" in page(), 60)
        times = []
        before = cpu_seconds(agent.pid)
        for _ in range(100):
            start = time.monotonic()
            text = page()
            times.append(time.monotonic() - start)
            time.sleep(0.12)
        cpu = (cpu_seconds(agent.pid) - before) / 100
        print(f"user {os.getuid()}; page {len(text)} bytes; median {statistics.median(times) * 1e3:.2f} ms, "
              f"max {max(times) * 1e3:.2f} ms; CPU {cpu * 1e3:.2f} ms a scrape; RSS {status(agent.pid, 'VmRSS')} kB; "
              f"threads {status(agent.pid, 'Threads')}; fds {len(os.listdir(f'/proc/{agent.pid}/fd'))}")
        print("profiling:", "yes" if "DCGM_FI_PROF_SM_ACTIVE{" in text else "none")
        print("fields:", len(set(re.findall(r"^(DCGM_\w+)\{", text, re.M))))
        bad = 0
        for field, name, tolerance in SAME:
            for gpu, expected in enumerate(smi([name])):
                ours = re.search(rf'^{field}\{{gpu="{gpu}",.*\}} (\S+)$', text, re.M)
                try:
                    want = float(expected[0])
                except ValueError:
                    print(f"{field} gpu {gpu}: nvidia-smi has none; ours {ours and ours.group(1)}")
                    continue
                same = ours is not None and abs(float(ours.group(1)) - want) <= tolerance
                bad += not same
                print(f"{field} gpu {gpu}: ours {ours and ours.group(1)}, nvidia-smi {want:g}{'' if same else '  DIFFERS'}")
        return 1 if bad else 0
    finally:
        agent.terminate()
        agent.wait()


if __name__ == "__main__":
    sys.exit(main())
