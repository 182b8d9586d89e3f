"""Random well-typed PromQL over the rnd_* series of diff_data, of the language that Prometheus 2.42 knows.

Times are multiples of 5 s and ranges of selectors whole seconds, while samples lie between seconds; ranges of subqueries
are 1 s longer than a multiple of 5 s. So no window has a point on its left edge, where 2.42 and 3 differ on purpose.
rate and increase are only taken of rnd_counter_total, far from zero, where both extrapolate alike.
"""
import dataclasses
import random

AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
OVER_TIME = ["sum", "avg", "min", "max", "count", "last", "present", "stddev", "stdvar"]
RANGE_FUNCTIONS = ["changes", "resets", "delta", "idelta", "deriv", "irate"]
MATH = ["abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "deg", "rad", "sin", "cos", "tan", "asin",
        "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"]
DATES = ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^"]
COMPARISONS = ["==", "!=", "<", ">", "<=", ">="]
LABELS = ["a", "b", "c", "le", "version", "kind", "text", "nothing"]
MATCHERS = ['a="x"', 'a!="x"', 'a=~"x|y"', 'a!~"x|y"', 'b=""', 'b!=""', 'b=~"p?"', 'c="ü"', 'c=~".+"', 'c!~".*"',
            'a=~"[yz]"', 'nothing=""', 'b=~"(?i)P|Q"', 'c=~"^1$"']
METRICS = ["rnd_gauge", "rnd_counter_total", "rnd_small", "rnd_special", "rnd_info", "rnd_seconds_bucket", "rnd_text"]
START = 1_700_000_000


