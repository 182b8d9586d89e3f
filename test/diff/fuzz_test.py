#!/usr/bin/env python3
"""Random expressions, ours against stock Prometheus 2.42:  fuzz_test.py [SECONDS [SEED]]

Without arguments: 500 expressions of seed 1. Each difference is shrunk to the smallest part that still differs.
"""
import random
import re
import sys
import time

from expressions import START, Generator, Node
from pair import Pair, differ, same_value

FIXED_COUNT = 500
EVERY_TIME = "query_range", {"start": START, "end": START + 4500, "step": 5}
SLACK = 1e-9  # where stock rounds and a compensated sum does not, e.g. a variance of equal values


def rows(answer):
    return {tuple(sorted(r["metric"].items())): [r["value"]] if "value" in r else r["values"]
            for r in answer["data"]["result"]}


def changes_are_only(stock, ours, allowed):
    """Both have the same series and times, and where values differ they are an allowed pair."""
    a, b = rows(stock), rows(ours)
    return a.keys() == b.keys() and all(
        [t for t, _ in a[k]] == [t for t, _ in b[k]] and
        all(same_value(v, w, SLACK) or allowed(v, w) for (_, v), (_, w) in zip(a[k], b[k])) for k in a)


def values_by_time(answer):
    found = {}
    for samples in rows(answer).values():
        for t, v in samples:
            found.setdefault(t, []).append("0" if v == "-0" else v)
    return {t: sorted(values) for t, values in found.items()}


def known(stock, ours, node, params):
    """Why a difference between 2.42 and us is right; None when it is not known."""
    if stock[0] == 200 and ours[1].get("error") == "Parameter value is NaN" and re.match("topk|bottomk", node.text):
        return "3 looks at k even where there is nothing to choose from"
    if stock[0] != 200 or ours[0] != 200:
        return None
    stock, ours = stock[1], ours[1]
    if re.match("stddev|stdvar", node.text) and changes_are_only(stock, ours, lambda v, w: (v, w) == ("0", "NaN")):
        return "the deviation of one NaN or Inf is NaN in 3, 0 in 2.42"
    found_nothing = not (ours if node.text.startswith("absent") else stock)["data"]["result"]
    if re.search(r"@ (start|end|\d).*\)\[\d+s:\w*\] offset", node.text) and found_nothing:
        return "2.42 finds nothing at a fixed time below a subquery with an offset"
    if re.search(r"(stddev|stdvar)(?!_over).*rnd_special.*\)\[\d+s:", node.text):
        return "the deviation of one NaN or Inf, below a subquery"
    if re.match("(exp|cosh|sinh)\\(", node.text) and changes_are_only(
            stock, ours, lambda v, w: "Inf" in v and abs(float(w)) > 8e307):
        return "Go's exp overflows before the result does"
    if re.match("(stddev|stdvar|sum|avg)_over_time|predict_linear|deriv", node.text) and changes_are_only(
            stock, ours, lambda v, w: v == "NaN" and "Inf" in w):
        return "a compensated sum that reaches Inf stays so in 3, and is NaN in 2.42"
    if re.search(r"\b(topk|bottomk)\b", node.text) and values_by_time(stock) == values_by_time(ours):
        return "which of equal values topk takes is open"
    if re.match(r"(quantile_over_time|predict_linear|quantile|topk|bottomk)\b.*@", node.text) and at_time(stock, params.get("start")) == at_time(ours, params.get("start")):
        return "2.42 moves or loses a fixed window after the first step when the function is not fixed"
    if re.match(r"timestamp\(.*@", node.text) and not changes_are_only(stock, ours, lambda *_: False):
        return "2.42 reads a fixed time anew at each step below timestamp()"
    if new_label_is_not_last(node.text) and count_of_values(stock) == count_of_values(ours):
        return "2.42 groups by labels out of order when the new label is not the last one"
    return None


def new_label_is_not_last(text):
    match = re.match(r'count_values by \(([^)]*)\) \("(\w+)"', text)
    return match and any(label > match[2] for label in match[1].split(", "))


def at_fixed_ends(node, params):
    """The same with the times that start() and end() stand for."""
    start, end = (params.get(key, params.get("time")) for key in ("start", "end"))
    text = node.text.replace("@ start()", f"@ {start}").replace("@ end()", f"@ {end}")
    return Node(text, [at_fixed_ends(child, params) for child in node.children])


def at_time(answer, time):
    return {k: f"{float(v):.6g}" for k, samples in rows(answer).items() for t, v in samples if t == time}


def count_of_values(answer):
    return {t: sum(map(float, values)) for t, values in values_by_time(answer).items()}


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
        reason = (known(*answers, node, params) or self.reset(*answers, node, path, params) or
                  self.lost_parameter(*answers, node, params) or
                  self.unsteady(node, path, params) or self.amplified(node, path, params))
        if reason:
            self.explained[reason] = self.explained.get(reason, 0) + 1
            return
        # A subquery asks its expression at other times.
        for child in at_fixed_ends(node, params).children:
            if differ(*self.ask(child, *EVERY_TIME), slack=SLACK):
                self.judge(seed, child, *EVERY_TIME)
                return
        self.problems.append(f"{node.text}\n    {path} {params} seed {seed}\n    {differ(*answers, slack=SLACK)}")
        print(self.problems[-1], flush=True)

    def reset(self, stock, ours, node, path, params):
        """Between a gap and a reset the two extrapolate to zero differently."""
        match = re.fullmatch(r"(rate|increase)\((.*)\)", node.text)
        if not match or stock[0] != 200 or ours[0] != 200:
            return None
        resets = rows(self.pair.ask(path, {**params, "query": f"resets({match[2]})"})[0][1])
        want, got = rows(stock[1]), rows(ours[1])
        if want.keys() != got.keys():
            return None
        for labels, samples in want.items():
            counts = dict(resets[labels])  # also where one sample is too few for a rate
            for (t, a), (_, b) in zip(samples, got[labels]):
                if not same_value(a, b, SLACK) and counts[t] == "0":
                    return None
        return "3 extrapolates a rate to zero otherwise after a reset"

    def lost_parameter(self, stock, ours, node, params):
        """2.42 has a fixed parameter of an aggregation at the first step alone."""
        refused = "Scalar value NaN overflows" in stock[1].get("error", "")
        if not (refused and ours[0] == 200 and re.match("(topk|bottomk).*@", node.text) and "start" in params):
            return None
        first = self.ask(at_fixed_ends(node, params), "query", {"time": params["start"]})
        return None if differ(*first, slack=SLACK) else "2.42 loses a fixed parameter after the first step"

    def unsteady(self, node, path, params):
        """Stock Prometheus walks maps in any order, so ties may fall otherwise the next time."""
        first = self.ask(node, path, params)[0]
        if any(differ(first, self.ask(node, path, params)[0], SLACK) for _ in range(5)):
            return "stock answers otherwise each time"
        return None

    def smallest(self, node, path, params):
        for child in node.children:
            if differ(*self.ask(child, path, params), slack=SLACK):
                return self.smallest(child, path, params)
        return node

    def amplified(self, node, path, params):
        """Parts that agree but for rounding may make the whole differ: where a comparison or a step function sits on
        the edge."""
        for child in at_fixed_ends(node, params).children:
            for times in ((path, params), EVERY_TIME):
                stock, ours = self.ask(child, *times)
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
