#!/usr/bin/env python3
"""The formats between servers: protobuf from a stock Prometheus, native histograms on their way through federation,
start times; a stock Prometheus federates from us."""
import json
import struct
import time
import unittest

from stack import FakeTarget, Prometheus, Stack, fetch, free_port, main, need_peers, wait_for

PROTO = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A field of a message: int, float, str or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def zigzag(n):
    return n * 2 if n >= 0 else -n * 2 - 1


def family(name, kind, number, metric):
    message = field(1, name) + field(3, kind) + field(4, field(number, metric))
    return varint(len(message)) + message


def histogram(count, started):
    """Schema 0, all of `count` in (1, 2], beside a bucket up to 2."""
    span = field(1, zigzag(1)) + field(2, 1)
    return (field(1, count) + field(2, count * 1.5) + field(3, field(1, count) + field(2, 2.0)) +
            field(5, zigzag(0)) + field(6, 0.001) + field(12, span) + field(13, zigzag(count)) +
            field(15, field(1, started)))


class Page:
    """A protobuf page that counts on."""

    def __init__(self, started):
        self.started, self.count, self.accepts = started, 10, []

    def __call__(self, handler):
        self.accepts.append(handler.headers["Accept"])
        self.count += 1
        counter = field(1, float(self.count)) + field(3, field(1, self.started))
        body = family("jobs_total", 0, 3, counter) + family("latency", 4, 7, histogram(self.count, self.started))
        handler.send_response(200)
        handler.send_header("Content-Type", PROTO)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class ProtobufTest(unittest.TestCase):
    def test_native_histograms_through_federation(self):
        with Stack() as stack:
            started = int(time.time()) - 60
            page = Page(started)
            with FakeTarget(page) as target:
                first = self.first(stack, target.port)
                wait_for("the histogram", lambda: first.query("histogram_count(latency) > 10"))
                self.assertIn("application/vnd.google.protobuf", page.accepts[0].split(",")[0])
                self.assertEqual(first.query("latency_count"), [], "no buckets beside it")
                rate = wait_for("a rate from its start", lambda: first.query("increase(jobs_total[2m]) > 9"))
                self.assertTrue(rate)
                self.assertEqual(first.data("metadata", metric="latency")["latency"][0]["type"], "histogram")

                second = self.second(stack, first.url.rsplit(":", 1)[1])
                got = wait_for("it is passed on", lambda: second.query("latency"))
                self.assertEqual(got[0]["metric"]["instance"], f"127.0.0.1:{target.port}", "honor_labels")
                self.assertEqual(got[0]["histogram"][1]["buckets"][0][1:3], ["1", "2"])
                self.assertTrue(second.query("jobs_total"))

    @staticmethod
    def first(stack, port):
        config = stack.dir / "first.yml"
        config.write_text("global: {scrape_interval: 500ms, scrape_timeout: 500ms, scrape_native_histograms: true}\n"
                          "scrape_configs:\n- job_name: p\n"
                          f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
        return stack.server(config, "--enable-feature=created-timestamp-zero-ingestion", data="first").api

    @staticmethod
    def second(stack, port):
        config = stack.dir / "second.yml"
        config.write_text("global: {scrape_interval: 500ms, scrape_timeout: 500ms, scrape_native_histograms: true}\n"
                          "scrape_configs:\n- job_name: f\n  honor_labels: true\n  metrics_path: /federate\n"
                          "  params: {'match[]': ['{job=\"p\"}']}\n"
                          f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
        return stack.server(config, data="second").api

    def test_classic_histograms_become_native(self):
        page = ('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="5"} 3\nh_bucket{le="+Inf"} 4\n'
                "h_sum 20\nh_count 4\n")
        with Stack() as stack, FakeTarget(page) as target:
            config = stack.config({"j": [target.port]}, extra="  convert_classic_histograms_to_nhcb: true")
            api = stack.server(config).api
            got = wait_for("the histogram", lambda: api.query("h"))
            self.assertEqual([b[1:] for b in got[0]["histogram"][1]["buckets"]],
                             [["-Inf", "1", "1"], ["1", "5", "2"], ["5", "+Inf", "1"]])
            self.assertEqual(api.query("h_bucket"), [])


class StartTimeTest(unittest.TestCase):
    def test_of_openmetrics_and_otlp(self):
        started = int(time.time()) - 60

        def page(request):
            asked.append(request.headers["Accept"])
            body = f"# TYPE jobs counter\njobs_total 7\njobs_created {started}\n# EOF\n".encode()
            request.send_response(200)
            request.send_header("Content-Type", "application/openmetrics-text; version=1.0.0")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        asked = []
        with Stack() as stack, FakeTarget(page) as target:
            api = stack.server(stack.config({"j": [target.port]}), "--web.enable-otlp-receiver",
                               "--enable-feature=created-timestamp-zero-ingestion,otlp-deltatocumulative").api
            wait_for("scrapes", lambda: api.query("count_over_time(jobs_total[5m]) > 2"))
            values = api.query("jobs_total[5m]")[0]["values"]
            self.assertEqual(values[0], [started, "0"])
            self.assertEqual(values[1][1], "7")
            self.assertEqual(api.query("{__name__=~'.*_created'}"), [])
            self.assertTrue(asked[0].startswith("application/vnd.google.protobuf"), asked[0])
            for i in range(3):
                point = {"startTimeUnixNano": f"{started + 10 * i}000000000",
                         "timeUnixNano": f"{started + 10 * i + 10}000000000", "asInt": "5"}
                metric = {"name": "sent", "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [point]}}
                status, _, text = fetch(api.url + "/api/v1/otlp/v1/metrics", headers={"Content-Type": "application/json"},
                                        data=json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode())
                self.assertEqual((status, text), (200, "{}"))
            self.assertEqual([v for _, v in api.query("sent_total[5m]")[0]["values"]], ["0", "5", "10", "15"])


class StockTest(unittest.TestCase):
    def test_protobuf_of_a_stock_prometheus_says_what_its_text_says(self):
        need_peers("prometheus")
        with Stack() as stack:
            port = free_port()
            empty = stack.dir / "stock.yml"
            empty.write_text("scrape_configs: []\n")
            stack.peer("prometheus", f"--config.file={empty}", f"--storage.tsdb.path={stack.dir / 'stock'}",
                       f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
            wait_for("stock", Prometheus(port).ready, 60)
            config = stack.dir / "prometheus.yml"
            jobs = "".join(f"- job_name: {name}\n  scrape_protocols: [{name}]\n"
                           f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
                           for name in ("PrometheusProto", "PrometheusText0.0.4"))
            config.write_text(f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}")
            api = stack.server(config).api
            wait_for("both", lambda: len(api.query("prometheus_build_info")) == 2)
            series = {}
            for labels in api.data("series", **{"match[]": '{job=~".+"}'}):
                series.setdefault(labels.pop("job"), set()).add(tuple(sorted(labels.items())))
            proto, text = series["PrometheusProto"], series["PrometheusText0.0.4"]
            # A handler's counters may come into being between two scrapes.
            differ = {dict(s)["__name__"] for s in proto ^ text}
            self.assertLessEqual({n for n in differ if "handler" not in n and "http" not in n}, set())
            self.assertGreater(len(proto & text), 200)
            self.assertEqual(len(api.data("metadata", metric="prometheus_build_info")["prometheus_build_info"]), 1,
                             "both formats say the same of it")
            same = api.query('sum({__name__=~"go_info|prometheus_build_info|prometheus_engine_queries_concurrent_max"}) by (job)')
            self.assertEqual(len({r["value"][1] for r in same}), 1)

    def test_a_stock_prometheus_federates_from_us(self):
        need_peers("prometheus")
        page = '# TYPE a gauge\na{x="1"} 1\na{x="2"} 2\n'
        with Stack() as stack, FakeTarget(page) as target:
            config = stack.dir / "prometheus.yml"
            config.write_text("global: {scrape_interval: 500ms, scrape_timeout: 500ms, external_labels: {site: s1}}\n"
                              "scrape_configs:\n- job_name: j\n"
                              f"  static_configs: [{{targets: ['127.0.0.1:{target.port}']}}]\n")
            server = stack.server(config)
            wait_for("samples", lambda: server.api.query("a"))
            port = free_port()
            outer = stack.dir / "outer.yml"
            outer.write_text("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: federate\n"
                             "  honor_labels: true\n  metrics_path: /federate\n  params: {'match[]': ['a', 'up']}\n"
                             f"  static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]\n")
            stack.peer("prometheus", f"--config.file={outer}", f"--storage.tsdb.path={stack.dir / 'outer'}",
                       f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
            stock = Prometheus(port)
            wait_for("stock", stock.ready, 60)
            got = wait_for("what we gave", lambda: stock.query("a"))
            self.assertEqual(sorted((r["metric"]["x"], r["metric"]["site"], r["value"][1]) for r in got),
                             [("1", "s1", "1"), ("2", "s1", "2")])
            self.assertEqual(stock.query('up{job="federate"}')[0]["value"][1], "1")


if __name__ == "__main__":
    main()
