#!/usr/bin/env python3
"""Series, labels and label values of both servers on the same data."""
import unittest

from pair import START, Pair

SELECTORS = [
    'rnd_text', '{text="Москва"}', '{text=~"Моск.*"}', '{text=~"日.|é"}', '{text=~"."}', '{text=~".."}',
    '{text=~"a.b"}', r'{text=~"a\\.b"}', '{text=~"a|ab|abc"}', '{text=~"ab?c?"}', '{text=~"(?i)a"}', '{text=~"[a-c]+"}',
    '{text=~"^a"}', '{text=~"a$"}', '{text=~"🙂|🙃"}', '{text!="a",kind="short"}', '{text!~"a.*",kind=~"short|long"}',
    'rnd_text{text=""}', 'rnd_text{text!=""}', 'rnd_text{text=~""}', 'rnd_text{text!~""}', 'rnd_text{text=~".*"}',
    'rnd_text{text!~".*"}', 'rnd_text{text=~".+"}', 'rnd_text{text!~".+"}', 'rnd_text{text=~"|a"}',
    'rnd_text{nothing=""}', 'rnd_text{nothing!=""}', 'rnd_text{nothing=~"x?"}', r'{text="a\\b"}', r'{text="a\"b"}',
    r'{text="a\tb"}', r'{text=~"a\\sb"}', '{text=" "}', '{text=~"\\\\d|-1"}', '{text="x|y"}', r'{text=~"x\\|y"}',
    '{__name__=~"rnd_.*"}', '{__name__=~"rnd:.*"}', '{__name__!="rnd_text",a="x"}', '{__name__!~"demo_.*|rnd_text"}',
    '{a="x",b=""}', '{a=~"x|y",b!~"p|q"}', '{a!="",a!="x",c="ü"}', '{le="+Inf",a=~"[xy]"}', 'demo_num_cpus',
    '{job="demo",mode=~"idle|user"}', '{instance=~".*:10001",type=~".*e"}', 'nothing_of_this_name',
]
WINDOWS = [{}, {"start": START, "end": START + 7200}, {"start": START + 600, "end": START + 700},
           {"start": START - 900, "end": START - 600}]


class ApiTest(unittest.TestCase):
    def test_answers(self):
        asked, problems = 0, []
        with Pair() as pair:
            for path, params in self.questions():
                asked += 1
                stock, ours = pair.ask(path, params)
                narrower = params.get("end") == START + 700 and path.endswith("/values")
                if narrower and stock[0] == ours[0] == 200 and set(ours[1]["data"]) <= set(stock[1]["data"]):
                    continue  # the stock head answers for all its time, we for the window
                if self.normal(stock) != self.normal(ours):
                    problems.append(f"{path} {params}\n    stock: {str(stock)[:300]}\n    ours:  {str(ours)[:300]}")
        print(f"{asked - len(problems)} of {asked} answers agree")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    @staticmethod
    def questions():
        names = ["__name__", "text", "a", "b", "c", "le", "kind", "instance", "nothing"]
        for window in WINDOWS:
            yield "labels", window
            for name in names:
                yield f"label/{name}/values", window
            for selector in SELECTORS:
                match = {"match[]": selector, **window}
                yield "series", match
                yield "labels", match
                yield "label/a/values", match
                yield "label/text/values", match
            yield "series", {"match[]": SELECTORS[:4], **window}
            yield "labels", {"match[]": SELECTORS[-4:], **window}
        for selector in ("{}", '{a=""}', '{a=~".*"}', "rnd_text{", "1"):
            yield "series", {"match[]": selector}
            yield "labels", {"match[]": selector}
        yield "series", {}

    @staticmethod
    def normal(answer):
        status, body = answer
        data = body.get("data")
        if isinstance(data, list) and data and isinstance(data[0], dict):
            data = sorted(tuple(sorted(d.items())) for d in data)
        return status, body["status"], body.get("errorType"), data


if __name__ == "__main__":
    unittest.main(verbosity=2)
