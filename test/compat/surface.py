"""What Prometheus 3.14 takes: flags, features, keys of its configuration and paths, each with a value to try it with."""

SWITCH = None  # a flag without a value

FLAGS = {
    "config.file": "/nowhere/prometheus.yml", "config.auto-reload": SWITCH, "config.auto-reload-interval": "30s",
    "web.listen-address": "127.0.0.1:0", "auto-gomaxprocs": SWITCH, "auto-gomemlimit": SWITCH, "auto-gomemlimit.ratio": "0.9",
    "auto-gomemlimit.refresh-interval": "0s", "web.config.file": "/nowhere/web.yml", "web.read-timeout": "5m",
    "web.max-connections": "512", "web.max-notifications-subscribers": "16", "web.external-url": "http://a/b",
    "web.route-prefix": "/b", "web.user-assets": "x", "web.enable-lifecycle": SWITCH, "web.enable-admin-api": SWITCH,
    "web.enable-remote-write-receiver": SWITCH,
    "web.remote-write-receiver.accepted-protobuf-messages": "prometheus.WriteRequest",
    "web.enable-otlp-receiver": SWITCH, "web.console.templates": "x", "web.console.libraries": "x", "web.page-title": "x",
    "web.cors.origin": ".*", "storage.tsdb.path": "/nowhere/data", "storage.tsdb.retention.time": "15d",
    "storage.tsdb.retention.size": "1GB", "storage.tsdb.no-lockfile": SWITCH,
    "storage.tsdb.head-chunks-write-queue-size": "0", "storage.tsdb.delay-compact-file.path": "x",
    "storage.agent.path": "x", "storage.agent.wal-compression": SWITCH, "storage.agent.retention.min-time": "5m",
    "storage.agent.retention.max-time": "4h", "storage.agent.checkpoint-from-in-memory-series": SWITCH,
    "storage.agent.checkpoint-batch-size": "1000", "storage.agent.no-lockfile": SWITCH,
    "storage.remote.flush-deadline": "1m", "storage.remote.read-sample-limit": "5", "storage.remote.read-concurrent-limit": "10",
    "storage.remote.read-max-bytes-in-frame": "1048576", "web.search.max-limit": "10000",
    "rules.alert.for-outage-tolerance": "1h", "rules.alert.for-grace-period": "10m", "rules.alert.resend-delay": "1m",
    "rules.max-concurrent-evals": "4", "alertmanager.notification-queue-capacity": "10000",
    "alertmanager.notification-batch-size": "256", "alertmanager.drain-notification-queue-on-shutdown": SWITCH,
    "query.lookback-delta": "5m", "query.timeout": "2m", "query.max-concurrency": "20", "query.max-samples": "50000000",
    "enable-feature": "exemplar-storage", "agent": SWITCH, "log.level": "info", "log.format": "logfmt",
    "storage.tsdb.min-block-duration": "2h", "storage.tsdb.max-block-duration": "31d",
    "storage.tsdb.max-block-chunk-segment-size": "512MB", "storage.tsdb.wal-segment-size": "128MB",
    "storage.tsdb.allow-overlapping-compaction": SWITCH, "storage.tsdb.wal-compression": SWITCH,
    "storage.tsdb.wal-compression-type": "snappy", "storage.tsdb.samples-per-chunk": "120",
    "storage.tsdb.delayed-compaction.max-percent": "10", "storage.tsdb.block-reload-interval": "1m",
    "storage.agent.wal-segment-size": "128MB", "storage.agent.wal-compression-type": "snappy",
    "storage.agent.wal-truncate-frequency": "2h", "scrape.adjust-timestamps": SWITCH, "scrape.timestamp-tolerance": "2ms",
    "scrape.discovery-reload-interval": "5s",
}

FEATURES = """auto-reload-config concurrent-rule-eval created-timestamp-zero-ingestion delayed-compaction exemplar-storage
extra-scrape-metrics fast-startup histograms-st-encoding memory-snapshot-on-shutdown metadata-wal-records native-histograms
old-ui otlp-deltatocumulative otlp-native-delta-ingestion promql-at-modifier promql-binop-fill-modifiers
promql-delayed-name-removal promql-duration-expr promql-experimental-functions promql-extended-range-selectors
promql-negative-offset promql-per-step-stats search-api st-storage st-synthesis type-and-unit-labels use-start-timestamps
use-uncached-io xor2-encoding""".split()

HTTP_CONFIG = {
    "basic_auth": "{username: u, password: p}", "authorization": "{credentials: c}",
    "oauth2": "{client_id: i, client_secret: s, token_url: 'http://a/'}", "tls_config": "{insecure_skip_verify: true}",
    "follow_redirects": "true", "enable_http2": "true", "proxy_url": "'http://p:1'", "proxy_from_environment": "true",
    "no_proxy": ("a", "proxy_url: 'http://p:1'"), "proxy_connect_header": ("{A: [b]}", "proxy_url: 'http://p:1'"),
    "http_headers": "{A: {values: [b]}}",
}

