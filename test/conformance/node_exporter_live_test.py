#!/usr/bin/env python3
"""Our agent beside Debian's node_exporter on this machine: collectors that ask the kernel rather than files, and so have no fixtures,
give the same families, types and series. Only those whose series do not change between two scrapes, and whose names are the same in
Debian's release as in 1.12; left out are filesystem (label device_error and other defaults since then) and tcpstat (states come and go)."""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import node_fixtures  # noqa: E402
from stack import AGENT, PEERS, need_peers  # noqa: E402

COLLECTORS = ["ethtool", "network_route", "os", "perf", "qdisc", "selinux", "time", "timex", "uname"]

need_peers("prometheus-node-exporter")
if not node_fixtures.available():
    print("skipped: no ../shared/conformance")
    sys.exit(77)

with tempfile.TemporaryDirectory() as work:
    out = pathlib.Path(work) / "out.json"
    result = subprocess.run([sys.executable, node_fixtures.TOOL, "--reference", PEERS / "prometheus-node-exporter", "--agent", AGENT,
                             "--collectors", ",".join(COLLECTORS), "--json", out, "--show", "20"], stdout=subprocess.PIPE, text=True)
    print(result.stdout)
    if result.returncode != 0:
        sys.exit(result.returncode)
    seen = json.loads(out.read_text())["collectors"]
different = [name for name, counts in seen.items() if any(counts[key] for key in ("fam_extra", "ser_extra", "ser_missing"))
             or counts["fam"] != counts["fam_ok"]]
print("different:" if different else "all alike:", *(different or seen))
missing = {"timex", "uname", "time"} - set(seen)
sys.exit(1 if different or missing else 0)
