"""node_exporter's end-to-end fixtures in ../shared, where these are there."""
import pathlib
import shlex
import shutil
import subprocess
import sys

from stack import ROOT

CONFORMANCE = ROOT.parent / "shared" / "conformance"
TOOL = CONFORMANCE / "node_exporter_diff.py"


def available():
    return TOOL.exists()


def source(work):
    """A copy below `work` as the tool reads it."""
    copy = pathlib.Path(work) / "node_exporter"
    shutil.copytree(CONFORMANCE / "node_exporter", copy, symlinks=True)
    # A copy without links has the link's target as text.
    link = copy / "collector" / "fixtures" / "proc" / "self"
    if not link.is_symlink():
        link.parent.chmod(0o755)
        link.unlink()
        link.symlink_to("10")
    return copy


def tool(*args):
    return subprocess.run([sys.executable, TOOL, *map(str, args)], check=True, capture_output=True, text=True).stdout


def unpacked(work):
    """(directory to start in, flags, expected page) of node_exporter's test."""
    copy = source(work)
    tree = pathlib.Path(work) / "fixtures"
    tool("--src", copy, "--extract-only", "--work", tree)
    flags = shlex.split(tool("--src", copy, "--print-flags").replace("\\\n", " "))
    expected = next(copy.rglob("e2e-output.txt")).read_text()
    return tree / "root", [f for f in flags if f.startswith("--collector.") or f.startswith("--no-collector.") or f.startswith("--path.")], expected
