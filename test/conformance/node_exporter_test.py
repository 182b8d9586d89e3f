#!/usr/bin/env python3
"""Our agent on node_exporter's own end-to-end fixtures (../shared, where it is there): every family and series."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import node_fixtures  # noqa: E402
from stack import AGENT  # noqa: E402

if not node_fixtures.available():
    print("skipped: no ../shared/conformance")
    sys.exit(77)


def of_its_own_network():
    """What runs a command where nobody has used the loopback device, whose live counters are compared; else nothing."""
    wrapper = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    able = shutil.which("unshare") and shutil.which("ip") and subprocess.run(
        [*wrapper, "true"], stderr=subprocess.DEVNULL).returncode == 0
    return wrapper if able else []


with tempfile.TemporaryDirectory() as work:
    source = node_fixtures.source(work)
    result = subprocess.run([*of_its_own_network(), sys.executable, str(node_fixtures.TOOL), "--src", str(source), "--agent",
                             AGENT, "--min-families", "100", "--min-series", "100", "--by-collect", "--show", "20"],
                            stdout=subprocess.PIPE, text=True)
print(result.stdout)
if result.returncode != 0:
    sys.exit(result.returncode)

# Each collector asked for alone gives what it gives among the others. The tool's table, made for an older release, counts
# node_cpu_frequency_hertz among those of cpufreq; on these fixtures it is "from /proc/cpuinfo", by --collector.cpu.info.
by_collect = result.stdout[result.stdout.index("?collect[]= check"):].splitlines()[1:-1]
differences = [line.strip() for line in by_collect if line.strip()]
known = ["cpu: alien ['node_cpu_frequency_hertz'] lost []", "cpufreq: alien [] lost ['node_cpu_frequency_hertz']"]
unknown = [line for line in differences if line not in known]
print("alone, these differ from what they give together:" if unknown else "alone as together", *unknown, sep="\n")
sys.exit(1 if unknown else 0)
