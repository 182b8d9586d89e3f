#!/usr/bin/env python3
"""Random expressions, ours against stock Prometheus 2.42:  fuzz_test.py [SECONDS [SEED]]

Without arguments: 500 expressions of seed 1. Each difference is shrunk to the smallest part that still differs.
"""
import random
import sys
import time

from expressions import START, Generator
from pair import Pair, data_differ, differ

FIXED_COUNT = 500
SLACK = 1e-9  # where stock rounds and a compensated sum does not, e.g. a variance of equal values


def known(stock, ours, node):
    """Why a difference between 2.42 and 3 is right; None when it is not known."""
    del stock, ours, node
    return None


def time_params(rng):
    start = START + 5 * rng.randrange(100, 560)
    if rng.random() < 0.3:
        return "query", {"time": start}
    step = rng.choice([5, 10, 15, 30, 60])
    return "query_range", {"start": start, "end": start + step * rng.randrange(0, 30), "step": step}


class Fuzz:
    def __init__(self, pair, seed):
        self.pair, self.seed = pair, seed
        self.done = self.failing = self.empty = 0
        self.explained, self.problems = {}, []

    def ask(self, node, path, params):
        return self.pair.ask(path, {**params, "query": node.text})

    def one(self, number):
        seed = f"{self.seed}/{number}"
        node = Generator(seed).expression()
        path, params = time_params(random.Random(seed))
        answers = self.ask(node, path, params)
        self.done += 1
        self.failing += answers[0][0] != 200
        self.empty += answers[0][0] == 200 and not answers[0][1]["data"]["result"]
        if differ(*answers, slack=SLACK):
            self.judge(seed, node, path, params)

    def judge(self, seed, node, path, params):
        node = self.smallest(node, path, params)
        answers = self.ask(node, path, params)
        reason = known(*answers, node) or self.amplified(node, path, params)
        if reason:
            self.explained[reason] = self.explained.get(reason, 0) + 1
            return
        self.problems.append(f"{node.text}\n    {path} {params} seed {seed}\n    {differ(*answers, slack=SLACK)}")
        print(self.problems[-1], flush=True)

    def smallest(self, node, path, params):
        for child in node.children:
            if differ(*self.ask(child, path, params), slack=SLACK):
                return self.smallest(child, path, params)
        return node

    def amplified(self, node, path, params):
        """Parts that agree but for rounding may make the whole differ: where a comparison or a step function sits on
        the edge."""
        for child in node.children:
            stock, ours = self.ask(child, path, params)
            if stock[0] == ours[0] == 200 and exactly(stock[1]["data"]) != exactly(ours[1]["data"]):
                return "a part differs in its last digits"
        return None


def exactly(data):
    if data["resultType"] in ("scalar", "string"):
        return data["result"]
    return {tuple(sorted(r["metric"].items())): r.get("value") or r["values"] for r in data["result"]}


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else None
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    with Pair() as pair:
        fuzz = Fuzz(pair, seed)
        end = time.monotonic() + (seconds or 1e9)
        while time.monotonic() < end and (seconds or fuzz.done < FIXED_COUNT):
            fuzz.one(fuzz.done)
    print(f"{fuzz.done} expressions of seed {seed}: {len(fuzz.problems)} unexplained differences, "
          f"explained {fuzz.explained}; both refused {fuzz.failing}, empty {fuzz.empty}")
    return 1 if fuzz.problems else 0


if __name__ == "__main__":
    sys.exit(main())
