#!/usr/bin/env python3
"""The server's own metrics: those that the alerts and dashboards of Prometheus' mixin ask for are there, with stock
Prometheus' types and labels; /status/self_metrics says the same as JSON; profiles."""
import json
import signal
import struct
import unittest
import urllib.request

from stack import PEERS, FakeTarget, Prometheus, Stack, fetch, free_port, main, wait_for

MIXIN = """
prometheus_build_info prometheus_config_last_reload_successful
prometheus_engine_queries prometheus_engine_queries_concurrent_max prometheus_engine_query_duration_seconds
prometheus_notifications_alertmanagers_discovered prometheus_notifications_errors_total prometheus_notifications_queue_capacity
prometheus_notifications_queue_length prometheus_notifications_sent_total
prometheus_rule_evaluation_failures_total prometheus_rule_group_iterations_missed_total prometheus_rule_group_rules
prometheus_sd_discovered_targets prometheus_sd_refresh_failures_total
prometheus_target_interval_length_seconds prometheus_target_metadata_cache_entries
prometheus_target_scrape_pool_exceeded_label_limits_total prometheus_target_scrape_pool_exceeded_target_limit_total
prometheus_target_scrapes_exceeded_body_size_limit_total prometheus_target_scrapes_exceeded_sample_limit_total
prometheus_target_scrapes_sample_duplicate_timestamp_total prometheus_target_scrapes_sample_out_of_bounds_total
prometheus_target_scrapes_sample_out_of_order_total prometheus_target_sync_failed_total prometheus_target_sync_length_seconds
prometheus_tsdb_clean_start prometheus_tsdb_compactions_failed_total prometheus_tsdb_head_chunks
prometheus_tsdb_head_samples_appended_total prometheus_tsdb_head_series prometheus_tsdb_reloads_failures_total
prometheus_tsdb_wal_segment_current
process_cpu_seconds_total process_resident_memory_bytes prometheus_http_request_duration_seconds prometheus_http_requests_total
prometheus_remote_storage_enqueue_retries_total prometheus_remote_storage_highest_timestamp_in_seconds
prometheus_remote_storage_queue_highest_sent_timestamp_seconds prometheus_remote_storage_queue_highest_timestamp_seconds
prometheus_remote_storage_samples_dropped_total prometheus_remote_storage_samples_failed_total
prometheus_remote_storage_samples_in_total prometheus_remote_storage_samples_pending
prometheus_remote_storage_samples_retried_total prometheus_remote_storage_samples_total prometheus_remote_storage_shard_capacity
prometheus_remote_storage_shards prometheus_remote_storage_shards_desired prometheus_remote_storage_shards_max
prometheus_remote_storage_shards_min prometheus_tsdb_wal_fsync_duration_seconds prometheus_wal_watcher_current_segment
prometheus_http_response_size_bytes prometheus_rule_group_duration_seconds prometheus_rule_evaluation_duration_seconds
""".split()

CONFIG = """global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
remote_write: [{{url: 'http://127.0.0.1:1/w'}}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:1']}}]}}]}}
scrape_configs:
- job_name: page
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
- job_name: sd
  http_sd_configs: [{{url: 'http://127.0.0.1:1/', refresh_interval: 1s}}]
"""
RULES = """groups:
- {name: g, rules: [{record: a, expr: '1'}, {alert: Now, expr: '1'}]}
"""


