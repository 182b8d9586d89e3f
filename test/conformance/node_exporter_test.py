#!/usr/bin/env python3
"""Our agent on node_exporter's own end-to-end fixtures (../shared, where it is there), for the collectors we have."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import AGENT, ROOT  # noqa: E402

# Complete here; filesystem and uname have no fixtures.
COLLECTORS = "cpu,diskstats,loadavg,meminfo,netdev,stat,time,vmstat"

shared = ROOT.parent / "shared" / "conformance"
if not (shared / "node_exporter_diff.py").exists():
    print("skipped: no ../shared/conformance")
    sys.exit(77)
sys.exit(subprocess.run([sys.executable, str(shared / "node_exporter_diff.py"), "--src",
                         str(shared / "node_exporter"), "--agent", AGENT, "--collectors", COLLECTORS,
                         "--min-families", "100", "--min-series", "100", "--show", "20"]).returncode)
