#!/usr/bin/env python3
"""Remote write and read with stock Prometheus: it sends to us, and reads from us what it has not itself."""
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

    def test_writing_is_off_unless_asked_for(self):
        ours = self.stack.server(self.stack.config({}), ui=True)
        status, _, text = fetch(f"{ours.api.url}/api/v1/write", data=b"x")
        self.assertEqual(status, 404)
        self.assertIn("--web.enable-remote-write-receiver", text)


if __name__ == "__main__":
    need_peers("prometheus")
    main()