# By the place of a mapping: keys with a value, or a value and what must stand beside it.
KEYS = {
    "top level": {
        "global": "{}", "runtime": "{gogc: 75}", "alerting": "{}", "rule_files": "[]", "scrape_config_files": "[]",
        "scrape_configs": "[]", "storage": "{}", "tracing": "{endpoint: 'a:1'}", "remote_write": "[{url: 'http://a/'}]",
        "remote_read": "[{url: 'http://a/'}]", "otlp": "{promote_resource_attributes: [a]}"},
    "global": {
        "scrape_interval": "1m", "scrape_timeout": "10s", "scrape_protocols": "[PrometheusText0.0.4]",
        "evaluation_interval": "1m", "rule_query_offset": "1s", "query_log_file": "q.log", "scrape_failure_log_file": "f.log",
        "external_labels": "{a: b}", "body_size_limit": "1MB", "sample_limit": "1", "target_limit": "1", "label_limit": "1",
        "label_name_length_limit": "1", "label_value_length_limit": "1", "keep_dropped_targets": "1",
        "metric_name_validation_scheme": "utf8", "metric_name_escaping_scheme": "underscores",
        "scrape_native_histograms": "true", "convert_classic_histograms_to_nhcb": "true",
        "always_scrape_classic_histograms": "true", "extra_scrape_metrics": "true"},
    "scrape_configs": {
        "job_name": "j", "honor_labels": "true", "honor_timestamps": "true", "track_timestamps_staleness": "true",
        "params": "{a: [b]}", "scrape_interval": "1m", "scrape_timeout": "10s", "scrape_protocols": "[PrometheusProto]",
        "fallback_scrape_protocol": "PrometheusText0.0.4", "scrape_native_histograms": "true",
        "always_scrape_classic_histograms": "true", "convert_classic_histograms_to_nhcb": "true",
        "scrape_failure_log_file": "f.log", "metrics_path": "/m", "scheme": "https", "enable_compression": "true",
        "body_size_limit": "1MB", "sample_limit": "1", "target_limit": "1", "label_limit": "1", "label_name_length_limit": "1",
        "label_value_length_limit": "1", "native_histogram_bucket_limit": "1", "native_histogram_min_bucket_factor": "1.1",
        "keep_dropped_targets": "1", "metric_name_validation_scheme": "utf8", "metric_name_escaping_scheme": "underscores",
        "extra_scrape_metrics": "true", "relabel_configs": "[]", "metric_relabel_configs": "[]", "static_configs": "[]",
        "file_sd_configs": "[{files: [a.yml]}]", "http_sd_configs": "[{url: 'http://a/'}]", "dns_sd_configs": "[{names: [a]}]",
        "consul_sd_configs": "[{}]", **HTTP_CONFIG,
        **{f"{kind}_sd_configs": "[{}]" for kind in
           """aws azure digitalocean docker dockerswarm ec2 ecs elasticache eureka gce hetzner ionos kubernetes kuma lightsail
           linode marathon msk nerve nomad oci openstack outscale ovhcloud puppetdb rds scaleway serverset stackit triton uyuni
           vultr""".split()}},
    "http_sd_configs": {"url": "'http://a/'", "refresh_interval": "1m", **HTTP_CONFIG},
    "dns_sd_configs": {"names": "[a]", "type": "SRV", "port": "53", "refresh_interval": "30s"},
    "consul_sd_configs": {
        "server": "a:1", "path_prefix": "a", "token": "t", "datacenter": "d", "namespace": "n", "partition": "p",
        "scheme": "http", "username": "u", "password": ("p", "username: u"), "tag_separator": "','", "services": "[a]",
        "tags": "[a]", "node_meta": "{a: b}", "filter": "f", "health_filter": "f", "allow_stale": "true",
        "refresh_interval": "30s", **HTTP_CONFIG},
    "file_sd_configs": {"files": "[a.yml]", "refresh_interval": "5m"},
    "relabel_configs": {
        "source_labels": ("[a]", "target_label: a"), "separator": ("';'", "target_label: a"), "regex": ("a", "target_label: a"),
        "modulus": ("5", "action: hashmod, target_label: a"),
        "target_label": "a", "replacement": ("a", "target_label: a"), "action": "keep"},
    "alerting": {"alert_relabel_configs": "[]", "alertmanagers": "[]"},
    "alertmanagers": {
        "scheme": "http", "path_prefix": "/a", "timeout": "10s", "api_version": "v2", "relabel_configs": "[]",
        "alert_relabel_configs": "[]", "sigv4": "{}", "static_configs": "[]", "file_sd_configs": "[{files: [a.yml]}]",
        "http_sd_configs": "[{url: 'http://a/'}]", "dns_sd_configs": "[{names: [a]}]", "consul_sd_configs": "[{}]",
        **HTTP_CONFIG},
    "storage.tsdb": {
        "out_of_order_time_window": "1h", "stale_series_compaction_threshold": "0.5", "chunk_encoding": "{floats: xor}",
        "retention": "{time: 15d}"},
    "storage.tsdb.retention": {"time": "15d", "size": "1GB", "percentage": "50"},
    "storage.exemplars": {"max_exemplars": "100"},
    "remote_write": {
        "url": "'http://a/'", "remote_timeout": "30s", "headers": "{A: b}", "write_relabel_configs": "[]", "name": "n",
        "send_exemplars": "true", "send_native_histograms": "true", "round_robin_dns": "true",
        "protobuf_message": "io.prometheus.write.v2.Request", "failed_request_logging": "{}", "queue_config": "{}",
        "metadata_config": "{}", "sigv4": "{}", "azuread": "{}", "google_iam": "{}", **HTTP_CONFIG},
    "queue_config": {
        "capacity": "10", "max_shards": "5", "min_shards": "1", "max_samples_per_send": "5", "batch_send_deadline": "5s",
        "min_backoff": "30ms", "max_backoff": "5s", "retry_on_http_429": "true", "sample_age_limit": "1h"},
    "metadata_config": {"send": "true", "send_interval": "1m", "max_samples_per_send": "5"},
    "remote_read": {
        "url": "'http://a/'", "remote_timeout": "1m", "chunked_read_limit": "5000000", "headers": "{A: b}", "read_recent": "true",
        "name": "n", "required_matchers": "{a: b}", "filter_external_labels": "false", **HTTP_CONFIG},
    "otlp": {
        "promote_all_resource_attributes": "true", "promote_resource_attributes": "[a]",
        "ignore_resource_attributes": ("[a]", "promote_all_resource_attributes: true"),
        "translation_strategy": "NoTranslation", "keep_identifying_resource_attributes": "true",
        "convert_histograms_to_nhcb": "true", "promote_scope_metadata": "true", "label_name_underscore_sanitization": "false",
        "label_name_preserve_multiple_underscores": "false"},
}

