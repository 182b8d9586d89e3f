"""What check.py says, and how it asks other programs and the kernel."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

NOBODY = 65534


class Report:
    def __init__(self):
        self.seen, self.bad, self.part = {}, [], ""

    def start(self, part):
        self.part = part
        print(f"\n== {part}", flush=True)

    def say(self, text, **values):
        print(text, flush=True)
        self.seen.setdefault(self.part, []).append({"text": text, **values})

    def must(self, good, text):
        self.say(("ok      " if good else "DIFFERS ") + text)
        if not good:
            self.bad.append(f"{self.part}: {text}")


def run(*command, uid=None, timeout=120, env=None):
    """(exit status, output); 127 when there is no such program."""
    if uid is not None and command[1] != "-c":  # who may not be able to read this folder
        command = [command[0], "-c", pathlib.Path(command[1]).read_text(), *command[2:]]
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, user=uid,
                              group=uid, extra_groups=None if uid is None else [], env={**os.environ, **(env or {})})
        return done.returncode, done.stdout + done.stderr
    except FileNotFoundError:
        return 127, ""
    except subprocess.TimeoutExpired:
        return 124, f"not done in {timeout} s"


def python_for_nobody():
    for program in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            if run(program, "-c", "pass", uid=NOBODY)[0] == 0:
                return program
    return None


def json_of(*command, python=sys.executable, **options):
    status, output = run(python, *command, **options)
    try:
        return json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"failed": f"{status}: {output.strip()[-300:]}"}


def status_of(pid, key):
    """A number of /proc/PID/status; 0 where the kernel (gVisor's, say) has none."""
    found = re.search(rf"^{key}:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found.group(1)) if found else 0


def cpu_seconds(pid):
    tasks = list(pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))
    if tasks:
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    times = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
