"""Starts the programs under test on free loopback ports, in a directory of their own, and asks them things.

SLURMSCOPE and SLURMSCOPE_AGENT name the programs (ctest sets them); PEERS is where Debian's peers were unpacked.
"""
import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = os.environ.get("SLURMSCOPE", str(ROOT / "build/dev/slurmscope"))
AGENT = os.environ.get("SLURMSCOPE_AGENT", str(ROOT / "build/dev/slurmscope-agent"))
PEERS = pathlib.Path(os.environ.get("PEERS", ROOT / "build/peers/usr/bin"))
PASSWORD = "test-password"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=30.0, pause=0.05):
    """Calls condition until it gives something true, and gives that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


def fetch(url, data=None, headers=None, method=None, timeout=30):
    """(status, headers, text) of any answer; (0, {}, reason) when there is none."""
    body = urllib.parse.urlencode(data, doseq=True).encode() if isinstance(data, (dict, list)) else data
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, reply.headers, reply.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
    except (OSError, urllib.error.URLError) as error:
        return 0, {}, str(error)


class Program:
    """A child process whose output goes to a file."""

    def __init__(self, command, log, env=None, **popen):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=out,
                                            env={**os.environ, **(env or {})}, **popen)

    def output(self):
        return self.log.read_text(errors="replace")

    def stop(self, sig=signal.SIGTERM, timeout=30):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop in {timeout} s:\n{self.output()}")


class Prometheus:
    """Any server with Prometheus' API."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path, **params):
        query = "?" + urllib.parse.urlencode(params, doseq=True) if params else ""
        status, _, text = fetch(f"{self.url}/api/v1/{path}{query}")
        return status, json.loads(text) if text.startswith("{") else text

    def data(self, path, **params):
        status, answer = self.get(path, **params)
        assert status == 200, (path, params, status, answer)
        return answer["data"]

    def query(self, expr, **params):
        return self.data("query", query=expr, **params)["result"]

    def ready(self):
        return fetch(self.url + "/-/ready")[0] == 200


class Stack(contextlib.AbstractContextManager):
    """A directory, and the programs started in it; all are stopped at the end."""

    def __init__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="slurmscope-")
        self.dir = pathlib.Path(self._temporary.name)
        self.programs = []

    def __exit__(self, *_):
        for program in reversed(self.programs):
            if program.process.poll() is None:
                program.process.kill()
                program.process.wait()
        self._temporary.cleanup()

    def start(self, command, name, env=None, **popen):
        program = Program(command, self.dir / f"{name}.log", env, **popen)
        self.programs.append(program)
        return program

    def config(self, targets, name="prometheus.yml", interval="1s", extra=""):
        """Writes a configuration: job name -> list of ports or addresses."""
        lines = [f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}", "scrape_configs:"]
        for job, addresses in targets.items():
            names = [f"127.0.0.1:{a}" if isinstance(a, int) else a for a in addresses]
            lines += [f"- job_name: {job}", extra, f"  static_configs: [{{targets: {json.dumps(names)}}}]"]
        path = self.dir / name
        path.write_text("\n".join(line for line in lines if line) + "\n")
        return path

    def agent(self, *flags):
        port = free_port()
        program = self.start([AGENT, f"--web.listen-address=127.0.0.1:{port}", *flags], f"agent-{port}")
        wait_for("agent", lambda: fetch(f"http://127.0.0.1:{port}/metrics")[0] == 200 or self._dead(program))
        return port

    def server(self, config, *flags, port=None, ui=False, wait=True, data="data"):
        port = port or free_port()
        ui_port = free_port() if ui else 0
        program = self.start(
            [SERVER, "serve", f"--config.file={config}", f"--storage.tsdb.path={self.dir / data}",
             f"--web.listen-address=127.0.0.1:{port}",
             "--ui.listen-address=" + (f"127.0.0.1:{ui_port}" if ui else ""),
             f"--ui.state-path={self.dir / 'ui'}", *flags],
            f"server-{port}", env={"GRAFANA_ADMIN_PASSWORD": PASSWORD})
        program.port, program.ui_port, program.api = port, ui_port, Prometheus(port)
        if wait:
            wait_for("server", lambda: program.api.ready() or self._dead(program), 60)
        return program

    def peer(self, name, *flags):
        return self.start([PEERS / name, *flags], name)

    @staticmethod
    def _dead(program):
        if program.process.poll() is not None:
            raise AssertionError(f"exit code {program.process.returncode}:\n{program.output()}")
        return False


class FakeTarget(contextlib.AbstractContextManager):
    """A target that answers /metrics by `page`: text, or a function that gets the request handler."""

    def __init__(self, page):
        outer = self
        self.page = page

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 (the library's name)
                if callable(outer.page):
                    return outer.page(self)
                body = outer.page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def need_peers(*names):
    """Exits with ctest's skip code when a peer is missing."""
    missing = [name for name in names if not (PEERS / name).exists()]
    if missing:
        print(f"skipped: {', '.join(missing)} not in {PEERS} (./dev peers)")
        sys.exit(77)


def main():
    unittest.main(verbosity=2, failfast=False)
