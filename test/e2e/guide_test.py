#!/usr/bin/env python3
"""The guide's own unit and files, only the program swapped by a link: it starts, and its rules are evaluated."""
import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import unittest

from stack import ROOT, SERVER, FakeTarget, Prometheus, Stack, free_port, main, wait_for

GUIDE = ROOT.parent / "shared/reference/guide.md"
NOBODY = 65534
NODE_PAGE = """# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 5
node_cpu_seconds_total{cpu="0",mode="user"} 100
"""
GPU_PAGE = """# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0"} 20
DCGM_FI_DEV_FB_USED{gpu="1"} 60
DCGM_FI_DEV_FB_TOTAL{gpu="0"} 80
DCGM_FI_DEV_FB_TOTAL{gpu="1"} 80
"""


def block_after(text, marker):
    """The first fenced block behind a line."""
    at = text.index(marker)
    return re.search(r"```\w*\n(.*?)```", text[at:], re.S).group(1)


class GuideTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not GUIDE.exists():
            print(f"skipped: no {GUIDE}")
            sys.exit(77)
        cls.exit = contextlib.ExitStack()
        cls.stack = cls.exit.enter_context(Stack())
        node = cls.exit.enter_context(FakeTarget(NODE_PAGE))
        gpu = cls.exit.enter_context(FakeTarget(GPU_PAGE))
        cls.port = free_port()
        cls.root = cls.stack.dir / "root"
        cls.write_files(GUIDE.read_text(), {"9090": cls.port, "9100": node.port, "9400": gpu.port})
        cls.start(GUIDE.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.exit.close()

    @classmethod
    def write_files(cls, guide, ports):
        """As the guide says, but for ports and intervals: a test has not minutes."""
        etc = cls.root / "etc/prometheus"
        (etc / "rules").mkdir(parents=True)
        (cls.root / "var/lib/prometheus").mkdir(parents=True)
        (cls.root / "usr/local/bin").mkdir(parents=True)
        config = block_after(guide, "at `/etc/prometheus/prometheus.yaml`").replace("15s", "1s")
        for port, ours in ports.items():
            config = config.replace(f"localhost:{port}", f"localhost:{ours}")
        # The guide names the file .yaml here and .yml in the unit.
        (etc / "prometheus.yaml").write_text(config)
        (etc / "alerts.yml").write_text(block_after(guide, "`/etc/prometheus/alerts.yml`"))
        (etc / "rules/recording_rules.yml").write_text(
            block_after(guide, "`/etc/prometheus/rules/recording_rules.yml`"))
        (cls.root / "usr/local/bin/prometheus").symlink_to(SERVER)

    @classmethod
    def start(cls, guide):
        unit = block_after(guide, "`/etc/systemd/system/prometheus.service`")
        line = re.search(r"ExecStart=((?:.*\\\n)*.*)", unit).group(1).replace("\\\n", " ")
        # Where systemd would have the files of the whole machine.
        words = [re.sub(r"(^|=)/", lambda m: f"{m.group(1)}{cls.root}/", word, count=1) for word in shlex.split(line)]
        cls.grafana = cls.exit.enter_context(cls.take_port(3000))
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if user:
            cls.stack.dir.chmod(0o711)
            os.chown(cls.root / "var/lib/prometheus", NOBODY, NOBODY)
        cls.log = cls.stack.dir / "prometheus.log"
        with open(cls.log, "wb") as out:
            cls.process = subprocess.Popen([*words, f"--web.listen-address=127.0.0.1:{cls.port}"], cwd="/", stdout=out,
                                           stderr=out, **user)
        cls.exit.callback(cls.stop)
        cls.api = Prometheus(cls.port)
        wait_for("the server", lambda: cls.api.ready() or cls.died(), 60)

    @classmethod
    @contextlib.contextmanager
    def take_port(cls, port):
        """The guide has a Grafana there."""
        with socket.socket() as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                s.listen()
            yield

    @classmethod
    def died(cls):
        if cls.process.poll() is not None:
            raise AssertionError(f"exit code {cls.process.returncode}:\n{cls.log.read_text()}")
        return False

    @classmethod
    def stop(cls):
        if cls.process.poll() is None:
            cls.process.kill()
            cls.process.wait()

    def rules(self):
        return {rule["name"]: rule for group in self.api.data("rules")["groups"] for rule in group["rules"]}

    def test_starts_beside_grafana_and_says_what_is_odd(self):
        log = self.log.read_text()
        self.assertIn("prometheus.yaml instead", log)
        self.assertIn("no web UI", log)
        self.assertRegex(log, "rule_files.*not given")
        self.assertRegex(log, "web.console.templates has no effect")
        jobs = {t["labels"]["job"] for t in self.api.data("targets")["activeTargets"]}
        self.assertEqual(jobs, {"prometheus", "node_exporter", "dcgm_exporter", "slurm_nodes"})

    def test_the_alert_is_evaluated(self):
        wait_for("the alert pends", lambda: self.rules()["HighCPUUsage"]["state"] == "pending", 60)
        alert = self.rules()["HighCPUUsage"]["alerts"][0]
        self.assertTrue(alert["annotations"]["summary"].startswith("High CPU usage on localhost:"))
        self.assertEqual(alert["labels"]["severity"], "warning")
        self.assertEqual(float(alert["value"]), 100)

    def test_both_recording_rules_are_evaluated(self):
        usage = wait_for("cpu usage", lambda: self.api.query("job:node_cpu_usage:avg_rate5m"), 60)
        self.assertEqual(float(usage[0]["value"][1]), 100)
        self.assertEqual(usage[0]["metric"]["job"], "node_exporter")
        memory = wait_for("gpu memory", lambda: self.api.query("job:gpu_memory_usage:avg"), 60)
        self.assertEqual({m["metric"]["gpu"]: float(m["value"][1]) for m in memory}, {"0": 25, "1": 75})
        for rule in self.rules().values():
            self.assertEqual(rule["health"], "ok", rule)

    def test_scrapes_itself(self):
        wait_for("itself", lambda: self.api.query('up{job="prometheus"} == 1'), 60)
        self.assertTrue(self.api.query("prometheus_build_info"))


if __name__ == "__main__":
    main()
