#!/usr/bin/env python3
"""aims.py HEAD.json RANGE.json: results of peer_bench.py as a table of query latencies beside what is aimed at."""
import json
import sys

AIMS_MS = {
    "one_series": 0.12, "rate_by_instance": 0.6, "highcard_rate": 25, "count_all_series": 40, "histogram_quantile": 6,
    "cpu_busy_range": 6, "cpu_busy": 3, "rate_by_mode": 8, "hist_quantile": 10, "all_series_5m": 20, "scan_all_samples": 20,
}


def rows(path):
    with open(path) as f:
        results = json.load(f)
    names = [r["server"] for r in results]
    for query in results[0]["queries"]:
        yield query, names, [r["queries"][query] for r in results]
    yield "peak RSS, MiB", names, [r.get("rss_after_queries_mib") or r["rss_peak_mib"] for r in results]


def main():
    number = lambda v: f"{v:.3g}" if v < 1000 else f"{v:.0f}"
    for title, path in zip(("100k series in the head", "2 days of 1000 series in blocks"), sys.argv[1:]):
        for i, (query, names, figures) in enumerate(rows(path)):
            if i == 0:
                print(f"\n{title}: ms median (CPU ms)\n| query | " + " | ".join(names) + " | aim |\n" + "|---" * (len(names) + 2) + "|")
            cells = [f"{number(f['median_ms'])} ({number(f['cpu_ms'])})" if isinstance(f, dict) else number(f) for f in figures]
            aim = AIMS_MS.get(query, "")
            print(f"| {query} | " + " | ".join(cells) + f" | {aim and '<= ' + str(aim)} |")


if __name__ == "__main__":
    main()
