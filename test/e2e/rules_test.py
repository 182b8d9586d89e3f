#!/usr/bin/env python3
"""Rules and alerts as a user runs them: the guide's own rules, a real Alertmanager, restarts and reloads."""
import json
import signal
import subprocess
import unittest

from stack import PEERS, FakeTarget, Stack, fetch, free_port, main, wait_for

ALERTMANAGER = PEERS / "prometheus-alertmanager"

# As the guide has them, but for the durations.
GUIDE_ALERTS = """
groups:
- name: node_alerts
  rules:
  - alert: HighCPUUsage
    expr: 100 - (avg by(instance) (irate(node_cpu_seconds_total{mode="idle"}[5m])) * 100) > 90
    for: 1s
    labels:
      severity: warning
    annotations:
      summary: "High CPU usage on {{ $labels.instance }}"
      description: "CPU usage is {{ $value | printf \\"%.0f\\" }}%"
"""
GUIDE_RECORDING = """
groups:
  - name: cpu_rules
    rules:
      - record: job:node_cpu_usage:avg_rate5m
        expr: 100 - avg by (job, instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100

  - name: gpu_rules
    rules:
      - record: job:gpu_memory_usage:avg
        expr: avg by (gpu) (DCGM_FI_DEV_FB_USED / DCGM_FI_DEV_FB_TOTAL) * 100
"""
PAGE = """# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 100
DCGM_FI_DEV_FB_USED{gpu="0"} 20000
DCGM_FI_DEV_FB_TOTAL{gpu="0"} 80000
"""


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)
        self.target = FakeTarget(PAGE)
        self.addCleanup(self.target.__exit__)

    def config(self, alertmanager=None, extra="", rule_files=None):
        """Writes a configuration that evaluates each second."""
        path = self.stack.dir / "prometheus.yml"
        lines = ["global:", "  scrape_interval: 1s", "  scrape_timeout: 1s", "  evaluation_interval: 1s",
                 "  external_labels: {cluster: c1}", extra]
        if rule_files is not None:
            lines.append(f"rule_files: {json.dumps(rule_files)}")
        if alertmanager:
            lines.append(f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}")
        lines += ["scrape_configs:", "- job_name: node",
                  f"  static_configs: [{{targets: ['127.0.0.1:{self.target.port}']}}]"]
        path.write_text("\n".join(lines) + "\n")
        return path

    def guide_files(self):
        (self.stack.dir / "alerts.yml").write_text(GUIDE_ALERTS)
        (self.stack.dir / "rules").mkdir(exist_ok=True)
        (self.stack.dir / "rules" / "recording_rules.yml").write_text(GUIDE_RECORDING)

    def alertmanager(self, port):
        config = self.stack.dir / "alertmanager.yml"
        config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        # Debian's build wants its templates in /usr/share: a mount of its own lends it those of the peers.
        program = self.stack.start(
            ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /usr/share && exec "$@"', PEERS.parent / "share",
             ALERTMANAGER, f"--config.file={config}", f"--storage.path={self.stack.dir / 'am'}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], f"am-{port}")
        wait_for("alertmanager", lambda: fetch(f"http://127.0.0.1:{port}/-/ready")[0] == 200)
        return program

    def told(self, port):
        status, _, text = fetch(f"http://127.0.0.1:{port}/api/v2/alerts")
        return json.loads(text) if status == 200 else []

    def test_the_guides_rules_reach_an_alertmanager_that_goes_and_comes(self):
        mounts = subprocess.run(["unshare", "-rm", "true"], capture_output=True)
        if not ALERTMANAGER.exists() or mounts.returncode != 0:
            self.skipTest("no alertmanager among the peers, or no mounts allowed to start it")
        self.guide_files()
        port = free_port()
        manager = self.alertmanager(port)
        # No rule_files: the guide forgets them, its places are read all the same.
        server = self.stack.server(self.config(alertmanager=port), "--rules.alert.resend-delay=1s",
                                   "--web.enable-lifecycle")
        api = server.api
        self.assertIn("alerts.yml is read", server.output())
        record = wait_for("both recording rules", lambda: api.query("job:node_cpu_usage:avg_rate5m")
                          and api.query("job:gpu_memory_usage:avg"))
        self.assertEqual(record[0]["metric"], {"__name__": "job:gpu_memory_usage:avg", "gpu": "0"})
        self.assertEqual(record[0]["value"][1], "25")
        instance = f"127.0.0.1:{self.target.port}"
        alert = wait_for("the alert", lambda: self.told(port))[0]
        self.assertEqual(alert["labels"], {"alertname": "HighCPUUsage", "cluster": "c1", "instance": instance,
                                           "severity": "warning"})
        self.assertEqual(alert["annotations"], {"summary": f"High CPU usage on {instance}",
                                                "description": "CPU usage is 100%"})
        self.assertIn("/graph?g0.expr=100+-+", alert["generatorURL"])
        self.assertEqual(api.query('ALERTS{alertstate="firing"}')[0]["metric"]["alertname"], "HighCPUUsage")
        self.assertEqual(api.data("alertmanagers")["activeAlertmanagers"],
                         [{"url": f"http://127.0.0.1:{port}/api/v2/alerts"}])
        self.check_shapes(api)

        # Down: what cannot be told is counted, evaluation goes on. Up again: it is told anew.
        manager.stop(signal.SIGKILL)
        errors = f'prometheus_notifications_errors_total{{alertmanager="http://127.0.0.1:{port}/api/v2/alerts"}}'
        wait_for("errors", lambda: self.metric(server, errors) > 0)
        before = api.data("rules")["groups"][0]["lastEvaluation"]
        wait_for("evaluation goes on", lambda: api.data("rules")["groups"][0]["lastEvaluation"] > before)
        self.alertmanager(port)
        wait_for("the alert again", lambda: self.told(port))

        # Resolved: Alertmanager hears of it.
        self.target.page = PAGE.replace("100", "") + "other 1\n"
        (self.stack.dir / "alerts.yml").write_text(GUIDE_ALERTS.replace("> 90", "> 900"))
        self.assertEqual(fetch(server.api.url + "/-/reload", method="POST")[0], 200)
        wait_for("no alert", lambda: not self.told(port))
        self.assertEqual(api.query("ALERTS"), [])

    def metric(self, server, name):
        page = fetch(server.api.url + "/metrics")[2]
        values = [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith(name)]
        return float(values[0]) if values else -1

    def check_shapes(self, api):
        """The keys that clients of Prometheus read."""
        groups = api.data("rules")["groups"]
        self.assertEqual([g["name"] for g in groups], ["node_alerts", "cpu_rules", "gpu_rules"])
        self.assertEqual(set(groups[0]), {"name", "file", "rules", "interval", "limit", "evaluationTime",
                                          "lastEvaluation"})
        rule = groups[0]["rules"][0]
        self.assertEqual((rule["type"], rule["state"], rule["health"], rule["duration"]),
                         ("alerting", "firing", "ok", 1))
        self.assertEqual(rule["alerts"][0]["state"], "firing")
        self.assertEqual(groups[1]["rules"][0]["type"], "recording")
        self.assertEqual(api.data("alerts")["alerts"][0]["value"], "1e+02")
        only = api.data("rules", type="alert", exclude_alerts="true")["groups"]
        self.assertEqual([len(g["rules"]) for g in only], [1])
        self.assertEqual(only[0]["rules"][0]["alerts"], [])
        self.assertEqual(len(api.data("rules", **{"rule_name[]": ["job:gpu_memory_usage:avg"]})["groups"]), 1)
        self.assertEqual(len(api.data("rules", **{"rule_group[]": ["cpu_rules", "gpu_rules"]})["groups"]), 2)
        self.assertEqual(len(api.data("rules", **{"file[]": [groups[0]["file"]]})["groups"]), 1)
        self.assertEqual(len(api.data("rules", **{"match[]": ['{severity="warning"}']})["groups"]), 1)
        page = api.data("rules", group_limit=2)
        self.assertEqual(len(page["groups"]), 2)
        page = api.data("rules", group_limit=2, group_next_token=page["groupNextToken"])
        self.assertEqual([g["name"] for g in page["groups"]], ["gpu_rules"])
        self.assertNotIn("groupNextToken", page)
        for bad in ({"type": "x"}, {"group_limit": "0"}, {"group_next_token": "x"}, {"exclude_alerts": "x"},
                    {"group_limit": "1", "group_next_token": "x"}, {"match[]": "{"}):
            status, answer = api.get("rules", **bad)
            self.assertEqual((status, answer["errorType"]), (400, "bad_data"), bad)

    def test_a_restart_keeps_how_long_an_alert_is_active(self):
        (self.stack.dir / "a.yml").write_text(
            "groups: [{name: g, rules: [{alert: Slow, expr: DCGM_FI_DEV_FB_USED > 0, for: 1h}]}]\n")
        config = self.config(rule_files=["a.yml"])
        flags = ["--rules.alert.for-grace-period=1m"]
        server = self.stack.server(config, *flags)

        def active_since(server):
            alerts = server.api.data("alerts")["alerts"]
            return alerts and alerts[0]["state"] == "pending" and alerts[0]["activeAt"]

        def for_state(server):
            return server.api.query("ALERTS_FOR_STATE")

        before = wait_for("pending", lambda: active_since(server))
        since = float(wait_for("for state", lambda: for_state(server))[0]["value"][1])
        held = 5
        wait_for("some time", lambda: server.api.query("timestamp(ALERTS_FOR_STATE) - ALERTS_FOR_STATE")
                 and float(server.api.query("timestamp(ALERTS_FOR_STATE) - ALERTS_FOR_STATE")[0]["value"][1]) >= held)
        server.stop()
        server = self.stack.server(config, *flags)
        # The third evaluation is the first one after the restoration.
        wait_for("restored", lambda: for_state(server)
                 and self.metric(server, "prometheus_rule_group_iterations_total") >= 4)
        restored = float(for_state(server)[0]["value"][1])
        now = float(server.api.query("time()")[1])
        self.assertLessEqual(restored, now - held + 1)  # not begun anew
        self.assertGreater(restored, since)  # the outage does not count
        self.assertLess(before, active_since(server))

    def test_a_broken_rule_file_leaves_the_running_rules(self):
        rules = self.stack.dir / "a.yml"
        rules.write_text("groups: [{name: g, rules: [{record: one, expr: 1}]}]\n")
        server = self.stack.server(self.config(rule_files=["a.yml"]), "--web.enable-lifecycle")
        wait_for("evaluated", lambda: server.api.query("one"))
        rules.write_text("groups: [{name: g, rules: [{record: one, expr: 'sum('}]}]\n")
        status, _, text = fetch(server.api.url + "/-/reload", method="POST")
        self.assertEqual(status, 500)
        self.assertIn('a.yml:1:48: group "g", rule 1, "one": could not parse expression: 1:5: parse error', text)
        self.assertEqual(self.metric(server, "prometheus_config_last_reload_successful"), 0)
        self.assertEqual(server.api.data("rules")["groups"][0]["rules"][0]["query"], "1")
        rules.write_text("groups: [{name: g, rules: [{record: two, expr: 2}]}]\n")
        self.assertEqual(fetch(server.api.url + "/-/reload", method="POST")[0], 200)
        wait_for("the new rule", lambda: server.api.query("two"))
        wait_for("the old series ends", lambda: not server.api.query("one"))
        self.assertEqual(self.metric(server, 'prometheus_rule_evaluation_failures_total'), 0)

    def test_stopping_is_quick_with_a_manager_that_is_gone(self):
        (self.stack.dir / "a.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]\n")
        server = self.stack.server(self.config(alertmanager=free_port(), rule_files=["a.yml"]),
                                   "--rules.alert.resend-delay=1s")
        wait_for("errors", lambda: self.metric(server, "prometheus_notifications_errors_total{") > 0)
        self.assertEqual(server.stop(timeout=25), 0)


main()
