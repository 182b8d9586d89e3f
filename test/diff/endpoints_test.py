#!/usr/bin/env python3
"""Every read endpoint that stock Prometheus 2.42 has, asked on both servers with the same configuration, targets and
data: the same JSON, but for what 3.x documents to be otherwise and what is never the same twice."""
import json
import re
import sys
import unittest

from pair import START, Pair, wait_for
from stack import FakeTarget, fetch

PAGE = """# HELP temp Temperature of a
# TYPE temp gauge
temp{room="a"} 20.5
temp{room="b"} 21
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total 7
"""
RULES = """groups:
- name: g1
  interval: 1s
  rules:
  - {record: 'temp:avg', expr: avg(temp), labels: {kind: mean}}
  - {alert: Warm, expr: temp > 20.7, for: 1h, labels: {severity: page}, annotations: {summary: 'in {{ $labels.room }}'}}
  - {alert: Never, expr: temp > 100}
- name: g2
  limit: 5
  rules:
  - {record: 'two', expr: '2'}
"""
# What differs between two servers, or two moments.
VOLATILE = {"lastScrape", "lastScrapeDuration", "evaluationTime", "lastEvaluation", "activeAt", "startTime", "CWD", "globalUrl",
            "lastConfigTime", "goroutineCount", "GOMAXPROCS", "GOGC", "GODEBUG", "timeSeriesCount"}
# Keys of 3.x that 2.42 has not.
NEW = {"droppedTargetCounts", "hostname", "serverTime", "GOMEMLIMIT", "groupNextToken", "keepFiringFor", "keepFiringSince",
       "scrapePool"}


class EndpointsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.target = FakeTarget(PAGE).__enter__()
        cls.pair = Pair(config=cls.write_config)
        cls.pair.__enter__()
        for answer in (lambda: cls.pair.ask("rules", {}), lambda: cls.pair.ask("query", {"query": "temp:avg"})):
            wait_for("rules on both", lambda: all("Warm" in str(a) or '"result": []' not in json.dumps(a[1])
                                                  for a in answer()), 60)
        wait_for("alerts on both", lambda: all(len(a[1]["data"]["alerts"]) == 1 for a in cls.pair.ask("alerts", {})), 60)

    @classmethod
    def tearDownClass(cls):
        cls.pair.__exit__()
        cls.target.__exit__()

    @classmethod
    def write_config(cls, stack):
        (stack.dir / "rules.yml").write_text(RULES)
        config = stack.dir / "prometheus.yml"
        config.write_text(f"""global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:1']}}]}}]}}
scrape_configs:
- job_name: page
  static_configs: [{{targets: ['127.0.0.1:{cls.target.port}'], labels: {{rack: r1}}}}]
- job_name: dropped
  static_configs: [{{targets: ['127.0.0.1:2', '127.0.0.1:3']}}]
  relabel_configs: [{{source_labels: [__address__], regex: '.*:3', action: drop}}]
""")
        return config

    def compare(self, path, params=None, normal=lambda data: data):
        stock, ours = self.pair.ask(path, params or {})
        self.assertEqual(stock[0], ours[0], f"{path} {params}\n{stock}\n{ours}")
        if stock[0] != 200:
            self.assertEqual(stock[1]["errorType"], ours[1]["errorType"], (path, params, stock, ours))
            return
        self.assertEqual(normal(steady(stock[1]["data"])), normal(steady(ours[1]["data"])), f"{path} {params}")

    def test_targets(self):
        by_url = lambda data: {k: sorted(v, key=lambda t: str(t.get("scrapeUrl", t["discoveredLabels"])))  # noqa: E731
                               for k, v in data.items()}
        wait_for("both targets were tried", lambda: all(
            all(t["health"] != "unknown" for t in a[1]["data"]["activeTargets"]) for a in self.pair.ask("targets", {})))
        for params in ({}, {"state": "active"}, {"state": "dropped"}, {"state": "any"}, {"state": "else"},
                       {"scrapePool": "page"}):
            self.compare("targets", params, by_url)

    def test_metadata(self):
        of_page = lambda data: sorted(map(str, data)) if isinstance(data, list) else data  # noqa: E731
        for params in ({"metric": "temp"}, {"metric": "none"}, {"limit": "x"}, {"metric": "jobs_total", "limit": 1}):
            self.compare("metadata", params)
        for params in ({}, {"metric": "temp"}, {"match_target": '{job="page"}'}, {"match_target": '{job="none"}'},
                       {"match_target": "{"}, {"limit": "x"}, {"match_target": '{job="page"}', "metric": "temp"}):
            self.compare("targets/metadata", params, of_page)

    def test_rules_and_alerts(self):
        for params in ({}, {"type": "alert"}, {"type": "record"}, {"type": "else"}):
            self.compare("rules", params, without_empty_labels)
        self.compare("alerts")
        self.compare("alertmanagers", normal=lambda data: {k: [re.sub(r":\d+", "", a["url"]) for a in v]
                                                           for k, v in data.items()})

    def test_status(self):
        self.compare("status/walreplay", normal=lambda data: sorted(data))
        self.compare("status/runtimeinfo", normal=lambda data: sorted(data))
        stock, ours = self.pair.ask("status/buildinfo", {})
        self.assertLessEqual(set(stock[1]["data"]), set(ours[1]["data"]))
        # What is in the head depends on when it was last cut.
        self.compare("status/tsdb", normal=lambda data: {k: sorted(v) if isinstance(v, dict) else sorted(v[0])
                                                         for k, v in data.items()})
        stock, ours = self.pair.ask("status/flags", {})
        self.assertLessEqual({"config.file", "query.timeout", "storage.tsdb.path", "web.external-url"},
                             set(stock[1]["data"]) & set(ours[1]["data"]))
        stock, ours = self.pair.ask("status/config", {})
        self.assertIn("job_name: page", stock[1]["data"]["yaml"])
        self.assertIn("job_name: page", ours[1]["data"]["yaml"])

    def test_queries(self):
        window = {"start": START + 600, "end": START + 900, "step": 60}
        for query in ("demo_num_cpus", "sum(demo_num_cpus)", "temp", "1", '"x"'):
            at = {"query": query, "time": START + 700}
            self.compare("query", at, by_labels)
            self.compare("query_range", {"query": query, **window}, by_labels)
        for params in ({"query": "up["}, {"query": "up", "time": "x"}, {"query": "up", "timeout": "x"}, {"query": ""},
                       {"query": "sum(1)"}):
            self.compare("query", params)
        for params in ({"query": "up"}, {"query": "up", **window, "step": 0}, {"query": "up", **window, "end": 0},
                       {"query": "up", **window, "step": "x"}, {"query": "up", "start": 0, "end": 1e6, "step": 1}):
            self.compare("query_range", params)
        for params in ({"query": "sum by(a)(b)"}, {"query": "sum("}, {"query": ""}):
            self.compare("format_query", params)
        for params in ({"query": "demo_num_cpus", "start": START, "end": START + 60}, {"query": "x", "start": 5, "end": 1},
                       {"query": "{"}):
            self.compare("query_exemplars", params)

    def test_paths_that_are_none(self):
        for path in ("/api/v1/nothing", "/nothing", "/api/v2/query"):
            self.assertEqual(*(fetch(url + path)[0] for url in self.urls()), path)

    def test_federate(self):
        for query in ("match[]=temp", "match[]=temp&match[]=jobs_total", "match[]=none", "", "match[]=%7B",
                      "match[]=temp%7Broom%3D%22a%22%7D&match[]=temp", "match[]=%7Bjob%3D~%22page%22,__name__!~%22scrape.*|ALERTS_FOR_STATE%22%7D",
                      "match[]=temp:avg", "match[]=two"):
            stock, ours = (fetch(f"{url}/federate?{query}") for url in self.urls())
            self.assertEqual(stock[0], ours[0], query)
            if stock[0] == 200:
                self.assertEqual(stock[1]["Content-Type"], ours[1]["Content-Type"])
                self.assertEqual(without_times(stock[2]), without_times(ours[2]), query)

    def urls(self):
        return [self.pair.stock_api.url, self.pair.ours.api.url]


def without_times(text):
    return [re.sub(r" \d{13}$", " T", line) for line in text.splitlines()]


def without_empty_labels(rules):
    """3.x writes a rule's labels even where there are none, and leaves out groups whose rules are all filtered away."""
    rules["groups"] = [group for group in rules["groups"] if group["rules"]]
    for group in rules["groups"]:
        group["rules"] = [{k: v for k, v in rule.items() if (k, v) != ("labels", {})} for rule in group["rules"]]
    return rules


def by_labels(data):
    if isinstance(data["result"], list) and data["result"] and isinstance(data["result"][0], dict):
        return {**data, "result": sorted(data["result"], key=lambda r: sorted(r["metric"].items()))}
    return data


def steady(value):
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in VOLATILE | NEW}
    return [steady(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv[:1])