@dataclasses.dataclass
class Node:
    """An expression and the expressions of vectors and scalars in it that stand on their own."""
    text: str
    children: list = dataclasses.field(default_factory=list)


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def expression(self, depth=4):
        return self.scalar(depth) if self.r.random() < 0.04 else self.vector(depth)

    def time(self):
        return START + 5 * self.r.randrange(60, 720)

    # Pieces
    def number(self):
        return self.r.choice(["0", "1", "2", "-1", "3.5", "0.25", "-0.5", "100", "1e3", "NaN", "Inf", "-Inf", "0x1F"])

    def label_list(self, low=0):
        return ", ".join(self.r.sample(LABELS, self.r.randint(low, 3)))

    def grouping(self):
        kind = self.r.choice(["", " by", " without"])
        return f"{kind} ({self.label_list()}) " if kind else ""

    def modifiers(self):
        parts = []
        if self.r.random() < 0.15:
            parts.append(f" offset {self.r.choice(['1m', '35s', '-5m', '10m', '-20s'])}")
        if self.r.random() < 0.08:
            parts.append(" @ " + self.r.choice(["start()", "end()", str(self.time())]))
        self.r.shuffle(parts)
        return "".join(parts)

    def selector(self, metric=None):
        metric = metric or self.r.choice(METRICS)
        matchers = self.r.sample(MATCHERS, self.r.choice([0, 0, 1, 1, 2]))
        if self.r.random() < 0.1:
            return "{" + ",".join([f'__name__=~"{metric}"'] + matchers) + "}"
        return metric + ("{" + ",".join(matchers) + "}" if matchers else "")

    def duration(self):
        return self.r.choice(["1s", "15s", "20s", "1m", "90s", "5m", "13m", "1h", "2m3s"])

    def window(self, depth, metric=None):
        """A matrix: (text, children)."""
        if depth > 1 and self.r.random() < 0.3:
            inner = Node(self.selector(metric)) if metric else self.vector(depth - 2)
            length, step = self.r.choice([31, 61, 121, 301, 901]), self.r.choice(["5s", "10s", "15s", "30s", "1m", ""])
            inner_text = inner.text if metric else f"({inner.text})"
            return f"{inner_text}[{length}s:{step}]{self.modifiers()}", [inner]
        return f"{self.selector(metric)}[{self.duration()}]{self.modifiers()}", []

    # Scalars
    def scalar(self, depth):
        pick = self.r.random()
        if depth <= 0 or pick < 0.5:
            return Node(self.number())
        if pick < 0.6:
            return Node(self.r.choice(["time()", "pi()"]))
        if pick < 0.8:
            inner = self.vector(depth - 1)
            return Node(f"scalar({inner.text})", [inner])
        if pick < 0.9:
            a, b = self.scalar(depth - 1), self.scalar(depth - 1)
            return Node(f"({a.text} {self.r.choice(COMPARISONS)} bool {b.text})", [a, b])
        a, b = self.scalar(depth - 1), self.scalar(depth - 1)
        return Node(f"({a.text} {self.r.choice(ARITHMETIC)} {b.text})", [a, b])

    # Vectors
    def vector(self, depth):
        if depth <= 0:
            return Node(self.selector() + self.modifiers())
        makers = [(3, self.plain), (5, self.aggregation), (2, self.choice), (6, self.of_range), (4, self.math),
                  (4, self.binary_scalar), (6, self.binary_vector), (2, self.sets), (3, self.labels), (2, self.others),
                  (1, self.histogram), (1, self.native)]
        maker = self.r.choices([m for _, m in makers], [w for w, _ in makers])[0]
        return maker(depth)

    def plain(self, _):
        return Node(self.selector() + self.modifiers())

    def aggregation(self, depth):
        inner = self.vector(depth - 1)
        return Node(f"{self.r.choice(AGGREGATIONS)}{self.grouping() or ' '}({inner.text})", [inner])

    def choice(self, depth):
        inner = self.vector(depth - 1)
        kind = self.r.random()
        if kind < 0.5:
            k = self.scalar(depth - 1) if self.r.random() < 0.2 else Node(self.r.choice(["1", "2", "3", "0", "-1"]))
            return Node(f"{self.r.choice(['topk', 'bottomk'])}{self.grouping()}({k.text}, {inner.text})", [k, inner])
        if kind < 0.8:
            q = self.scalar(depth - 1) if self.r.random() < 0.2 else Node(self.r.choice(["0.5", "0.9", "0", "1"]))
            return Node(f"quantile{self.grouping()}({q.text}, {inner.text})", [q, inner])
        return Node(f'count_values{self.grouping()}("{self.r.choice(["value", "a", "new"])}", {inner.text})', [inner])

    def of_range(self, depth):
        kind = self.r.random()
        if kind < 0.25:
            text, children = self.window(depth, "rnd_counter_total")
            return Node(f"{self.r.choice(['rate', 'increase'])}({text})", children)
        text, children = self.window(depth)
        if kind < 0.6:
            return Node(f"{self.r.choice(OVER_TIME)}_over_time({text})", children)
        if kind < 0.85:
            return Node(f"{self.r.choice(RANGE_FUNCTIONS)}({text})", children)
        if kind < 0.9:
            return Node(f"absent_over_time({text})", children)
        q = self.scalar(depth - 1)
        if kind < 0.95:
            return Node(f"quantile_over_time({q.text}, {text})", [q] + children)
        return Node(f"predict_linear({text}, {q.text})", [q] + children)

    def math(self, depth):
        inner = self.vector(depth - 1)
        kind = self.r.random()
        if kind < 0.6:
            return Node(f"{self.r.choice(MATH)}({inner.text})", [inner])
        if kind < 0.7:
            return Node(f"-{inner.text}" if inner.text[0].isalpha() else f"-({inner.text})", [inner])
        a, b = self.scalar(depth - 1), self.scalar(depth - 1)
        if kind < 0.8:
            return Node(f"clamp({inner.text}, {a.text}, {b.text})", [inner, a, b])
        if kind < 0.9:
            return Node(f"{self.r.choice(['clamp_min', 'clamp_max'])}({inner.text}, {a.text})", [inner, a])
        return Node(f"round({inner.text}, {a.text})", [inner, a])

    def binary_scalar(self, depth):
        v, s = self.vector(depth - 1), self.scalar(depth - 1)
        op = self.r.choice(ARITHMETIC + COMPARISONS)
        if op in COMPARISONS and self.r.random() < 0.4:
            op += " bool"
        left, right = (v, s) if self.r.random() < 0.6 else (s, v)
        return Node(f"({left.text} {op} {right.text})", [left, right])

    def matching(self, allow_group=True):
        pick = self.r.random()
        if pick < 0.3:
            return ""
        text = f" {self.r.choice(['on', 'ignoring'])}({self.label_list()})"
        if allow_group and pick > 0.6:
            text += f" {self.r.choice(['group_left', 'group_right'])}"
            text += self.r.choice(["", "()", "(version)", "(b, c)"])
        return text

    def binary_vector(self, depth):
        op = self.r.choice(ARITHMETIC + COMPARISONS)
        if op in COMPARISONS and self.r.random() < 0.4:
            op += " bool"
        if self.r.random() < 0.4:  # a shape that matches
            left, right = self.aggregated_by("a, b", depth), self.aggregated_by("a", depth)
            text = f"({left.text} {op} on(a) group_left {right.text})"
        elif self.r.random() < 0.5:
            left, right = self.aggregated_by("a, b", depth), self.aggregated_by("a, b", depth)
            text = f"({left.text} {op} {right.text})"
        else:
            left, right = self.vector(depth - 1), self.vector(depth - 1)
            text = f"({left.text} {op}{self.matching()} {right.text})"
        return Node(text, [left, right])

    def aggregated_by(self, labels, depth):
        inner = self.vector(depth - 2)
        return Node(f"{self.r.choice(AGGREGATIONS)} by ({labels}) ({inner.text})", [inner])

    def sets(self, depth):
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        return Node(f"({left.text} {self.r.choice(['and', 'or', 'unless'])}{self.matching(False)} {right.text})",
                    [left, right])

    def labels(self, depth):
        inner = self.vector(depth - 1)
        if self.r.random() < 0.7:
            to, source = self.r.choice(["new", "a", "b", "__name__"]), self.r.choice(LABELS)
            value, regex = self.r.choice(["$1", "v-$1", "$2$1", "", "x", "${1}y"]), self.r.choice(
                ["(.*)", "(.+)", "x|y", "(x)|(y)", "", "(?P<n>.)", "[^z]*"])
            return Node(f'label_replace({inner.text}, "{to}", "{value}", "{source}", "{regex}")', [inner])
        sources = "".join(f', "{label}"' for label in self.r.sample(LABELS, self.r.randint(0, 3)))
        return Node(f'label_join({inner.text}, "{self.r.choice(["new", "a"])}", "-"{sources})', [inner])

    def others(self, depth):
        inner = self.vector(depth - 1)
        kind = self.r.random()
        if kind < 0.3:
            return Node(f"{self.r.choice(['timestamp', 'sort', 'sort_desc'])}({inner.text})", [inner])
        if kind < 0.5:
            return Node(f"{self.r.choice(DATES)}({inner.text})", [inner])
        if kind < 0.7:
            return Node(f"absent({inner.text})", [inner])
        s = self.scalar(depth - 1)
        return Node(f"vector({s.text})", [s])

    def native(self, depth):
        """Counts and sums of native histograms, which both know; their buckets 3 interpolates otherwise."""
        selector = "rnd_native" + self.r.choice(["", '{a="x"}', '{b!=""}'])
        window = f"{selector}[{self.r.choice(['1m', '5m', '2m3s', '13m'])}]{self.modifiers()}"
        kind = self.r.random()
        if kind < 0.2:
            return Node(f"{self.r.choice(['count', 'present'])}_over_time({window})")
        if kind < 0.3:
            return Node(f"{self.r.choice(['count', 'group', 'absent'])}({selector})")
        inner = self.r.choice([selector + self.modifiers(), f"rate({window})", f"increase({window})"])
        if self.r.random() < 0.5:
            inner = f"sum{self.grouping() or ' '}({inner})"
        return Node(f"{self.r.choice(['histogram_count', 'histogram_sum'])}({inner})")

    def histogram(self, depth):
        q = self.scalar(depth - 1)
        inner = self.r.choice([
            "rnd_seconds_bucket", "rate(rnd_seconds_bucket[5m])", "sum by (le, a) (rnd_seconds_bucket)",
            "sum by (le) (rnd_seconds_bucket)", "rnd_seconds_bucket{le!=\"+Inf\"}"])
        return Node(f"histogram_quantile({q.text}, {inner})", [q, Node(inner)])
