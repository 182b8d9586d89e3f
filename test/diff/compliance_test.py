#!/usr/bin/env python3
"""PromQL against stock Prometheus 2.42 on the same data: the queries of queries.txt, as range and instant queries."""
import itertools
import pathlib
import re
import unittest

from pair import START, Pair, differ

# Where Prometheus 3 differs from 2.42 on purpose, and we follow 3; each must still differ as written.
ATAN2 = "3 drops the metric name after atan2, as after other arithmetic"
KNOWN = {
    "demo_num_cpus atan2 3": ATAN2,
    "3 atan2 demo_num_cpus": ATAN2,
    "demo_memory_usage_bytes atan2 1.2e9": ATAN2,
    "demo_memory_usage_bytes atan2 demo_memory_usage_bytes": ATAN2,
    'label_replace(demo_num_cpus, "~invalid", "", "instance", "(.*)")': "any UTF-8 text is a label name in 3",
    'label_join(demo_num_cpus, "~invalid", "-", "instance")': "any UTF-8 text is a label name in 3",
    'count_values("~invalid", demo_num_cpus)': "any UTF-8 text is a label name in 3",
    "histogram_quantile(1, rate(demo_api_request_duration_seconds_bucket[1m]))":
        "3 takes neighbouring buckets for equal when they differ by less than 1e-12 of their size",
    "avg_over_time(rate(demo_cpu_usage_seconds_total[1m])[2m:10s])":
        "2.42 counts the point on the left edge of the subquery's range",
}


def expand(line, lists):
    names = list(dict.fromkeys(n for n in re.findall(r"<(\w+)>", line) if n in lists))
    for words in itertools.product(*(lists[n] for n in names)):
        query = line
        for name, word in zip(names, words):
            query = query.replace(f"<{name}>", word)
        yield query


def read_queries():
    """(query, must it be refused) of the table."""
    text = (pathlib.Path(__file__).parent / "queries.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    lists = {m[1]: m[2].split() for line in lines if (m := re.fullmatch(r"(\w+) += (.*)", line))}
    queries = {}
    for line in lines:
        if not re.match(r"\w+ += ", line):
            for query in expand(line.removeprefix("! "), lists):
                queries[query] = line.startswith("! ")
    return queries


class ComplianceTest(unittest.TestCase):
    def test_queries(self):
        agree, empty, problems = 0, 0, []
        queries = read_queries()
        with Pair() as pair:
            for query, refused in queries.items():
                problem, found = self.ask(pair, query, refused)
                if (problem is None) == (query in KNOWN):
                    problems.append(f"{query}\n    {problem or 'agrees, though listed as known to differ'}")
                agree += problem is None
                empty += not refused and not found
        print(f"{agree} of {len(queries)} queries agree, {len(KNOWN)} are known to differ; {empty} are empty")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    @staticmethod
    def ask(pair, query, refused):
        """(what differs, is there data in the answer)"""
        start = START + 3900  # an hour and the offsets back there is data
        ranged = pair.ask("query_range", {"query": query, "start": start, "end": start + 600, "step": 10})
        instant = pair.ask("query", {"query": query, "time": start + 300})
        problem = differ(*ranged) or differ(*instant)
        stock_status, stock = instant[0]
        if refused and stock_status == 200 and not problem:
            problem = "both answer, though the table says that it must be refused"
        if not refused and stock_status != 200 and not problem:
            problem = f"both refuse: {stock['error']}"
        return problem, stock_status == 200 and bool(stock["data"]["result"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
