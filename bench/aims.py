#!/usr/bin/env python3
"""Results of the benchmarks as tables beside what is aimed at.

  aims.py queries HEAD.json RANGE.json    of queries.sh
  aims.py storage DIRECTORY               of storage.sh
"""
import json
import os
import sys

QUERY_AIMS_MS = {
    "one_series": 0.12, "rate_by_instance": 0.6, "highcard_rate": 25, "count_all_series": 40, "histogram_quantile": 6,
    "cpu_busy_range": 6, "cpu_busy": 3, "rate_by_mode": 8, "hist_quantile": 10, "all_series_5m": 20, "scan_all_samples": 20,
}
SERVERS = ["prometheus", "victoria-metrics", "slurmscope"]
HISTORY_SAMPLES = 11.52e6


def number(value):
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def table(title, names, rows):
    print(f"\n{title}\n| figure | " + " | ".join(names) + " | aim |\n" + "|---" * (len(names) + 2) + "|")
    for figure, cells, aim in rows:
        print(f"| {figure} | " + " | ".join(cells) + f" | {aim} |")


def query_rows(results):
    for query in results[0]["queries"]:
        figures = [r["queries"][query] for r in results]
        aim = QUERY_AIMS_MS.get(query, "")
        yield query, [f"{number(f['median_ms'])} ({number(f['cpu_ms'])})" for f in figures], aim and f"<= {aim}"
    yield "peak RSS, MiB", [number(r.get("rss_after_queries_mib") or r["rss_peak_mib"]) for r in results], ""


def queries(head, blocks):
    for title, path in (("100k series in the head", head), ("2 days of 1000 series in blocks", blocks)):
        with open(path) as f:
            results = json.load(f)
        table(f"{title}: ms median (CPU ms)", [r["server"] for r in results], query_rows(results))


def load(directory, part):
    """The results of a part by server; empty when it was not run."""
    path = os.path.join(directory, part + ".json")
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        if part != "create":
            return {r["server"]: r for r in json.load(f)}
        lines = [json.loads(line) for line in f]
    return {r["server"]: dict(r, samples=lines[-1]["samples"]) for r in lines[:-1]}


def storage_rows(directory):
    def row(figure, part, value, aim):
        results = load(directory, part)
        cells = [number(value(results[s])) if s in results else "" for s in SERVERS]
        return figure, cells, aim

    restart = lambda r: r["restarts"][0]
    rate = lambda query: lambda r: HISTORY_SAMPLES / 1e6 / (r["queries"][query]["cpu_ms"] / 1000)
    yield row("CPU s per million samples, whole scrape path", "scrape", lambda r: r["cpu_s_per_Msample"], "<= 0.19, floor 0.4")
    yield row("head to block by snapshot, s", "scrape", lambda r: r.get("snapshot_s"), "<= 0.8")
    yield row("... samples in it, million", "scrape", lambda r: r["samples_served"] / 1e6, "12.6")
    yield row("bytes per sample of that block", "scrape", lambda r: r.get("compacted_bytes_per_sample"), "<= Prometheus'")
    yield row("CPU s to create the series and take their first samples", "million", lambda r: r["cpu_s_warmup"], "<= 3, floor 6")
    yield row("... samples until then, million", "million", lambda r: r["samples_warmup"] / 1e6, "2")
    yield row("RSS bytes per active series", "million", lambda r: r["bytes_per_active_series"], "<= 300, floor 450")
    yield row("kill -9 to ready, s", "million", lambda r: restart(r)["ready_s"], "<= 1")
    yield row("first query over all series after it, s", "million", lambda r: restart(r)["first_query_ms"] / 1000, "<= 0.7")
    yield row("create-blocks-from, s", "create", lambda r: r["wall_s"], "")
    yield row("... CPU s", "create", lambda r: r["cpu_s"], "")
    yield row("... samples, million", "create", lambda r: r["samples"] / 1e6, "")
    whole = load(directory, "create").get("two-days")
    yield "... of 11.5 M samples, s", ["", "", number(whole and whole["wall_s"])], "<= 6"
    yield row("bytes per sample of those blocks", "create", lambda r: r["bytes"] / r["samples"], "<= Prometheus'")
    yield row("all_series_5m, which decodes all: million samples per CPU s", "decode", rate("all_series_5m"), ">= 200")
    yield row("scan_all_samples (our engine reads the newest chunks only)", "decode", rate("scan_all_samples"), "")


def main():
    if sys.argv[1:2] == ["queries"] and len(sys.argv) == 4:
        queries(*sys.argv[2:])
    elif sys.argv[1:2] == ["storage"] and len(sys.argv) == 3:
        table("Storage", SERVERS, storage_rows(sys.argv[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
