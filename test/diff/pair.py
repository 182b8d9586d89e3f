"""Stock Prometheus and our server on copies of one data directory, and how their answers are compared."""
import concurrent.futures
import contextlib
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.parse
import http.client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from stack import PEERS, ROOT, Prometheus, Stack, fetch, free_port, need_peers, wait_for  # noqa: E402,F401

DATA = os.environ.get("DIFF_DATA", str(ROOT / "build/dev/test/diff_data"))
START = 1_700_000_000  # of the data, in seconds
TOLERANCE = 1e-5


class Pair(contextlib.AbstractContextManager):
    """Both servers with the data of diff_data; `ask` puts one question to both.

    `flags` go to both; `without` names what stock does not find in its data directory; `config` writes the configuration."""

    def __init__(self, *flags, without=(), config=lambda stack: stack.config({"none": []})):
        need_peers("prometheus")
        self.stack = Stack()
        self._write_config = config
        try:
            self._start(flags, without)
        except BaseException:
            self.stack.__exit__()
            raise

    def _start(self, flags, without):
        data = self.stack.dir / "data"
        subprocess.run([DATA, data], check=True, stdout=subprocess.DEVNULL)
        shutil.copytree(data, self.stack.dir / "stock-data", ignore=shutil.ignore_patterns(*without))
        config = self._write_config(self.stack)
        port = free_port()
        self.stack.peer("prometheus", f"--config.file={config}", "--log.level=warn", "--enable-feature=promql-per-step-stats,native-histograms",
                        f"--storage.tsdb.path={self.stack.dir / 'stock-data'}",
                        "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}", *flags)
        stock = self.stock_api = Prometheus(port)
        self.ours = self.stack.server(config, *flags)
        wait_for("stock prometheus", stock.ready, 60)
        self._connections = [http.client.HTTPConnection("127.0.0.1", p, timeout=60)
                             for p in (stock_port(stock), self.ours.port)]
        self._threads = concurrent.futures.ThreadPoolExecutor(2)

    def __exit__(self, *_):
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()
        self.stack.__exit__()

    def ask(self, path, params):
        """The answers (stock, ours) as (status, JSON)."""
        return tuple(self._threads.map(lambda c: request(c, path, params), self._connections))


def stock_port(stock):
    return int(stock.url.rsplit(":", 1)[1])


def request(connection, path, params):
    body = urllib.parse.urlencode(params, doseq=True)
    for attempt in (1, 2):  # an idle connection may have been closed
        try:
            connection.request("GET", f"/api/v1/{path}?{body}")
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        except (http.client.HTTPException, ConnectionError):
            connection.close()
            if attempt == 2:
                raise


def same_value(want, got, slack=0.0):
    if want == got:
        return True
    a, b = float(want), float(got)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= max(TOLERANCE * min(abs(a), abs(b)), slack)


def points(result):
    return [result["value"]] if "value" in result else result["values"]


def index(data):
    """Label set -> samples of a vector or matrix."""
    rows = {tuple(sorted(r["metric"].items())): points(r) for r in data["result"]}
    assert len(rows) == len(data["result"]), "a label set came twice"
    return rows


def samples_differ(want, got, slack):
    if [t for t, _ in want] != [t for t, _ in got]:
        return f"times {[t for t, _ in want][:5]}.. ({len(want)}) and {[t for t, _ in got][:5]}.. ({len(got)})"
    for (t, a), (_, b) in zip(want, got):
        if not same_value(a, b, slack):
            return f"at {t}: {a} and {b}"
    return None


def data_differ(want, got, slack=0.0):
    """What differs between two successful answers; None when nothing does."""
    if want["resultType"] != got["resultType"]:
        return f"types {want['resultType']} and {got['resultType']}"
    if want["resultType"] == "string":
        return None if want["result"] == got["result"] else "strings"
    if want["resultType"] == "scalar":
        return samples_differ([want["result"]], [got["result"]], slack)
    a, b = index(want), index(got)
    for labels in sorted(set(a) | set(b)):
        if labels not in a or labels not in b:
            return f"only {'stock' if labels in a else 'ours'} has {dict(labels)}"
        if problem := samples_differ(a[labels], b[labels], slack):
            return f"{dict(labels)} {problem}"
    return None


def differ(stock, ours, slack=0.0):
    """What differs between two answers (status, JSON); None when nothing does. That both fail is enough."""
    (want_status, want), (got_status, got) = stock, ours
    if (want_status == 200) != (got_status == 200):
        return (f"stock: {want_status} {want.get('error', 'ok')}; "
                f"ours: {got_status} {got.get('error', 'ok')}")
    return data_differ(want["data"], got["data"], slack) if want_status == 200 else None
