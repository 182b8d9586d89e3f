#!/usr/bin/env python3
"""Our agent on node_exporter's own end-to-end fixtures (../shared, where it is there): every family and series."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import AGENT, ROOT  # noqa: E402

shared = ROOT.parent / "shared" / "conformance"
if not (shared / "node_exporter_diff.py").exists():
    print("skipped: no ../shared/conformance")
    sys.exit(77)


def of_its_own_network():
    """What runs a command where nobody has used the loopback device, whose live counters are compared; else nothing."""
    wrapper = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    able = shutil.which("unshare") and shutil.which("ip") and subprocess.run(
        [*wrapper, "true"], stderr=subprocess.DEVNULL).returncode == 0
    return wrapper if able else []


with tempfile.TemporaryDirectory() as work:
    source = pathlib.Path(work) / "node_exporter"
    shutil.copytree(shared / "node_exporter", source, symlinks=True)
    # A copy without links has the link's target as text.
    link = source / "collector" / "fixtures" / "proc" / "self"
    if not link.is_symlink():
        link.parent.chmod(0o755)
        link.unlink()
        link.symlink_to("10")
    result = subprocess.run([*of_its_own_network(), sys.executable, str(shared / "node_exporter_diff.py"), "--src", str(source), "--agent",
                             AGENT, "--min-families", "100", "--min-series", "100",
                             "--show", "20"])
sys.exit(result.returncode)
