#!/usr/bin/env python3
"""Agent and server as a user runs them: samples arrive, the API answers, the UI's port guards itself."""
import gzip
import json
import signal
import unittest
import urllib.request

from stack import PASSWORD, Stack, fetch, main, wait_for


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.agent_port = cls.stack.agent()
        config = cls.stack.config({"node": [cls.agent_port]})
        cls.server = cls.stack.server(config, "--web.enable-lifecycle", ui=True)
        cls.api = cls.server.api
        wait_for("two scrapes", lambda: cls.api.query("count_over_time(node_load1[1m]) >= 2"))

    @classmethod
    def tearDownClass(cls):
        cls.stack.__exit__()

    def test_scrapes_report_themselves(self):
        for name in ("up", "scrape_duration_seconds", "scrape_samples_scraped",
                     "scrape_samples_post_metric_relabeling", "scrape_series_added"):
            result = self.api.query(name)
            self.assertEqual(len(result), 1, name)
            self.assertEqual(result[0]["metric"],
                             {"__name__": name, "instance": f"127.0.0.1:{self.agent_port}", "job": "node"})
        self.assertEqual(self.api.query("up")[0]["value"][1], "1")

    def test_the_guides_queries_answer(self):
        cpu = self.api.query("100 - (avg by (instance) (irate(node_cpu_seconds_total{mode='idle'}[5m])) * 100)")
        self.assertEqual(len(cpu), 1)
        self.assertTrue(-1 <= float(cpu[0]["value"][1]) <= 101, cpu)
        memory = self.api.query("node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes")
        self.assertGreater(float(memory[0]["value"][1]), 1e6)

    def test_range_query(self):
        now = float(self.api.query("time()")[0])
        data = self.api.data("query_range", query="node_load1", start=now - 5, end=now, step=1)
        self.assertEqual(data["resultType"], "matrix")
        points = data["result"][0]["values"]
        self.assertGreaterEqual(len(points), 1)
        self.assertTrue(all(isinstance(v, str) for _, v in points))

    def test_post_form_and_gzip(self):
        request = urllib.request.Request(self.api.url + "/api/v1/query", data=b"query=node_cpu_seconds_total",
                                         headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request) as reply:
            self.assertEqual(reply.headers["Content-Encoding"], "gzip")
            self.assertEqual(json.loads(gzip.decompress(reply.read()))["status"], "success")

    def test_labels_series_metadata(self):
        self.assertIn("node_load1", self.api.data("label/__name__/values"))
        self.assertEqual(self.api.data("label/job/values"), ["node"])
        names = self.api.data("labels", **{"match[]": "node_load1"})
        self.assertEqual(names, ["__name__", "instance", "job"])
        series = self.api.data("series", **{"match[]": ["node_load1", "up"]})
        self.assertEqual([s["__name__"] for s in series], ["node_load1", "up"])
        self.assertEqual(self.api.get("series")[0], 400)
        metadata = self.api.data("metadata", metric="node_load1")
        self.assertEqual(metadata["node_load1"], [{"type": "gauge", "help": "1m load average.", "unit": ""}])

    def test_targets(self):
        targets = self.api.data("targets")
        target = targets["activeTargets"][0]
        self.assertEqual(target["health"], "up")
        self.assertEqual(target["lastError"], "")
        self.assertEqual(target["scrapePool"], "node")
        self.assertEqual(target["scrapeUrl"], f"http://127.0.0.1:{self.agent_port}/metrics")
        self.assertEqual(target["scrapeInterval"], "1s")
        self.assertEqual(targets["droppedTargets"], [])

    def test_status_and_empty_parts(self):
        self.assertIn("job_name: node", self.api.data("status/config")["yaml"])
        self.assertEqual(self.api.data("status/flags")["query.timeout"], "2m")
        build = self.api.data("status/buildinfo")
        self.assertRegex(build["version"], r"^\d+\.\d+\.\d+$")
        self.assertNotIn("features", build)
        self.assertTrue(self.api.data("status/runtimeinfo")["reloadConfigSuccess"])
        head = self.api.data("status/tsdb")["headStats"]
        self.assertGreater(head["numSeries"], 50)
        self.assertEqual(self.api.data("rules"), {"groups": []})
        self.assertEqual(self.api.data("alerts"), {"alerts": []})
        self.assertEqual(fetch(self.api.url + "/-/healthy")[2], "Prometheus Server is Healthy.\n")

    def test_query_errors(self):
        for expr, status, kind, text in [
                ("up +", 400, "bad_data", 'invalid parameter "query": 1:5: parse error: unexpected end of input'),
                ("foo{", 400, "bad_data", "unexpected end of input inside braces"),
                ("rate(up)", 400, "bad_data", "expected type range vector in call to function \"rate\""),
                ("nope(up)", 400, "bad_data", 'unknown function with name "nope"'),
                ("", 400, "bad_data", "no expression found in input"),
                ("up + on() group_left() node_cpu_seconds_total", 422, "execution", "many-to-many")]:
            got_status, answer = self.api.get("query", query=expr)
            self.assertEqual((got_status, answer["errorType"]), (status, kind), (expr, answer))
            self.assertIn(text, answer["error"])
        status, answer = self.api.get("query_range", query="up", start=0, end=100000, step=1)
        self.assertEqual(status, 400)
        self.assertIn("11,000 points", answer["error"])
        self.assertEqual(self.api.get("query_range", query="up", start=0, end=1, step=0)[0], 400)
        self.assertEqual(self.api.get("query", query="up", time="yesterday")[1]["error"],
                         'invalid parameter "time": cannot parse "yesterday" to a valid timestamp')
        self.assertEqual(fetch(self.api.url + "/api/v1/nowhere")[0], 404)

    def test_own_metrics(self):
        status, headers, text = fetch(self.api.url + "/metrics")
        self.assertEqual(status, 200)
        self.assertIn("version=0.0.4", headers["Content-Type"])
        for name in ("prometheus_build_info", "prometheus_tsdb_head_series", "process_resident_memory_bytes",
                     "prometheus_http_requests_total", "prometheus_config_last_reload_successful"):
            self.assertRegex(text, rf"(?m)^{name}(\{{[^}}]*\}})? [0-9]")

    def test_pages_lead_to_the_ui(self):
        opener = urllib.request.build_opener(NoRedirect)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            opener.open(self.api.url + "/targets")
        self.assertEqual(caught.exception.headers["Location"], f"http://127.0.0.1:{self.server.ui_port}/targets")

    def test_ui_port_wants_a_login(self):
        ui = f"http://127.0.0.1:{self.server.ui_port}"
        self.assertEqual(fetch(ui + "/api/v1/query?query=up")[0], 401)
        credentials = json.dumps({"user": "admin", "password": PASSWORD}).encode()
        status, headers, _ = fetch(ui + "/login", credentials, {"Content-Type": "application/json"})
        self.assertEqual(status, 200)
        self.assertIn("HttpOnly", headers["Set-Cookie"])
        cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        status, _, text = fetch(ui + "/api/v1/query?query=up", headers=cookie)
        self.assertEqual((status, json.loads(text)["status"]), (200, "success"))
        self.assertNotIn(PASSWORD, self.server.output())

    def test_reload(self):
        config = self.stack.dir / "prometheus.yml"
        good = config.read_text()
        config.write_text(good + "nonsense: 1\n")
        status, _, text = fetch(self.api.url + "/-/reload", method="POST", data=b"")
        self.assertEqual(status, 500)
        self.assertIn("nonsense", text)
        self.assertFalse(self.api.data("status/runtimeinfo")["reloadConfigSuccess"])
        self.assertTrue(self.api.query("up"), "the running configuration stays")
        config.write_text(good + "- job_name: another\n")
        self.server.process.send_signal(signal.SIGHUP)
        wait_for("reload", lambda: "another" in self.api.data("scrape_pools")["scrapePools"])
        self.assertTrue(self.api.query("up"), "unchanged targets go on")
        config.write_text(good)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class StopTest(unittest.TestCase):
    def test_stops_when_told(self):
        with Stack() as stack:
            server = stack.server(stack.config({"self": [1]}))
            self.assertEqual(server.stop(signal.SIGTERM), 0)
            server = stack.server(stack.config({"self": [1]}), "--web.enable-lifecycle")
            self.assertEqual(fetch(server.api.url + "/-/quit", method="POST", data=b"")[0], 200)
            self.assertEqual(server.process.wait(20), 0)


if __name__ == "__main__":
    main()
