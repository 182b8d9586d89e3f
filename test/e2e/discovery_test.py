#!/usr/bin/env python3
"""Targets from HTTP servers and Consul, jobs from further files, a configuration that is read when it changes, and who
hears that it could not be."""
import contextlib
import json
import threading
import unittest
import urllib.request

from stack import FakeTarget, Stack, fetch, main, wait_for


class FakeServer(FakeTarget):
    """Answers GET by path with JSON."""

    def __init__(self, answers):
        super().__init__(self.answer)
        self.answers = answers

    def answer(self, request):
        answer = self.answers.get(request.path.split("?")[0])
        body = json.dumps(answer).encode()
        request.send_response(404 if answer is None else 200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


def metric(api, family, **labels):
    """The value of a sample of the server's own metrics; None when it is not there."""
    for line in fetch(api.url + "/metrics")[2].splitlines():
        if line.startswith(family) and line[len(family)] in " {" and all(f'{k}="{v}"' in line for k, v in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None


class DiscoveryTest(unittest.TestCase):
    def test_http_and_consul(self):
        with Stack() as stack, FakeTarget("answer 1\n") as one, FakeTarget("answer 2\n") as two, FakeServer({}) as sd:
            sd.answers["/sd"] = [{"targets": [f"127.0.0.1:{one.port}"], "labels": {"rack": "r1"}}]
            sd.answers["/v1/agent/self"] = {"Config": {"Datacenter": "dc1"}}
            sd.answers["/v1/catalog/services"] = {"web": ["a"], "consul": []}
            sd.answers["/v1/health/service/consul"] = []
            sd.answers["/v1/health/service/web"] = [
                {"Node": {"Node": "n1", "Address": "127.0.0.1"}, "Checks": [],
                 "Service": {"ID": "w", "Service": "web", "Address": "", "Port": two.port, "Tags": ["a"]}}]
            config = stack.dir / "prometheus.yml"
            config.write_text(f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
- job_name: by_http
  http_sd_configs: [{{url: 'http://127.0.0.1:{sd.port}/sd', refresh_interval: 200ms}}]
- job_name: by_consul
  consul_sd_configs: [{{server: '127.0.0.1:{sd.port}', refresh_interval: 200ms}}]
  relabel_configs:
  - {{source_labels: [__meta_consul_tags], regex: ',a,', action: keep}}
  - {{source_labels: [__meta_consul_node], target_label: node}}
""")
            api = stack.server(config).api
            wait_for("by http", lambda: api.query('answer{job="by_http", rack="r1"} == 1'))
            wait_for("by consul", lambda: api.query('answer{job="by_consul", node="n1"} == 2'))
            self.assertEqual(metric(api, "prometheus_sd_discovered_targets", name="scrape", config="by_http"), 1)

            sd.answers["/sd"] = None
            wait_for("a failure", lambda: metric(api, "prometheus_sd_refresh_failures_total", mechanism="http") > 0)
            self.assertTrue(api.query('answer{job="by_http"} == 1'), "its last targets stay")
            sd.answers["/sd"] = []
            wait_for("staleness", lambda: not api.query('answer{job="by_http"}'))

    def test_other_kinds_are_refused_by_name(self):
        with Stack() as stack:
            config = stack.dir / "prometheus.yml"
            config.write_text("scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: [{role: node}]\n")
            server = stack.server(config, wait=False)
            self.assertEqual(server.process.wait(30), 1)
            self.assertRegex(server.output(), r"prometheus.yml:3:\d+: scrape_configs\[0\].kubernetes_sd_configs: .*"
                                              r"http_sd_configs")


class ReloadTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(lambda: self.stack.__exit__())
        self.target = FakeTarget("answer 1\n")
        self.addCleanup(lambda: self.target.__exit__())
        (self.stack.dir / "jobs").mkdir()
        self.config = self.stack.dir / "prometheus.yml"
        self.config.write_text("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
                               "scrape_config_files: ['jobs/*.yml']\nrule_files: ['rules/*.yml']\n")
        self.api = self.stack.server(self.config, "--config.auto-reload", "--config.auto-reload-interval=1s").api

    def pools(self):
        return self.api.data("scrape_pools")["scrapePools"]

    def write_job(self, name):
        (self.stack.dir / "jobs" / f"{name}.yml").write_text(
            f"scrape_configs:\n- job_name: {name}\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{self.target.port}']}}]\n")

    def test_follows_its_files_and_tells_who_listens(self):
        events = self.listen()
        self.write_job("one")
        wait_for("a job of a new file", lambda: self.pools() == ["one"])
        wait_for("its samples", lambda: self.api.query('answer{job="one"}'))
        self.assertIn("job_name: one", self.api.data("scrape_pools/config", scrapePool="one")["yaml"])

        (self.stack.dir / "jobs/two.yml").write_text("scrape_configs: [\n")
        failed = "Configuration reload has failed."
        wait_for("the notification", lambda: [n["text"] for n in self.api.data("notifications")] == [failed])
        self.assertEqual(self.pools(), ["one"], "the running configuration stays")
        self.assertFalse(self.api.data("status/runtimeinfo")["reloadConfigSuccess"])
        self.write_job("two")
        wait_for("a good file again", lambda: self.pools() == ["one", "two"])
        self.assertEqual(self.api.data("notifications"), [])
        wait_for("both events", lambda: [(e["text"], e["active"]) for e in events] == [(failed, True), (failed, False)])

        (self.stack.dir / "rules").mkdir()
        (self.stack.dir / "rules/r.yml").write_text("groups: [{name: g, rules: [{record: a, expr: '1'}]}]\n")
        wait_for("a rule file", lambda: self.api.data("rules")["groups"])

    def listen(self):
        """The events of /notifications/live, as they come."""
        events = []
        reply = urllib.request.urlopen(self.api.url + "/api/v1/notifications/live", timeout=120)
        self.assertEqual(reply.headers["Content-Type"], "text/event-stream")

        def read():
            with contextlib.suppress(OSError):
                for line in reply:
                    if line.startswith(b"data: "):
                        events.append(json.loads(line[6:]))

        threading.Thread(target=read, daemon=True).start()
        return events


if __name__ == "__main__":
    main()
