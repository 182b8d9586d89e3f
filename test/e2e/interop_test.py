#!/usr/bin/env python3
"""With the originals, as Debian ships them: each side scrapes, queries and reads the other's."""
import shutil
import signal
import subprocess
import time
import unittest

from stack import PEERS, Prometheus, Stack, fetch, free_port, main, need_peers, wait_for

QUERIES = [
    "node_load1",
    "node_memory_MemTotal_bytes",
    "count(node_cpu_seconds_total)",
    "sum by (mode) (node_cpu_seconds_total)",
    "node_uname_info",
    "node_cpu_seconds_total{mode=~\"idle|user\"}",
    "max(node_filesystem_size_bytes) > bool 0",
    "sort_desc(node_network_receive_bytes_total)",
    "count by (__name__) ({__name__=~\"node_.*\"})",
    "node_memory_MemTotal_bytes / 1024 / 1024",
    "topk(3, node_vmstat_pgfault)",
    "label_replace(node_load5, \"x\", \"$1\", \"instance\", \"(.*):.*\")",
]


def promtool(*args):
    done = subprocess.run([str(PEERS / "promtool"), *[str(a) for a in args]], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def by_labels(result):
    return {tuple(sorted(r["metric"].items())): r["value"][1] for r in result}


class InteropTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)

    def stock_prometheus(self, config, data="stock-data"):
        port = free_port()
        program = self.stack.peer("prometheus", f"--config.file={config}",
                                  f"--storage.tsdb.path={self.stack.dir / data}",
                                  f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn")
        program.api = Prometheus(port)
        wait_for("stock prometheus", program.api.ready, 60)
        return program

    def test_promtool_accepts_our_metrics(self):
        agent = self.stack.agent()
        server = self.stack.server(self.stack.config({"node": [agent]}))
        wait_for("a scrape", lambda: server.api.query("up == 1"))
        for port in (agent, server.port):
            page = fetch(f"http://127.0.0.1:{port}/metrics")[2]
            done = subprocess.run([str(PEERS / "promtool"), "check", "metrics"], input=page, capture_output=True,
                                  text=True, timeout=60)
            # Exit code 3 is lint about names, which are node_exporter's and Prometheus' own.
            self.assertIn(done.returncode, (0, 3), done.stderr)
            self.assertNotIn("error while linting", done.stderr)

    def test_stock_prometheus_scrapes_our_agent_and_agrees(self):
        agent = self.stack.agent()
        config = self.stack.config({"node": [agent]})
        stock = self.stock_prometheus(config)
        ours = self.stack.server(config)
        for api in (stock.api, ours.api):
            wait_for("scrapes", lambda: api.query("count_over_time(node_load1[1m]) >= 3"))
        # The two scrape at different moments, so only what stands still is compared exactly.
        for expr in ("node_memory_MemTotal_bytes", "node_uname_info", "count(node_cpu_seconds_total)",
                     "count by (__name__) ({__name__=~\"node_(filesystem|disk|network|memory).*\"})"):
            self.assertEqual(by_labels(stock.api.query(expr)), by_labels(ours.api.query(expr)), expr)

    def test_the_same_log_gives_the_same_answers(self):
        """Stock Prometheus starts on the data directory of our killed server, and answers alike."""
        agent = self.stack.agent()
        server = self.stack.server(self.stack.config({"node": [agent]}))
        wait_for("scrapes", lambda: server.api.query("count_over_time(node_load1[1m]) >= 5"), 60)
        server.stop(signal.SIGKILL)
        shutil.copytree(self.stack.dir / "data", self.stack.dir / "stock-data")
        idle = self.stack.config({"none": []}, name="idle.yml")
        now = time.time()
        stock = self.stock_prometheus(idle)
        ours = self.stack.server(idle)
        for expr in QUERIES + ["rate(node_cpu_seconds_total[30s])", "increase(node_context_switches_total[20s])",
                               "avg_over_time(node_load1[20s])", "irate(node_vmstat_pgfault[20s])"]:
            want = by_labels(stock.api.query(expr, time=now))
            self.assertTrue(want, f"{expr}: the stock server has no answer")
            self.assertEqual(by_labels(ours.api.query(expr, time=now)), want, expr)
        for expr in ("node_load1", "sum by (mode) (rate(node_cpu_seconds_total[10s]))"):
            params = {"query": expr, "start": now - 20, "end": now, "step": 3}
            self.assertEqual(ours.api.data("query_range", **params), stock.api.data("query_range", **params), expr)

    def test_promtool_reads_our_log(self):
        agent = self.stack.agent()
        server = self.stack.server(self.stack.config({"node": [agent]}))
        wait_for("scrapes", lambda: server.api.query("count_over_time(node_load1[1m]) >= 3"), 60)
        series = len(server.api.data("series", **{"match[]": '{__name__=~".+"}'}))
        server.stop(signal.SIGKILL)
        code, out, err = promtool("tsdb", "dump", self.stack.dir / "data")
        self.assertEqual(code, 0, err)
        dumped = {line.split("}")[0] for line in out.splitlines() if line.startswith("{")}
        self.assertGreaterEqual(len(dumped), series)

    def test_we_go_on_where_stock_prometheus_was_killed(self):
        agent = self.stack.agent()
        config = self.stack.config({"node": [agent]})
        stock = self.stock_prometheus(config, data="data")
        wait_for("scrapes", lambda: stock.api.query("count_over_time(node_load1[1m]) >= 3"), 60)
        now = time.time()
        stock.stop(signal.SIGKILL)
        ours = self.stack.server(config)
        before = ours.api.query("node_load1[1m]", time=now)
        self.assertGreaterEqual(len(before[0]["values"]), 3)
        wait_for("new samples", lambda: ours.api.query("up == 1") and
                 ours.api.query("timestamp(node_load1) > %f" % now))

    def test_promtool_queries_our_server(self):
        agent = self.stack.agent()
        server = self.stack.server(self.stack.config({"node": [agent]}))
        wait_for("a scrape", lambda: server.api.query("up == 1"))
        code, out, err = promtool("query", "instant", server.api.url, "up")
        self.assertEqual(code, 0, err)
        self.assertIn('up{instance="127.0.0.1:%d", job="node"} => 1' % agent, out)
        code, out, err = promtool("query", "labels", server.api.url, "job")
        self.assertEqual((code, out.strip()), (0, "node"), err)
        code, out, err = promtool("query", "series", "--match=up", server.api.url)
        self.assertEqual(code, 0, err)
        code, _, err = promtool("query", "instant", server.api.url, "up +")
        self.assertEqual(code, 1)
        self.assertIn("parse error", err)

    def test_we_scrape_stock_node_exporter(self):
        port = free_port()
        self.stack.peer("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}")
        server = self.stack.server(self.stack.config({"node": [port]}))
        wait_for("a scrape", lambda: server.api.query("up == 1"))
        self.assertTrue(server.api.query("node_uname_info"))
        scraped = float(server.api.query("scrape_samples_scraped")[0]["value"][1])
        page = fetch(f"http://127.0.0.1:{port}/metrics")[2]
        lines = sum(1 for line in page.splitlines() if line and not line.startswith("#"))
        self.assertAlmostEqual(scraped, lines, delta=20)


if __name__ == "__main__":
    need_peers("prometheus", "promtool", "prometheus-node-exporter")
    main()
