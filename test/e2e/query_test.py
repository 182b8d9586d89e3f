#!/usr/bin/env python3
"""Queries as a user and as an enemy asks them: limits, bad input, clients that go away, answers that are large."""
import concurrent.futures
import gzip
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from stack import SERVER, FakeTarget, Stack, fetch, free_port, main, wait_for

START = 1_700_000_000
SERIES, SAMPLES, PERIOD = 200, 240, 30
END = START + SAMPLES * PERIOD
# Long enough to be stopped on its way, on any machine.
SLOW = "sum(count_over_time(m[1h:1s])) + " + " + ".join(f"sum(avg_over_time(m[1h:1s] offset {i}s))" for i in range(1, 40))


def history(path):
    """A block of SERIES series with noisy values, whose text is not short."""
    rng = random.Random(1)
    with open(path, "w") as out:
        out.write("# TYPE m gauge\n")
        for s in range(SERIES):
            for i in range(SAMPLES):
                out.write(f'm{{i="{s}"}} {rng.random() * 1000} {START + i * PERIOD}\n')
        out.write("# EOF\n")


class QueryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        history(cls.stack.dir / "history.om")
        subprocess.run([SERVER, "tsdb", "create-blocks-from", "openmetrics", "-q", cls.stack.dir / "history.om",
                        cls.stack.dir / "data"], check=True, stdout=subprocess.DEVNULL)
        cls.server = cls.stack.server(cls.stack.config({"none": []}), "--storage.tsdb.retention.time=100y")
        cls.api = cls.server.api

    @classmethod
    def tearDownClass(cls):
        cls.stack.__exit__()

    def with_flags(self, *flags):
        """A server of its own on a copy of the data."""
        stack = Stack()
        self.addCleanup(stack.__exit__)
        subprocess.run(["cp", "-r", self.stack.dir / "data", stack.dir / "data"], check=True)
        (stack.dir / "data/lock").unlink(missing_ok=True)
        return stack.server(stack.config({"none": []}), "--storage.tsdb.retention.time=100y", *flags)

    def ask(self, path, api=None, **params):
        began = time.monotonic()
        status, _, text = fetch(f"{(api or self.api).url}/api/v1/{path}", params, timeout=60)
        return status, json.loads(text) if text.startswith("{") else text, time.monotonic() - began

    def memory(self, key, server=None):
        text = pathlib.Path(f"/proc/{(server or self.server).process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(key)) / 1024

    def active(self, api):
        _, _, text = fetch(api.url + "/metrics")
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("prometheus_engine_queries "))

    def test_bad_input_is_bounded(self):
        window = {"start": START, "end": END, "step": 60}
        everything = "_".join(["m"] * 50)
        cases = {
            "step of zero": ("query_range", {**window, "step": 0, "query": "m"}, 400, "bad_data"),
            "step below zero": ("query_range", {**window, "step": -1, "query": "m"}, 400, "bad_data"),
            "step not a number": ("query_range", {**window, "step": "NaN", "query": "m"}, 400, "bad_data"),
            "too many points": ("query_range", {**window, "end": START + 11_001, "step": 1, "query": "m"}, 400, "bad_data"),
            "all of time": ("query_range", {"start": -9e12, "end": 9e12, "step": "1ms", "query": "m"}, 400, "bad_data"),
            "end before start": ("query_range", {**window, "end": START - 1, "query": "m"}, 400, "bad_data"),
            "10 MB of text": ("query", {"query": "m + " * 2_500_000 + "m"}, 400, "bad_data"),
            "10 MB of a string": ("query", {"query": '"' + "x" * 10_000_000 + '"'}, 400, "bad_data"),
            "10 MB of opening": ("query", {"query": "(" * 10_000_000}, 400, "bad_data"),
            "10000 parentheses": ("query", {"query": "(" * 10_000 + "m" + ")" * 10_000}, 400, "bad_data"),
            "10000 functions": ("query", {"query": "abs(" * 10_000 + "m" + ")" * 10_000}, 400, "bad_data"),
            "10000 signs": ("query", {"query": "-" * 10_000 + "m"}, 400, "bad_data"),
            "10000 subqueries": ("query", {"query": "m" + "[1m:1m]" * 10_000}, 400, "bad_data"),
            "broken regex": ("query", {"query": 'm{i=~"("}'}, 400, "bad_data"),
            "huge regex": ("query", {"query": 'm{i=~"((a{100}){100}){100}"}'}, 400, "bad_data"),
            "types": ("query", {"query": "sum(1) + rate(m)"}, 400, "bad_data"),
            "strings": ("query", {"query": '"a" + 1'}, 400, "bad_data"),
            "NUL": ("query", {"query": "m\0"}, 400, "bad_data"),
            "no UTF-8": ("query", {"query": b"m{i=\"\xff\xfe\"}"}, 400, "bad_data"),
            "limit below zero": ("query", {"query": "m", "limit": -1}, 400, "bad_data"),
            "unending subquery": ("query", {"query": "max_over_time(m[100y:1ms])", "time": END}, 422, "execution"),
            "deep subqueries": ("query", {"query": "max_over_time(max_over_time(max_over_time(m[1y:1s])[1y:1s])[1y:1s])",
                                          "time": END}, 422, "execution"),
            "many matches": ("query", {"query": "m * on () group_left () m", "time": END - 60}, 422, "execution"),
            "long name": ("query", {"query": everything * 1000, "time": END}, 200, None),
        }
        for name, (path, params, want, kind) in cases.items():
            with self.subTest(name):
                status, answer, seconds = self.ask(path, **params)
                self.assertEqual((status, answer.get("errorType") if isinstance(answer, dict) else answer), (want, kind),
                                 str(answer)[:300])
                self.assertLess(seconds, 10)
                self.assertLess(len(str(answer)), 2_000_000)
        self.assertLess(self.memory("VmHWM"), 1500)
        self.assertEqual(self.ask("query", query="1")[0], 200)

    def test_a_hundred_ors(self):
        query = " or ".join(f'm{{i="{i}"}}' for i in range(100))
        status, answer, seconds = self.ask("query_range", query=query, start=START, end=END, step=60)
        self.assertEqual(status, 200)
        self.assertEqual(len(answer["data"]["result"]), 100)
        self.assertLess(seconds, 20)

    def test_a_client_that_goes_away_stops_its_query(self):
        form = urllib.parse.urlencode({"query": SLOW, "start": START + 3600, "end": END, "step": 5})
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.server.port)) as client:
            client.sendall(f"GET /api/v1/query_range?{form} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            wait_for("the query runs", lambda: self.active(self.api) == 1)
            time.sleep(0.3)
            self.assertEqual(self.active(self.api), 1, "the query must be long for this test")
        wait_for("the query stops", lambda: self.active(self.api) == 0, 5)
        self.assertLess(time.monotonic() - began, 10)

    def test_timeout(self):
        status, answer, seconds = self.ask("query_range", query=SLOW, start=START + 3600, end=END, step=5, timeout="0.2")
        self.assertEqual((status, answer["errorType"]), (503, "timeout"))
        self.assertIn("query timed out in query execution", answer["error"])
        self.assertLess(seconds, 5)

    def test_flags_hold(self):
        server = self.with_flags("--query.timeout=300ms", "--query.max-samples=5000", "--query.lookback-delta=10s",
                                 "--query.max-memory=300KB", "--query.max-concurrency=3")
        api = server.api
        status, answer, seconds = self.ask("query_range", api, query="m", start=START, end=END, step=60)
        self.assertEqual((status, answer["errorType"]), (422, "execution"))
        self.assertIn("query processing would load too many samples into memory", answer["error"])
        status, answer, _ = self.ask("query_range", api, query='m{i=~"1."}', start=START, end=START + 3600, step=30)
        self.assertEqual((status, answer.get("errorType")), (200, None))
        self.assertEqual(self.ask("query", api, query="count(m)", time=START + 9.9)[1]["data"]["result"][0]["value"][1], "200")
        self.assertEqual(self.ask("query", api, query="count(m)", time=START + 10)[1]["data"]["result"], [])
        self.assertEqual(self.ask("query", api, query="count(m)", time=START + 10, lookback_delta="11s")[1]["data"]["result"][0]
                         ["value"][1], "200")
        flags = api.data("status/flags")
        self.assertEqual([flags[f"query.{f}"] for f in ("timeout", "max-samples", "lookback-delta", "max-concurrency")],
                         ["300ms", "5000", "10s", "3"])

    def test_memory_budget(self):
        server = self.with_flags("--query.max-memory=1MB")
        status, answer, _ = self.ask("query_range", server.api, query="m", start=START, end=END, step=1)
        self.assertEqual((status, answer["errorType"]), (422, "execution"))
        self.assertIn("--query.max-memory", answer["error"])
        self.assertEqual(self.ask("query", server.api, query="count(m)", time=END - 30)[0], 200)

    def test_queries_wait_for_their_turn(self):
        server = self.with_flags("--query.max-concurrency=1", "--query.timeout=20s")
        slow = {"query": SLOW, "start": START + 3600, "end": END, "step": 5}
        with concurrent.futures.ThreadPoolExecutor(3) as threads:
            first = threads.submit(fetch, f"{server.api.url}/api/v1/query_range", {**slow, "timeout": "2"})
            wait_for("the first runs", lambda: self.active(server.api) == 1)
            began = time.monotonic()
            status, _, text = fetch(f"{server.api.url}/api/v1/query", {"query": "1", "timeout": "0.3"})
            waited = time.monotonic() - began
            self.assertEqual((status, json.loads(text)["errorType"]), (503, "timeout"))
            self.assertIn("query timed out in query queue", text)
            self.assertTrue(0.25 < waited < 1.5, waited)
            status, _, text = fetch(f"{server.api.url}/api/v1/query", {"query": "1"})
            self.assertEqual(status, 200, "one that waits longer gets its turn")
            self.assertEqual(first.result()[0], 503)

    def raw_answer(self, server, accept):
        """Status, headers, body as they came, and how much more the server ever had until the client read."""
        form = urllib.parse.urlencode({"query": "m", "start": START, "end": START + 10_000, "step": 1, "lookback_delta": "1h"})
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        before = self.memory("VmRSS", server)
        connection.request("GET", f"/api/v1/query_range?{form}", headers={"Accept-Encoding": accept})
        reply = connection.getresponse()
        time.sleep(1)
        grown = self.memory("VmHWM", server) - before
        body = reply.read()
        connection.close()
        return reply, body, grown

    def test_large_answers_come_in_pieces(self):
        server = self.with_flags()
        reply, plain, grown = self.raw_answer(server, "identity")
        self.assertEqual(reply.status, 200)
        self.assertIsNone(reply.getheader("Content-Length"))
        data = json.loads(plain)["data"]["result"]
        self.assertEqual(len(data), SERIES)
        points = sum(len(s["values"]) for s in data)
        self.assertEqual(points, SERIES * 10_001)
        # A point is 24 bytes in the table and in the answer's columns together, and some 30 as text. The high-water mark
        # counts: text held in any place would be seen.
        columns = points * 24 / 2 ** 20
        print(f"{len(plain) / 2 ** 20:.0f} MiB of JSON; the server grew by {grown:.0f} MiB, {columns:.0f} of them columns")
        self.assertGreater(len(plain) / 2 ** 20, 1.2 * columns)
        self.assertLess(grown, columns + 25)
        reply, packed, _ = self.raw_answer(server, "gzip;q=0.5, deflate")
        self.assertEqual(reply.getheader("Content-Encoding"), "gzip")
        self.assertEqual(gzip.decompress(packed), plain)
        reply, packed, _ = self.raw_answer(server, "gzip, deflate, br, zstd")
        self.assertEqual(reply.getheader("Content-Encoding"), "zstd")
        self.assertEqual(reply.getheader("Vary"), "Accept-Encoding")
        if subprocess.run(["which", "zstd"], capture_output=True).returncode == 0:
            self.assertEqual(subprocess.run(["zstd", "-dc"], input=packed, capture_output=True).stdout, plain)

    def test_clients_that_do_not_read_hold_up_nobody(self):
        form = urllib.parse.urlencode({"query": "m", "start": START, "end": START + 10_000, "step": 4, "lookback_delta": "1h"})
        clients = []
        for _ in range(12):
            client = socket.create_connection(("127.0.0.1", self.server.port))
            client.sendall(f"GET /api/v1/query_range?{form} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            clients.append(client)
        wait_for("all are answered", lambda: self.active(self.api) == 0, 60)
        for _ in range(20):
            self.assertEqual(self.ask("query", query="1")[0], 200)
        for client in clients:
            client.close()

    def test_limit(self):
        status, answer, _ = self.ask("query", query="m", time=END - 30, limit=3)
        self.assertEqual((status, len(answer["data"]["result"])), (200, 3))
        self.assertEqual(answer["warnings"], ["results truncated due to limit"])
        status, answer, _ = self.ask("query_range", query="m", start=START, end=END, step=600, limit=200)
        self.assertEqual((status, len(answer["data"]["result"]), "warnings" in answer), (200, 200, False))

    def test_parse_query(self):
        self.assertEqual(self.ask("parse_query", query="sum by (")[0], 400)
        _, answer, _ = self.ask("parse_query", query='-sum by (a) (rate(m{i=~"1.*"}[5m] offset 1m)) / on (a) group_left (b) x @ 3')
        tree = answer["data"]
        self.assertEqual((tree["type"], tree["op"], tree["bool"]), ("binaryExpr", "/", False))
        self.assertEqual(tree["matching"], {"card": "many-to-one", "fillValues": {"lhs": None, "rhs": None}, "include": ["b"],
                                            "labels": ["a"], "on": True})
        self.assertEqual((tree["lhs"]["type"], tree["lhs"]["op"]), ("unaryExpr", "-"))
        aggregation = tree["lhs"]["expr"]
        self.assertEqual({k: v for k, v in aggregation.items() if k != "expr"},
                         {"grouping": ["a"], "op": "sum", "param": None, "type": "aggregation", "without": False})
        call = aggregation["expr"]
        self.assertEqual(call["func"], {"argTypes": ["matrix"], "name": "rate", "returnType": "vector", "variadic": 0})
        self.assertEqual(call["args"][0], {
            "anchored": False, "name": "m", "offset": 60_000, "range": 300_000, "smoothed": False, "startOrEnd": None,
            "timestamp": None, "type": "matrixSelector",
            "matchers": [{"name": "i", "type": "=~", "value": "1.*"}, {"name": "__name__", "type": "=", "value": "m"}]})
        self.assertEqual((tree["rhs"]["timestamp"], tree["rhs"]["type"]), (3000, "vectorSelector"))
        _, answer, _ = self.ask("parse_query", query='label_replace((m), "a", "b", "c", "d")[1m:10s] @ start()')
        tree = answer["data"]
        self.assertEqual((tree["type"], tree["range"], tree["step"], tree["startOrEnd"]), ("subquery", 60_000, 10_000, "start"))
        self.assertEqual(tree["expr"]["args"][0]["type"], "parenExpr")
        self.assertEqual(tree["expr"]["args"][1], {"type": "stringLiteral", "val": "a"})
        _, answer, _ = self.ask("parse_query", query="1e25")
        self.assertEqual(answer["data"], {"type": "numberLiteral", "val": "10000000000000000000000000"})

    def test_command_line(self):
        def query(*args, code=0):
            done = subprocess.run([SERVER, "query", *map(str, args)], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "LC_ALL": "C.UTF-8"})
            self.assertEqual(done.returncode, code, done.stderr)
            return done.stdout if code == 0 else done.stderr

        url = f"127.0.0.1:{self.server.port}"
        table = query("instant", url, f'round(m{{i=~"[12]"}}) * 0 + 7', f"--time={END - 30}")
        self.assertEqual(table, "i  value\n1      7\n2      7\n")
        graph = query("range", url, 'm{i="1"} * 0 + 1', f"--start={START}", f"--end={END - 30}", "--step=1m")
        self.assertIn('{i="1"}\n|', graph)
        csv = query("range", "-o", "csv", url, 'm{i="1"} * 0 + 1', f"--start={START}", f"--end={START + 60}", "--step=30s")
        self.assertEqual(csv, f"i,time,value\n1,{START},1\n1,{START + 30},1\n1,{START + 60},1\n")
        self.assertIn("connection refused", query("instant", f"127.0.0.1:{free_port()}", "up", code=1))
        self.assertEqual(query("instant", url, "sum(", code=1).split(":")[0], "query error")
        self.assertIn("/api/v1", query("instant", url + "/wrong", "up", code=1))
        self.assertIn("did you mean", query("instnt", url, "up", code=1))

    def test_command_line_analyzes_histograms(self):
        stack = Stack()
        self.addCleanup(stack.__exit__)
        port = free_port()
        server = stack.server(stack.config({"self": [port]}), port=port)
        name = "prometheus_http_request_duration_seconds_bucket"
        wait_for("some scrapes", lambda: any(int(r["value"][1]) >= 3 for r in server.api.query(
            f'min(count_over_time({name}{{handler="/metrics"}}[1m]))')))
        command = [SERVER, "query", "analyze", f"127.0.0.1:{port}", f"--match={name}", "--duration=1m"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf'\n- {name}{{handler="/metrics", instance="127.0.0.1:{port}", job="self"}} '
                                      r"\(classic\): \d+/\d+\.\d{3}/\d+")
        self.assertIn("\nClassic histogram series (", done.stdout)
        done = subprocess.run([*command[:-2], "--match=sum(up)"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("query error", done.stderr)

    def test_command_line_shows_who_it_is(self):
        seen = []

        def page(handler):
            seen.append(handler.headers.get("Authorization"))
            body = b'{"status":"success","data":["x"]}'
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        with FakeTarget(page) as target:
            # FakeTarget answers every path.
            password = self.stack.dir / "password"
            password.write_text("pass\n")
            config = self.stack.dir / "http.yml"
            config.write_text("basic_auth: {username: user, password_file: password}\n")
            command = [SERVER, "query", "labels", f"127.0.0.1:{target.port}", "job", f"--http.config.file={config}"]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)
            self.assertEqual(seen, ["Basic dXNlcjpwYXNz"])
            config.write_text("tls_confg: {}\n")
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn('did you mean "tls_config"?', done.stderr)


class QueryLogTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)

    def config(self, log):
        path = self.stack.config({"none": []})
        path.write_text(path.read_text().replace("global: {", f"global: {{query_log_file: {log}, "))
        return path

    def metric(self, name):
        _, _, text = fetch(self.server.api.url + "/metrics")
        return next(line.split()[1] for line in text.splitlines() if line.startswith(name + " "))

    def test_rotation_and_reload(self):
        log = self.stack.dir / "query.log"
        config = self.config("query.log")  # beside the configuration
        self.server = self.stack.server(config)
        self.server.api.query("1 + 1")
        self.assertEqual([json.loads(line)["params"]["query"] for line in log.read_text().splitlines()], ["1 + 1"])
        self.assertEqual(log.stat().st_mode & 0o777, 0o640)
        log.rename(self.stack.dir / "query.log.1")
        self.server.api.query("2")
        self.assertFalse(log.exists())
        self.server.process.send_signal(signal.SIGHUP)
        wait_for("it is opened anew", log.exists)
        self.server.api.query("3")
        self.assertEqual(len((self.stack.dir / "query.log.1").read_text().splitlines()), 2)
        self.assertEqual([json.loads(line)["params"]["query"] for line in log.read_text().splitlines()], ["3"])
        config.write_text(config.read_text().replace("query_log_file: query.log,", ""))
        self.server.process.send_signal(signal.SIGHUP)
        wait_for("it is off", lambda: self.metric("prometheus_engine_query_log_enabled") == "0")
        self.server.api.query("4")
        self.assertEqual(len(log.read_text().splitlines()), 1)

    def test_a_full_disk(self):
        self.server = self.stack.server(self.config("/dev/full"))
        for _ in range(5):
            self.assertEqual(self.server.api.query("1")[1], "1")
        self.assertEqual(self.metric("prometheus_engine_query_log_failures_total"), "5")
        self.assertEqual(self.server.output().count("query log cannot be written"), 1)

    def test_a_wrong_path_is_told_at_the_start(self):
        config = self.config(self.stack.dir / "none/query.log")
        done = subprocess.run([SERVER, "serve", f"--config.file={config}", f"--storage.tsdb.path={self.stack.dir / 'd'}",
                               f"--web.listen-address=127.0.0.1:{free_port()}", "--ui.listen-address="],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("query_log_file", done.stderr)
        self.assertIn("none/query.log", done.stderr)


class ScriptTest(unittest.TestCase):
    SCRIPTS = sorted((pathlib.Path(__file__).parent.parent / "promql").glob("*.test"))

    def run_scripts(self, *args):
        done = subprocess.run([SERVER, "test", "promql", *args], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    def test_our_own_scripts_pass_in_each_mode(self):
        everything = ("promql-experimental-functions", "promql-extended-range-selectors", "promql-binop-fill-modifiers")
        for flags in ([], ["--enable-feature=" + ",".join(everything)], [f"--enable-feature={name}" for name in everything]):
            code, out, _ = self.run_scripts(*flags, *self.SCRIPTS)
            passed, total = out.split()[-1].split("/")
            self.assertEqual((code, passed), (0, total), out)
            self.assertGreaterEqual(int(total), 240)

    def test_features_that_are_off(self):
        script = tempfile.NamedTemporaryFile("w", suffix=".test")
        self.addCleanup(script.close)
        script.write("load 1m\n  x_total 1 2 3\n\neval instant at 2m last_over_time(mad_over_time(x_total[2m])[1m:1m])\n  {} 0.5\n")
        script.flush()
        self.assertEqual(self.run_scripts(script.name), (0, "PASS 1/1\n", ""))
        code, out, _ = self.run_scripts("--enable-feature=", script.name)
        self.assertEqual((code, out.splitlines()[-1]), (1, "PASS 0/1"))
        self.assertIn("mad_over_time", out)

    def test_help_and_arguments(self):
        code, out, _ = self.run_scripts("--help")
        self.assertEqual(code, 0)
        self.assertIn("--enable-feature=LIST", out)
        for args in ([], ["--enable-feature=x"], ["--fly", str(self.SCRIPTS[0])]):
            code, out, err = self.run_scripts(*args)
            self.assertEqual((code, out), (1, ""))
            self.assertIn("Usage: slurmscope test promql", err)


if __name__ == "__main__":
    main()