# Where a mapping of each place stands in a file; %s is its content.
PLACES = {
    "top level": "%s", "global": "global: {%s}", "scrape_configs": "scrape_configs: [{job_name: x, %s}]",
    "http_sd_configs": "scrape_configs: [{job_name: x, http_sd_configs: [{url: 'http://x', %s}]}]",
    "dns_sd_configs": "scrape_configs: [{job_name: x, dns_sd_configs: [{names: [x], %s}]}]",
    "consul_sd_configs": "scrape_configs: [{job_name: x, consul_sd_configs: [{%s}]}]",
    "file_sd_configs": "scrape_configs: [{job_name: x, file_sd_configs: [{files: [x.yml], %s}]}]",
    "relabel_configs": "scrape_configs: [{job_name: x, relabel_configs: [{%s}]}]", "alerting": "alerting: {%s}",
    "alertmanagers": "alerting: {alertmanagers: [{%s}]}", "storage.tsdb": "storage: {tsdb: {%s}}",
    "storage.tsdb.retention": "storage: {tsdb: {retention: {%s}}}", "storage.exemplars": "storage: {exemplars: {%s}}",
    "remote_write": "remote_write: [{url: 'http://x', %s}]", "remote_read": "remote_read: [{url: 'http://x', %s}]",
    "queue_config": "remote_write: [{url: 'http://x', queue_config: {%s}}]",
    "metadata_config": "remote_write: [{url: 'http://x', metadata_config: {%s}}]", "otlp": "otlp: {%s}",
}

ENDPOINTS = {
    "GET POST": ["/api/v1/query", "/api/v1/query_range", "/api/v1/query_exemplars", "/api/v1/format_query", "/api/v1/parse_query",
                 "/api/v1/series", "/api/v1/labels", "/api/v1/search/metric_names", "/api/v1/search/label_names",
                 "/api/v1/search/label_values"],
    "GET": ["/api/v1/label/a/values", "/api/v1/metadata", "/api/v1/targets", "/api/v1/targets/metadata",
            "/api/v1/targets/relabel_steps", "/api/v1/scrape_pools", "/api/v1/scrape_pools/config", "/api/v1/rules",
            "/api/v1/alerts", "/api/v1/alertmanagers", "/api/v1/status/config", "/api/v1/status/flags",
            "/api/v1/status/runtimeinfo", "/api/v1/status/buildinfo", "/api/v1/status/walreplay", "/api/v1/status/tsdb",
            "/api/v1/status/tsdb/blocks", "/api/v1/status/self_metrics", "/api/v1/features", "/api/v1/openapi.yaml",
            "/api/v1/notifications", "/api/v1/notifications/live", "/federate", "/metrics", "/-/healthy", "/-/ready", "/graph",
            "/version", "/consoles/a", "/user/a", "/debug/pprof/heap"],
    "POST": ["/api/v1/read", "/api/v1/write", "/api/v1/otlp/v1/metrics"],
    "POST PUT": ["/api/v1/admin/tsdb/delete_series", "/api/v1/admin/tsdb/clean_tombstones", "/api/v1/admin/tsdb/snapshot",
                 "/-/reload", "/-/quit"],
}