def families(text):
    """Name -> (type, the sets of label names of its samples, without le and quantile)."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            found[name] = (kind, set())
        elif not line.startswith("#"):
            base, _, rest = line.partition("{")
            base = base.split(" ")[0]
            labels = {part.split("=")[0] for part in rest.rpartition("}")[0].split('",')} - {"", "le", "quantile"}
            for suffix in ("", "_bucket", "_sum", "_count"):
                if base.endswith(suffix) and base.removesuffix(suffix) in found:
                    found[base.removesuffix(suffix)][1].add(frozenset(labels))
    return found


class SelfMetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.__exit__)
        cls.target = FakeTarget("temp 1\n# TYPE x counter\nx 5\n")
        cls.addClassCleanup(cls.target.__exit__)
        (cls.stack.dir / "rules.yml").write_text(RULES)
        cls.config = cls.stack.dir / "prometheus.yml"
        cls.config.write_text(CONFIG.format(port=cls.target.port))
        cls.api = cls.stack.server(cls.config).api
        cls.wait_until_busy(cls.api)

    @staticmethod
    def page(api):
        return fetch(api.url + "/metrics")[2]

    @classmethod
    def wait_until_busy(cls, api):
        """All families have samples: two scrapes, a rule, an alert that was tried to be sent, a failed discovery."""
        wait_for("scrapes", lambda: api.query("count_over_time(temp[1m]) > 1"))
        wait_for("rules", lambda: api.query("a"))
        wait_for("an alert", lambda: 'prometheus_notifications_sent_total{' in cls.page(api))
        wait_for("discovery", lambda: "prometheus_sd_refresh_failures_total" in cls.page(api))

    def test_what_the_mixin_asks_for_is_there(self):
        found = families(self.page(self.api))
        missing = [name for name in MIXIN if name not in found or not found[name][1]]
        self.assertEqual(missing, [])

    def test_types_and_labels_are_stocks(self):
        if not (PEERS / "prometheus").exists():
            self.skipTest("no stock Prometheus")
        port = free_port()
        self.stack.peer("prometheus", f"--config.file={self.config}", f"--storage.tsdb.path={self.stack.dir / 'stock'}",
                        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", "--enable-feature=exemplar-storage")
        stock = Prometheus(port)
        wait_for("stock", stock.ready, 60)
        wait_for("scrapes of stock", lambda: stock.query("count_over_time(temp[1m]) > 1"))
        theirs, ours = families(self.page(stock)), families(self.page(self.api))
        # Labels of 3.x that 2.42 has not, and families whose labels say what the two programs are.
        newer = {"prometheus_build_info", "prometheus_sd_refresh_failures_total", "prometheus_sd_refresh_duration_seconds",
                 "prometheus_tsdb_head_samples_appended_total", "prometheus_tsdb_head_out_of_order_samples_appended_total",
                 "prometheus_sd_discovered_targets", "prometheus_notifications_queue_capacity",
                 "prometheus_notifications_dropped_total", "prometheus_notifications_queue_length",
                 *(f"prometheus_remote_storage_{kind}_dropped_total" for kind in ("samples", "histograms", "exemplars"))}
        both = set(theirs) & set(ours)
        print(f"{len(both)} families as in stock Prometheus")
        self.assertGreater(len(both), 90)
        problems = [f"{name}: {theirs[name][0]} there, {ours[name][0]} here" for name in both
                    if theirs[name][0] != ours[name][0] and name not in newer]
        problems += [f"{name}: {theirs[name][1]} there, {ours[name][1]} here" for name in both
                     if theirs[name][1] and ours[name][1] and not theirs[name][1] & ours[name][1] and name not in newer]
        self.assertEqual(problems, [])

    def test_as_json(self):
        status, answer = self.api.get("status/self_metrics", metric_name_pattern="prometheus_(build_info|tsdb_head_series)")
        self.assertEqual(status, 200)
        by_name = {f["name"]: f for f in answer["data"]}
        self.assertEqual(set(by_name), {"prometheus_build_info", "prometheus_tsdb_head_series"})
        self.assertEqual(by_name["prometheus_tsdb_head_series"]["type"], "GAUGE")
        self.assertGreater(by_name["prometheus_tsdb_head_series"]["metric"][0]["gauge"]["value"], 0)
        everything = self.api.data("status/self_metrics")
        histogram = next(f for f in everything if f["name"] == "prometheus_http_request_duration_seconds")
        self.assertEqual(histogram["metric"][0]["histogram"]["bucket"][-1]["upperBound"], "Infinity")
        self.assertEqual(self.api.get("status/self_metrics", metric_name_pattern="(")[0], 400)

    def test_a_clean_stop_is_known(self):
        with Stack() as stack:
            config = stack.config({"a": []})
            for clean, kill in ((1, True), (0, False), (1, False)):
                server = stack.server(config)
                self.assertIn(f"\nprometheus_tsdb_clean_start {clean}\n", self.page(server.api))
                server.stop(signal.SIGKILL if kill else signal.SIGTERM)

    def test_cpu_profile(self):
        url = self.api.url + "/debug/profile"
        with urllib.request.urlopen(url + "?seconds=1", timeout=60) as reply:
            profile = reply.read()
        words = struct.unpack("<5Q", profile[:40])
        self.assertEqual(words, (0, 3, 0, 10_000, 0))
        self.assertIn(b"r-xp", profile)
        for query, status in (("?seconds=0", 400), ("?seconds=1000", 400), ("?type=x", 400)):
            self.assertEqual(fetch(url + query)[0], status, query)
        self.assertIn(fetch(url + "?type=heap")[0], (200, 501))
        self.assertEqual(fetch(self.api.url + "/debug/pprof/heap")[0], 404)
        self.assertIn("/debug/profile", fetch(self.api.url + "/debug/pprof/heap")[2])

    def test_features_and_description(self):
        features = self.api.data("features")
        self.assertTrue(features["promql_functions"]["rate"])
        self.assertFalse(features["api"]["admin"])
        self.assertTrue(features["service_discovery_providers"]["http"])
        status, headers, text = fetch(self.api.url + "/api/v1/openapi.yaml")
        self.assertEqual(status, 200)
        self.assertIn("yaml", headers["Content-Type"])
        self.assertIn("/query_range:", text)

    def test_relabel_steps(self):
        config = self.stack.dir / "relabel.yml"
        config.write_text("scrape_configs:\n- job_name: j\n  relabel_configs:\n"
                          "  - {source_labels: [__address__], regex: '(.*):.*', target_label: host}\n"
                          "  - {source_labels: [host], regex: a, action: drop}\n")
        api = self.stack.server(config, data="relabel").api
        steps = api.data("targets/relabel_steps", scrapePool="j", labels=json.dumps({"__address__": "b:1"}))["steps"]
        self.assertEqual([(s["rule"]["action"], s["keep"]) for s in steps], [("replace", True), ("drop", True)])
        self.assertEqual(steps[1]["output"], {"__address__": "b:1", "host": "b"})
        steps = api.data("targets/relabel_steps", scrapePool="j", labels=json.dumps({"__address__": "a:1"}))["steps"]
        self.assertFalse(steps[1]["keep"])
        for params in ({}, {"scrapePool": "j"}, {"scrapePool": "j", "labels": "["}, {"scrapePool": "x", "labels": "{}"}):
            self.assertEqual(api.get("targets/relabel_steps", **params)[0], 400, params)
        self.assertEqual(api.get("scrape_pools/config", scrapePool="x")[0], 400)


if __name__ == "__main__":
    main()
