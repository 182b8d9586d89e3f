#!/usr/bin/env python3
"""What lies around a query, against stock Prometheus 2.42: promtool's output byte for byte, the layout of long
expressions, statistics, refusals, parameters, and the lines of the query log."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from expressions import Generator
from pair import PEERS, START, Pair, need_peers
from stack import SERVER, Prometheus, free_port, wait_for

AT = START + 600

INSTANT = ["demo_num_cpus", "demo_memory_usage_bytes > 1e9", "rnd_special", "rnd_text", "1", "0.5e-9", "1e25", '"a\nb <&>"',
           "vector(NaN)", "demo_num_cpus[1m]", "rnd_special[30s]", "nothing", "sum(demo_num_cpus)", "rate(demo_cpu_usage_seconds_total[1m])",
           "demo_api_request_duration_seconds_bucket{le='+Inf'}", "abs(", "demo_num_cpus + on() demo_num_cpus"]
RANGE = ["demo_num_cpus", "rnd_special", "rnd_gauge", "nothing", "time()", "rate(demo_cpu_usage_seconds_total[1m])", "sum by (", '"x"']


def run(program, *args):
    done = subprocess.run([str(program), *map(str, args)], capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


class QueryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.log_dir = tempfile.TemporaryDirectory(prefix="slurmscope-")
        cls.pair = Pair()
        cls.stock = f"http://127.0.0.1:{cls.pair._connections[0].port}"
        cls.ours = cls.pair.ours.api.url
        cls.promtool = pathlib.Path(cls.log_dir.name) / "promtool"
        cls.promtool.symlink_to(pathlib.Path(SERVER).resolve())

    @classmethod
    def tearDownClass(cls):
        cls.pair.__exit__()
        cls.log_dir.cleanup()

    def alike(self, cases):
        problems = []
        for case in cases:
            want, got = run(PEERS / "promtool", *case), run(self.promtool, *case)
            if want != got:
                problems.append(f"{case}\n    promtool: {want}\n    ours:     {got}")
        print(f"{len(cases) - len(problems)} of {len(cases)} command lines give the same")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_promtool_instant_and_range(self):
        cases = []
        for server in (self.stock, self.ours):
            for output in (["-o", "promql"], ["--format=json"], []):
                for query in INSTANT:
                    cases.append(["query", "instant", *output, f"--time={AT}", server, query])
                    cases.append(["query", *output, "instant", server, query, "--time=2023-11-14T22:23:20.5Z"])
                for query in RANGE:
                    cases.append(["query", "range", *output, server, query, f"--start={AT}", f"--end={AT + 61.5}",
                                  "--step=15s"])
        cases.append(["query", "range", self.ours, "demo_num_cpus", f"--start={AT}", f"--end={AT + 1000}"])
        cases.append(["query", "range", self.ours, "up", "--start=5", "--end=3"])
        cases.append(["query", "range", self.ours, "up", "--start=x"])
        cases.append(["query", "instant", "--time=x", self.ours, "up"])
        self.alike(cases)

    def test_promtool_series_and_labels(self):
        cases = []
        for output in (["-o", "json"], []):
            cases.append(["query", "series", *output, "--match=demo_num_cpus", "--match={a='x'}", self.stock])
            cases.append(["query", "series", *output, "--match=demo_num_cpus", self.ours, f"--start={AT}", f"--end={AT + 60}"])
            cases.append(["query", "series", *output, "--match=nothing", self.ours])
            cases.append(["query", "series", *output, "--match={", self.ours])
            cases.append(["query", "labels", *output, self.ours, "job"])
            cases.append(["query", "labels", *output, self.ours, "text"])
            cases.append(["query", "labels", *output, self.ours, "text", "--match={a='x'}", f"--start={AT}", f"--end={AT + 60}"])
            cases.append(["query", "labels", *output, self.ours, "nothing"])
        self.alike(cases)

    def test_layout_of_expressions(self):
        queries = []
        for seed in range(250):
            generator = Generator(f"layout/{seed}")
            a, b, c = (generator.expression().text for _ in range(3))
            queries += [a, f"({a}) + ({b})", f"sum by (a, b) (({a}) * on (a) group_left (c) ({b}))", f"-({a} or {b})",
                        f"topk(3, {a} and {b}) > bool 3 unless ignoring (x) ({c})",
                        f'label_replace({a}, "dst", "$1", "src", "(.*)")', f"max_over_time(({a} + {b})[10m:1m] offset 5m)",
                        f"clamp_max(vector(scalar({a})), 3) ^ ({b} - {c})"]
        asked, lines, problems = 0, 0, []
        for query in queries:
            stock, ours = self.pair.ask("format_query", {"query": query})
            if stock[0] != 200:
                continue  # a mistake of types; errors_test looks at those
            asked += 1
            lines += "\n" in stock[1]["data"]
            if stock != ours:
                problems.append(f"{query}\n--- stock\n{stock[1]['data']}\n--- ours\n{ours[1].get('data', ours)}")
        print(f"{asked - len(problems)} of {asked} expressions are laid out alike, {lines} on many lines")
        self.assertGreater(lines, 200)
        self.assertFalse(problems, "\n" + "\n\n".join(problems[:5]))

    def test_statistics(self):
        problems, asked = [], 0
        queries = ["demo_num_cpus", "rate(demo_cpu_usage_seconds_total[1m])", "sum(rate(demo_cpu_usage_seconds_total[2m] offset 1m))",
                   "demo_num_cpus + on (instance) demo_num_cpus", "max_over_time(demo_num_cpus[2m1s:30s])", "1", "time()",
                   "demo_num_cpus @ 1700000300", "absent(nothing)", "topk(2, demo_memory_usage_bytes)", "timestamp(demo_num_cpus)",
                   "quantile_over_time(0.5, rnd_gauge[1m])", "avg_over_time(rate(demo_cpu_usage_seconds_total[1m])[3m1s:20s])",
                   "histogram_quantile(0.9, rate(demo_api_request_duration_seconds_bucket[1m]))", "demo_num_cpus[1m]"]
        for query in queries:
            ways = [("query", {"time": AT})]
            if not query.endswith("]"):
                # 20 s, so that subqueries have no point on the left edge, which 2.42 counts
                ways.append(("query_range", {"start": AT, "end": AT + 100, "step": 20}))
            for path, params in ways:
                asked += 1
                stock, ours = self.pair.ask(path, {"query": query, "stats": "all", **params})
                want, got = stock[1]["data"]["stats"], ours[1]["data"]["stats"]
                self.assertEqual(list(want), list(got))
                self.assertEqual(list(want["timings"]), list(got["timings"]))
                self.assertGreaterEqual(got["timings"]["execTotalTime"], got["timings"]["evalTotalTime"])
                for key in ("totalQueryableSamples", "totalQueryableSamplesPerStep"):
                    if want["samples"].get(key) != got["samples"].get(key):
                        problems.append(f"{query} {path} {key}: {want['samples'].get(key)} and {got['samples'].get(key)}")
                stock, ours = self.pair.ask(path, {"query": query, "stats": "true", **params})
                self.assertEqual(list(stock[1]["data"]["stats"]["samples"]), list(ours[1]["data"]["stats"]["samples"]))
        print(f"statistics of {asked} questions, {len(problems)} differ")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_refusals(self):
        """Status and errorType; the texts too where 2.42 and 3 have the same."""
        window = {"start": AT, "end": AT + 60, "step": 15}
        cases = [
            ("query_range", {**window, "query": "up", "step": 0}), ("query_range", {**window, "query": "up", "step": -1}),
            ("query_range", {**window, "query": "up", "step": "x"}), ("query_range", {**window, "query": "up", "end": AT - 1}),
            ("query_range", {**window, "query": "up", "start": "x"}), ("query_range", {**window, "query": "up", "end": ""}),
            ("query_range", {"query": "up", "start": 0, "end": 11001, "step": 1}),
            ("query_range", {"query": "1", "start": 0, "end": 11000, "step": 1}),
            ("query_range", {**window, "query": "up[5m]"}), ("query_range", {**window, "query": '"x"'}),
            ("query_range", {**window, "query": ""}), ("query", {"query": ""}), ("query", {}),
            ("query", {"query": "up", "time": "x"}), ("query", {"query": "up", "timeout": "x"}),
            ("query", {"query": "up +"}), ("query", {"query": "sum(1)"}), ("query", {"query": "1 + up[5m]"}),
            ("query", {"query": 'rate(up)'}), ("query", {"query": '1 and 2'}), ("query", {"query": 'label_replace(up, 1)'}),
            ("query", {"query": "demo_num_cpus + on () demo_num_cpus", "time": AT}),
            ("query", {"query": 'label_replace(demo_num_cpus, "a", "b", "c", "(")', "time": AT}),
            ("query", {"query": "(" * 5000 + "1" + ")" * 4999}),
            ("format_query", {"query": "sum("}), ("format_query", {}),
            ("series", {}), ("series", {"match[]": "{"}), ("labels", {"match[]": "{}"}),
        ]
        texts, problems = 0, []
        for path, params in cases:
            stock, ours = self.pair.ask(path, params)
            texts += stock[1].get("error") == ours[1].get("error")
            if (stock[0], stock[1].get("errorType")) != (ours[0], ours[1].get("errorType")):
                problems.append(f"{path} {str(params)[:200]}\n    stock: {str(stock)[:300]}\n    ours:  {str(ours)[:300]}")
        print(f"{len(cases) - len(problems)} of {len(cases)} refusals are alike, {texts} also in their text")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_lookback(self):
        """2.42 has no such parameter, but can be asked for the last sample of so long a time."""
        for lookback in ("1", "3s", "0.5", "1m", "1h"):
            for query in ("demo_num_cpus", "demo_memory_usage_bytes"):
                for path, params in (("query", {"time": AT + 2.5}), ("query_range", {"start": AT, "end": AT + 60, "step": 1})):
                    duration = "500ms" if lookback == "0.5" else lookback if lookback[-1] in "smh" else lookback + "s"
                    stock = self.pair.ask(path, {"query": f"last_over_time({query}[{duration}])", **params})[0]
                    ours = self.pair.ask(path, {"query": query, "lookback_delta": lookback, **params})[1]
                    self.assertEqual(sorted(map(str, stock[1]["data"]["result"])), sorted(map(str, ours[1]["data"]["result"])),
                                     (lookback, query, path))

    def test_query_log(self):
        """The same questions to both; 3's lines say time, level and msg where 2's say ts."""
        logs = {}
        stack = self.pair.stack
        for name in ("stock", "ours"):
            log = pathlib.Path(self.log_dir.name) / f"{name}.log"
            config = stack.config({"none": []}, name=f"{name}-log.yml")
            rules = stack.dir / "log-rules.yml"
            rules.write_text("groups: [{name: g, interval: 1s, rules: [{record: 'a:b', expr: 'vector(3)'}]}]\n")
            config.write_text(config.read_text().replace("global: {", f"global: {{query_log_file: {log}, ") +
                              f"rule_files: [{rules}]\n")
            port = free_port()
            if name == "stock":
                stack.peer("prometheus", f"--config.file={config}", f"--storage.tsdb.path={stack.dir / 'log-stock'}",
                           f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn")
            else:
                stack.server(config, port=port, data="log-ours")
            server = Prometheus(port)
            wait_for(name, server.ready, 60)
            server.get("query", query="up + 1", time=AT)
            server.get("query_range", query="sum(up)", start=AT, end=AT + 60.5, step=15)
            server.get("query", query="sum(")
            server.get("query", query='label_replace(vector(1), "a", "b", "c", "(")', time=AT)

            def lines(log=log):
                read = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
                return read if any("ruleGroup" in r for r in read) else None
            logs[name] = wait_for(f"log of {name}", lines)
            metrics = server.query("1") and subprocess.run(["curl", "-s", f"{server.url}/metrics"], capture_output=True,
                                                           text=True).stdout
            self.assertIn("prometheus_engine_query_log_enabled 1\n", metrics)
            self.assertIn("prometheus_engine_query_log_failures_total 0\n", metrics)
        stock, ours = ([self.shape(line) for line in logs[name] if "httpRequest" in line][:3] for name in ("stock", "ours"))
        self.assertEqual(stock, ours)
        self.assertEqual(len(ours), 3)
        stock, ours = (next(self.shape(line) for line in logs[name] if "ruleGroup" in line) for name in ("stock", "ours"))
        self.assertEqual(stock, ours)

    @staticmethod
    def shape(line):
        line = dict(line)
        for key in ("ts", "time", "level", "msg", "spanID"):
            line.pop(key, None)
        if "error" in line:
            line["error"] = "..."
        if "ruleGroup" in line:
            line["params"] = sorted(line["params"])
        line["stats"] = {k: sorted(v) for k, v in line["stats"].items()}
        return line


if __name__ == "__main__":
    need_peers("prometheus", "promtool")
    unittest.main(verbosity=2)
