#!/usr/bin/env python3
"""Remote write and read with stock Prometheus: it sends to us, and each reads from the other what it has not itself.
And metrics by OTLP."""
import gzip
import json
import time
import unittest

from stack import FakeTarget, Prometheus, Stack, fetch, free_port, main, need_peers, wait_for

PAGE = """# TYPE requests_total counter
requests_total{code="200"} %d
# TYPE temperature gauge
temperature{room="a b"} 21.5
temperature{room="ü"} NaN
"""


class RemoteTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)

    def stock(self, name, config):
        port = free_port()
        (self.stack.dir / f"{name}.yml").write_text(config)
        program = self.stack.peer("prometheus", f"--config.file={self.stack.dir / name}.yml",
                                  f"--storage.tsdb.path={self.stack.dir / name}",
                                  f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn")
        program.api = Prometheus(port)
        wait_for(name, program.api.ready, 60)
        return program

    def test_stock_prometheus_writes_and_reads(self):
        ours = self.stack.server(self.stack.config({}), "--web.enable-remote-write-receiver")
        target = FakeTarget(PAGE % 1)
        self.addCleanup(target.__exit__)
        sender = self.stock("sender", f"""
global: {{scrape_interval: 1s, external_labels: {{site: north}}}}
scrape_configs: [{{job_name: t, static_configs: [{{targets: ['127.0.0.1:{target.port}']}}]}}]
remote_write: [{{url: '{ours.api.url}/api/v1/write', queue_config: {{batch_send_deadline: 500ms}}}}]
""")
        wait_for("three samples at our server",
                 lambda: ours.api.query("count_over_time(requests_total[1m]) >= 3"), 30)
        target.page = PAGE % 7
        wait_for("the new value", lambda: ours.api.query("requests_total == 7"), 30)

        # What is old enough to be there on both sides is the same on both.
        end = float(ours.api.query("timestamp(requests_total)")[0]["value"][1]) - 1
        window = {"query": '{__name__=~"requests_total|temperature|up"}', "start": end - 3, "end": end, "step": 0.5}
        mine = ours.api.data("query_range", **window)["result"]
        theirs = sender.api.data("query_range", **window)["result"]
        for series in theirs:
            series["metric"]["site"] = "north"
        by_labels = lambda series: sorted(series["metric"].items())  # noqa: E731
        self.assertEqual(sorted(mine, key=by_labels), sorted(theirs, key=by_labels))
        self.assertEqual(len(mine), 4)

        # It reads by chunks; with an old client's request, samples.
        reader = self.stock("reader", f"""
global: {{external_labels: {{site: north}}}}
remote_read: [{{url: '{ours.api.url}/api/v1/read', read_recent: true}}]
""")
        read = reader.api.data("query_range", **window)["result"]
        for series in read:
            series["metric"]["site"] = "north"
        self.assertEqual(sorted(read, key=by_labels), sorted(mine, key=by_labels))

    def reader(self, url, extra="read_recent: true", labels="site: north"):
        config = self.stack.dir / "reader.yml"
        config.write_text(f"global: {{external_labels: {{{labels}}}}}\nremote_read: [{{url: '{url}', {extra}}}]\n")
        return self.stack.server(config, data="reader")

    def assert_reads_all_of(self, source):
        """Our server without samples of its own answers as the one that has them."""
        window = {"query": '{__name__=~"requests_total|temperature"}', "step": 0.5}
        wait_for("samples", lambda: source.api.query("count_over_time(requests_total[1m]) >= 5"), 30)
        window["end"] = float(source.api.query("timestamp(requests_total)")[0]["value"][1]) - 1
        window["start"] = window["end"] - 3
        reader = self.reader(f"{source.api.url}/api/v1/read")
        theirs, mine = (api.data("query_range", **window)["result"] for api in (source.api, reader.api))
        by_labels = lambda series: sorted(series["metric"].items())  # noqa: E731
        self.assertEqual(len(mine), 3)
        self.assertEqual(sorted(mine, key=by_labels), sorted(theirs, key=by_labels))
        self.assertEqual(len(reader.api.data("series", **{"match[]": "temperature"})), 2)
        # A system that is not there is a warning.
        source.stop()
        status, answer = reader.api.get("query", query="requests_total")
        self.assertEqual((status, answer["data"]["result"]), (200, []))
        self.assertIn(f"remote_read {source.api.url}/api/v1/read", answer["warnings"][0])

    def scraped(self):
        target = FakeTarget(PAGE % 1)
        self.addCleanup(target.__exit__)
        return f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, external_labels: {{site: north}}}}
scrape_configs: [{{job_name: t, static_configs: [{{targets: ['127.0.0.1:{target.port}']}}]}}]
"""

    def test_we_read_from_stock_prometheus(self):
        self.assert_reads_all_of(self.stock("source", self.scraped()))

    def test_we_read_from_our_server(self):
        (self.stack.dir / "source.yml").write_text(self.scraped())
        self.assert_reads_all_of(self.stack.server(self.stack.dir / "source.yml", data="source"))

    def test_otlp(self):
        config = self.stack.dir / "otlp.yml"
        config.write_text("otlp: {promote_resource_attributes: [host.name]}")
        ours = self.stack.server(config, "--web.enable-otlp-receiver")
        attribute = lambda key, value: {"key": key, "value": {"stringValue": value}}  # noqa: E731
        point = {"timeUnixNano": str(time.time_ns()), "asInt": "7", "attributes": [attribute("http.code", "200")]}
        body = {"resourceMetrics": [{
            "resource": {"attributes": [attribute("service.name", "shop"), attribute("host.name", "n1")]},
            "scopeMetrics": [{"metrics": [{"name": "http.requests", "sum": {
                "aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}}]}]}]}
        url = f"{ours.api.url}/api/v1/otlp/v1/metrics"
        status, _, text = fetch(url, data=gzip.compress(json.dumps(body).encode()),
                                headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
        self.assertEqual((status, text), (200, "{}"))
        (series,) = ours.api.query("http_requests_total")
        self.assertEqual(series["metric"], {"__name__": "http_requests_total", "http_code": "200", "host_name": "n1",
                                            "job": "shop"})
        self.assertEqual(series["value"][1], "7")
        self.assertEqual(ours.api.query("target_info")[0]["metric"]["host_name"], "n1")
        self.assertIn("slurmscope_otlp_samples_total 2\n", fetch(f"{ours.api.url}/metrics")[2])

    def test_otlp_is_off_unless_asked_for(self):
        ours = self.stack.server(self.stack.config({}))
        status, _, text = fetch(f"{ours.api.url}/api/v1/otlp/v1/metrics", data=b"x")
        self.assertEqual(status, 404)
        self.assertIn("--web.enable-otlp-receiver", text)

    def test_writing_is_off_unless_asked_for(self):
        ours = self.stack.server(self.stack.config({}), ui=True)
        status, _, text = fetch(f"{ours.api.url}/api/v1/write", data=b"x")
        self.assertEqual(status, 404)
        self.assertIn("--web.enable-remote-write-receiver", text)


if __name__ == "__main__":
    need_peers("prometheus")
    main()
