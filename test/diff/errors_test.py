#!/usr/bin/env python3
"""What both say to wrong expressions: the texts must be the same, but for those that changed in Prometheus 3."""
import unittest

from pair import START, Pair

WRONG = r'''
up +|+|* up|up + + * up|(up|up)|up)(|up{|up{}}|up{a}|up{a=}|up{a=b}|up{a="b"|up{a="b" c="d"}|up{,}|up{a=="b"}|{}|
{a=""}|{a=~".*"}|{a!="b"}|up{a=~"("}|up{a!~"*"}|up{__name__="x"}|up[|up[]|up[5m|up[5]x|up[m]|up[0s]|up[-5m]|
up[5m][5m]|up[5m:|up[5m:x]|up[5m:5m:5m]|up[5m] offset|up offset|up offset x|up offset 1m offset 1m|up @|up @ x|
up @ end|up @ start(1)|up @ 1 @ 2|1 @ 1|sum(up) offset 1m|(up) offset 1m|rate(up)|rate(up[1m]|rate()|rate(up[1m], 1)|
rate(sum(up))|abs(1)|abs()|abs(up, up)|abs("x")|vector(up)|scalar(1)|time(1)|pi(1)|no_such(up)|no_such()|clamp(up, 1)|
label_replace(up, "a", "b", "c")|label_replace(up, 1, "b", "c", "d")|label_join(up)|label_join(up, "a")|round(up, up)|
sum|sum()|sum(1)|sum("x")|sum(up[1m])|sum(up, up)|sum by (a up)|sum by a (up)|sum by (a) (up) by (b)|sum by (1) (up)|
topk(up)|topk("x", up)|topk(up, up)|quantile(up)|count_values(up)|count_values(1, up)|avg by|"a" + "b"|"a" + 1|
1 + "a"|up + "a"|-"a"|1 and 2|up and 1|1 or up|up unless "x"|1 == 2|1 > 2|up == bool|up + bool up|1 + bool 2|
up and bool up|up and on(a) group_left up|up or group_right up|up + on up|up + on(|up + on(a) group_left(a) up|
up + ignoring(a) group_left( up|1 + on(a) 2|up + on(a) 2|up + group_left up|up on(a) up|up by (a)|up without|"abc|'abc|
`abc|"\q"|"\xZZ"|up # comment +|# only|x y|1 2|1.2.3|0x|1e|5mm|up!|up !|up = up|up =~ up|up & up|up | up|$|up;|a.b|
a-b-|@|offset 1m|by (a)|bool|[5m]|up{a="b"}[1m] + 1|-up[1m]|up[1m] offset 1m > 1|histogram_quantile(up)|
predict_linear(up[5m])|quantile_over_time(up[5m])|absent()|absent(1)|absent_over_time(up)|count_values("a b", up)
'''

# What Prometheus 3 says otherwise, by the expression.
DURATIONS = "3 has expressions of durations, and takes numbers as seconds"
RE2 = "the words of RE2, not of Go's regexp"
NUMBERS = "3 has durations as numbers, and one text for both"
CHANGED = {
    **dict.fromkeys(["up[", "up[]", "up[5m", "up[5]x", "up[m]", "up[-5m]", "up[5m:", "up[5m:x]", "up[5m:5m:5m]",
                     "up[5m] offset", "up offset", "up offset x"], DURATIONS),
    **dict.fromkeys(['up{a=~"("}', 'up{a!~"*"}'], RE2),
    **dict.fromkeys(["1.2.3", "0x", "1e"], NUMBERS),
    **dict.fromkeys(["up!", "up !"], "2.42 prints the end of the input as a character"),
    "@": "2.42 prints the number of a token",
    'count_values("a b", up)': "any UTF-8 text is a label name in 3",
}


class ErrorsTest(unittest.TestCase):
    def test_texts(self):
        queries = [q for line in WRONG.strip().splitlines() for q in line.split("|") if q]
        same, problems = 0, []
        with Pair() as pair:
            for query in queries:
                stock, ours = pair.ask("query", {"query": query, "time": START + 600})
                want, got = self.said(stock), self.said(ours)
                same += want == got
                if (want == got) == (query in CHANGED):
                    problems.append(f"{query}\n    stock: {want}\n    ours:  {got}")
        print(f"{same} of {len(queries)} wrong expressions get the same answer, {len(CHANGED)} are known to differ")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    @staticmethod
    def said(answer):
        status, body = answer
        return status, body.get("errorType"), body.get("error")


if __name__ == "__main__":
    unittest.main(verbosity=2)
