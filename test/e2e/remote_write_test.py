#!/usr/bin/env python3
"""What we scrape is sent to others by remote write: to stock Prometheus, VictoriaMetrics and ourselves, whichever side
dies, sample by sample."""
import json
import signal
import unittest

from stack import FakeTarget, PEERS, Prometheus, Stack, fetch, free_port, main, wait_for

INTERVAL = "200ms"
METRICS = '{__name__=~"requests_total|temperature|up|scrape_samples_scraped"}'


def samples(api, selector=METRICS):
    """Raw samples of the last hour: labels -> [[time, value], ...]."""
    return {json.dumps(series["metric"], sort_keys=True): series["values"] for series in api.query(f"{selector}[1h]")}


class RemoteWriteTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)
        self.count = 0
        self.target = FakeTarget(self.page)
        self.addCleanup(self.target.__exit__)
        self.port = free_port()

    def page(self, request):
        self.count += 1
        body = (f"# HELP requests_total What came.\n# TYPE requests_total counter\n"
                f'requests_total{{code="200"}} {self.count}\nrequests_total{{code="500"}} {self.count * 3}\n'
                f'# TYPE temperature gauge\ntemperature{{room="ü"}} {self.count / 8}\n').encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/plain; version=0.0.4")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def config(self, url, extra="", labels="site: north"):
        path = self.stack.dir / "sender.yml"
        path.write_text(f"""
global: {{scrape_interval: {INTERVAL}, scrape_timeout: {INTERVAL}, external_labels: {{{labels}}}}}
scrape_configs: [{{job_name: t, static_configs: [{{targets: ['127.0.0.1:{self.target.port}']}}]}}]
remote_write:
- url: '{url}'
  queue_config: {{batch_send_deadline: 100ms, max_backoff: 200ms}}
  {extra}
""")
        return path

    def sender(self, config, *flags):
        return self.stack.server(config, *flags, port=self.port, data="sender")

    def stock(self, port):
        (self.stack.dir / "stock.yml").write_text("")
        program = self.stack.peer("prometheus", f"--config.file={self.stack.dir}/stock.yml",
                                  f"--storage.tsdb.path={self.stack.dir}/stock",
                                  "--web.enable-remote-write-receiver", "--enable-feature=native-histograms",
                                  f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
        program.api = Prometheus(port)
        wait_for("stock Prometheus", program.api.ready, 60)
        return program

    def ours(self, port, accepted="prometheus.WriteRequest"):
        config = self.stack.dir / "receiver.yml"
        config.write_text("")
        return self.stack.server(config, "--web.enable-remote-write-receiver",
                                 f"--web.remote-write-receiver.accepted-protobuf-messages={accepted}",
                                 port=port, data="receiver")

    def wait_for_scrapes(self, n=8):
        wait_for(f"{n} more scrapes", lambda until=self.count + n: self.count >= until, 60)

    def assert_same(self, mine, theirs, labels={"site": "north"}):
        """All that the sender has is at the receiver, and nothing else."""
        with_labels = {json.dumps({**json.loads(key), **labels}, sort_keys=True): values for key, values in mine.items()}
        self.assertEqual(sorted(with_labels), sorted(theirs))
        for key, values in with_labels.items():
            self.assertEqual(values, theirs[key], key)

    def arrived(self, sender, receiver):
        """Stops the scrapes, waits until all is sent, and compares."""
        self.target.page = "other 1\n"
        sent = lambda: not any(float(v) for v in self.own_metrics("prometheus_remote_storage_samples_pending"))  # noqa: E731

        def same():
            if not sent():
                return False
            mine = samples(sender.api, '{__name__=~"requests_total|temperature"}')
            theirs = samples(receiver.api, '{__name__=~"requests_total|temperature"}')
            return sum(map(len, mine.values())) == sum(map(len, theirs.values()))
        wait_for("all samples at the receiver", same, 60)
        mine = samples(sender.api, '{__name__=~"requests_total|temperature"}')
        self.assertGreater(sum(map(len, mine.values())), 60)
        self.assert_same(mine, samples(receiver.api, '{__name__=~"requests_total|temperature"}'))

    def own_metrics(self, name):
        text = fetch(f"http://127.0.0.1:{self.port}/metrics")[2]
        return [line.rsplit(" ", 1)[1] for line in text.splitlines()
                if line.startswith(name) and line[len(name)] in "{ "]

    def both_die(self, start_receiver, accepted=(), extra=""):
        port = free_port()
        receiver = start_receiver(port, *accepted)
        config = self.config(f"http://127.0.0.1:{port}/api/v1/write", extra)
        sender = self.sender(config)
        self.wait_for_scrapes()
        for _ in range(2):
            receiver.stop(signal.SIGKILL)
            self.wait_for_scrapes()
            receiver = start_receiver(port, *accepted)
            self.wait_for_scrapes()
            sender.stop(signal.SIGKILL)
            sender = self.sender(config)
            self.wait_for_scrapes()
        # The receiver is away when the sender dies, too.
        receiver.stop(signal.SIGKILL)
        self.wait_for_scrapes()
        sender.stop(signal.SIGKILL)
        sender = self.sender(config)
        self.wait_for_scrapes()
        self.assertGreater(float(self.own_metrics("prometheus_remote_storage_samples_retried_total")[0]), 0)
        receiver = start_receiver(port, *accepted)
        self.wait_for_scrapes()
        self.arrived(sender, receiver)
        return sender, receiver

    @unittest.skipUnless((PEERS / "prometheus").exists(), "no prometheus")
    def test_stock_prometheus_gets_all_whichever_dies(self):
        self.both_die(self.stock)

    def test_our_server_gets_all_whichever_dies(self):
        self.both_die(self.ours)

    def test_our_server_gets_all_by_version_two(self):
        message = "io.prometheus.write.v2.Request"
        sender, receiver = self.both_die(self.ours, (message,), f"protobuf_message: {message}")
        self.assertIn("slurmscope_remote_write_samples_total", fetch(f"{receiver.api.url}/metrics")[2])

    @unittest.skipUnless((PEERS / "prometheus").exists(), "no prometheus")
    def test_falls_back_where_only_version_one_is_known(self):
        """Prometheus 2.42 takes a message of 2.0 for an empty one of 1.0 and says 204."""
        port = free_port()
        receiver = self.stock(port)
        sender = self.sender(self.config(f"http://127.0.0.1:{port}/api/v1/write",
                                         "protobuf_message: io.prometheus.write.v2.Request"))
        self.wait_for_scrapes(25)
        self.arrived(sender, receiver)
        self.assertIn("does not know 2.0", sender.output())

    @unittest.skipUnless((PEERS / "victoria-metrics").exists(), "no victoria-metrics")
    def test_victoria_metrics_gets_all(self):
        port = free_port()

        def start():
            program = self.stack.peer("victoria-metrics", f"-storageDataPath={self.stack.dir}/vm",
                                      f"-httpListenAddr=127.0.0.1:{port}", "-loggerLevel=ERROR", "-retentionPeriod=1y")
            wait_for("VictoriaMetrics", lambda: fetch(f"http://127.0.0.1:{port}/health")[0] == 200, 60)
            return program

        def exported():
            text = fetch(f"http://127.0.0.1:{port}/api/v1/export", {"match[]": '{__name__=~"requests_total|temperature"}'})[2]
            rows = map(json.loads, text.splitlines())
            return {json.dumps(row["metric"], sort_keys=True):  # null is a stale marker
                    [pair for pair in zip(row["timestamps"], row["values"]) if pair[1] is not None] for row in rows}

        receiver = start()
        config = self.config(f"http://127.0.0.1:{port}/api/v1/write")
        sender = self.sender(config)
        self.wait_for_scrapes()
        receiver.stop(signal.SIGTERM)  # it keeps the newest seconds in memory: kill -9 would lose what it has said to have
        self.wait_for_scrapes()
        sender.stop(signal.SIGKILL)
        sender = self.sender(config)
        self.wait_for_scrapes()
        receiver = start()
        self.wait_for_scrapes()
        sender.stop(signal.SIGKILL)
        sender = self.sender(config)
        self.wait_for_scrapes(20)
        self.target.page = "other 1\n"
        wait_for("an end of the scrapes", lambda: sender.api.query("other"), 30)

        def mine():
            return {json.dumps({**json.loads(key), "site": "north"}, sort_keys=True):
                    [(round(t * 1000), float(v)) for t, v in values]
                    for key, values in samples(sender.api, '{__name__=~"requests_total|temperature"}').items()}
        expected = mine()
        count = lambda all: sum(map(len, all.values()))  # noqa: E731
        wait_for("as many samples", lambda: count(exported()) >= count(expected), 60)
        self.assertEqual(exported(), expected)
        self.assertGreater(sum(map(len, expected.values())), 60)

    def test_reload_goes_on_with_another_configuration(self):
        port = free_port()
        receiver = self.ours(port)
        url = f"http://127.0.0.1:{port}/api/v1/write"
        sender = self.sender(self.config(url))
        self.wait_for_scrapes()
        self.config(url, "name: far\n  write_relabel_configs: [{source_labels: [code], regex: '500', action: drop}]")
        sender.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: 'remote_name="far"' in fetch(f"{sender.api.url}/metrics")[2], 30)
        self.wait_for_scrapes()
        self.config(url, "name: far", labels="site: south")
        sender.process.send_signal(signal.SIGHUP)
        wait_for("the other label", lambda: receiver.api.query('temperature{site="south"}'), 30)
        self.wait_for_scrapes()
        sender.stop()  # sends what is left
        again = self.sender(self.stack.config({}, "none.yml"))
        (mine,) = samples(again.api, "temperature").values()
        (before,) = samples(receiver.api, 'temperature{site="north"}').values()
        (after,) = samples(receiver.api, 'temperature{site="south"}').values()
        self.assertEqual(before + after, mine)
        dropped = receiver.api.query('count_over_time(requests_total{code="500",site="north"}[1h])')[0]["value"][1]
        self.assertLess(int(dropped), len(before))
        self.assertFalse((self.stack.dir / "sender" / "remote_write").exists()
                         and list((self.stack.dir / "sender" / "remote_write").iterdir()))

    def test_self_metrics(self):
        port = free_port()
        self.ours(port)
        self.sender(self.config(f"http://127.0.0.1:{port}/api/v1/write", "name: n"))
        self.wait_for_scrapes()
        text = wait_for("a request", lambda: (lambda t: t if 'duration_seconds_count{remote_name="n"' in t and
                        float(self.own_metrics("prometheus_remote_storage_sent_batch_duration_seconds_count")[0]) > 0
                        else None)(fetch(f"http://127.0.0.1:{self.port}/metrics")[2]))
        # Those that the Prometheus mixin's alerts and dashboards ask for.
        for name in ("shards", "shards_min", "shards_max", "shards_desired", "shard_capacity", "samples_failed_total",
                     "samples_pending", "samples_dropped_total", "samples_retried_total", "samples_total",
                     "queue_highest_timestamp_seconds", "queue_highest_sent_timestamp_seconds",
                     "enqueue_retries_total", "bytes_total"):
            self.assertIn(f'prometheus_remote_storage_{name}{{remote_name="n",url="http://127.0.0.1:{port}/api/v1/write"',
                          text)
        for name in ("prometheus_remote_storage_samples_in_total ", 'prometheus_wal_watcher_current_segment{consumer="n"} ',
                     "prometheus_remote_storage_highest_timestamp_in_seconds "):
            self.assertIn(f"\n{name}", text)


if __name__ == "__main__":
    main()
