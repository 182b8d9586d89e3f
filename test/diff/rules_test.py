#!/usr/bin/env python3
"""`check rules` and `test rules` beside stock promtool: the same files, the same exit codes and output, whether called
as a verb or under promtool's name. Differences that are meant are listed here."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from stack import PEERS, SERVER, need_peers  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PROMTOOL = PEERS / "promtool"

RULES = """
groups:
- name: g
  interval: 1m
  rules:
  - record: a:b
    expr: sum by (job) (up)
    labels: {x: y}
  - alert: Down
    expr: up == 0
    for: 5m
    labels: {severity: "page {{ $value }}"}
    annotations: {summary: "x {{ $labels.job }}", missing: "{{ $labels.missing }}", url: "{{ $externalLabels.c }}"}
  - alert: Down
    expr: absent(up)
- name: second
  rules:
  - record: a:c
    expr: a:b * 2
  - record: a:range
    expr: sum_over_time(a:b[3m]) + count_over_time(up[5m:1m])
"""

TESTS = """
rule_files: [r.yml]
evaluation_interval: 1m
group_eval_order: [g, second]
tests:
- interval: 1m
  name: first
  external_labels: {c: d}
  input_series:
  - {series: 'up{job="j",instance="i"}', values: '0x10 1+1x5 _x3 stale'}
  - {series: 'up{job="k",instance="i"}', values: '1 0 _ 0x4 -2+3x2'}
  alert_rule_test:
  - {eval_time: 6m, alertname: Down, exp_alerts: [EXPECTED]}
  - {eval_time: 30s, alertname: Down}
  - {eval_time: 4m, alertname: Down}
  promql_expr_test:
  - {expr: 'a:c', eval_time: 5m, exp_samples: [{labels: 'a:c{job="j", x="y"}', value: 0}, {labels: 'a:c{job="k",x="y"}', value: VALUE}]}
  - {expr: 'count(ALERTS)', eval_time: 7m, exp_samples: [{labels: '{}', value: 2}]}
  - {expr: '1', eval_time: 1m30s, exp_samples: [{value: 1}]}
  - {expr: 'absent_thing', eval_time: 1m}
- input_series:
  - {series: 'up', values: '1x5'}
  promql_expr_test:
  - {expr: 'a:range{x="y"} or up', eval_time: 5m, exp_samples: [{labels: up, value: 1}]}
"""

# Texts of the template language, each an annotation: what it makes or its error.
TEMPLATES = (HERE / "templates.txt").read_text().splitlines()

# What Prometheus 3 says otherwise than Debian's 2.42.
KNOWN = [
    ("Value interface {} }", "Value float64 }"),
]


def run(command, directory):
    done = subprocess.run([str(c) for c in command], cwd=directory, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


class PromtoolTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="slurmscope-")
        self.addCleanup(temporary.cleanup)
        self.dir = pathlib.Path(temporary.name)
        self.promtool = self.dir / "promtool"
        self.promtool.symlink_to(SERVER)

    def write(self, **files):
        for name, text in files.items():
            (self.dir / f"{name}.yml").write_text(text)

    def both(self, *arguments, clean=lambda text: text):
        """Exit code, output and errors of both, which must be equal."""
        stock = run([PROMTOOL, *arguments], self.dir)
        for command in ([SERVER], [self.promtool]):
            ours = run([*command, *arguments], self.dir)
            self.assertEqual((ours[0], ours[1], clean(ours[2])), (stock[0], stock[1], clean(stock[2])))
        return stock

    def test_check_rules(self):
        self.write(r=RULES, twice=RULES + "  - {record: a:c, expr: '1'}\n")
        self.assertEqual(self.both("check", "rules", "r.yml")[0], 0)
        self.assertEqual(self.both("check", "rules", "r.yml", "twice.yml")[0], 0)
        self.assertEqual(self.both("check", "rules", "--lint=none", "twice.yml")[0], 0)
        self.assertEqual(self.both("check", "rules", "--lint-fatal", "twice.yml")[0], 3)

    def test_check_rules_errors(self):
        self.write(bad="""groups:
- name: g
  rules:
  - record: r
    expr: sum(up
  - alert: A
    record: x
    expr: up == 0
  - alert: C
    expr: up
    annotations: {x: "{{ foo }}"}
  - alert: D
    expr: up
    labels: {x: "{{ $value }"}
- name: g
""")

        # Ours place every problem, in one form; stock ones not all, and in others.
        def clean(text):
            return re.sub(r"^bad.yml:? ?(\d+:\d+: ?)*", "bad.yml: ", text, flags=re.M)

        def places_off(text):
            return re.sub(r"bad.yml:[ 0-9:]*", "bad.yml: ", clean(text))

        self.assertEqual(self.both("check", "rules", "bad.yml", clean=places_off)[0], 1)

    def test_unit_tests(self):
        alert = ('{exp_labels: {job: %s, instance: i, severity: page 0}, '
                 'exp_annotations: {summary: x %s, missing: "", url: d}}')
        good = TESTS.replace("EXPECTED", ", ".join(alert % (job, job) for job in "jk"))
        self.write(r=RULES, good=good.replace("VALUE", "0"), bad=TESTS.replace("EXPECTED", "{exp_labels: {job: z}}")
                   .replace("VALUE", "7"))
        code, out, err = self.both("test", "rules", "good.yml", "bad.yml")
        self.assertEqual(code, 1)
        self.assertIn("SUCCESS", out)
        self.assertIn("alertname: Down, time: 6m", err)

    def test_unit_tests_that_cannot_run(self):
        self.write(r=RULES, noname="rule_files: [r.yml]\ntests: [{alert_rule_test: [{eval_time: 1m}]}]\n",
                   order="rule_files: [r.yml]\ngroup_eval_order: [g, g]\ntests: []\n",
                   failing="rule_files: [f.yml]\ntests: [{input_series: [{series: 'a{i=\"1\"}', values: 1x5}, "
                           "{series: 'b', values: 1x5}], promql_expr_test: [{expr: up, eval_time: 2m}]}]\n",
                   f="groups: [{name: g, rules: [{record: r, expr: 'label_replace(a, \"i\", \"\", \"\", \"\") or b'}, "
                     "{record: s, expr: 'vector(1) and on() \"x\"'}]}]\n".replace(" and on() \"x\"", ""))
        self.assertEqual(self.both("test", "rules", "noname.yml")[0], 1)
        self.assertEqual(self.both("test", "rules", "order.yml")[0], 1)
        self.both("test", "rules", "failing.yml")

    def annotations(self, program):
        code, _, err = run([program, "test", "rules", "t.yml"], self.dir)
        self.assertEqual(code, 1, err)
        shown = err[err.index("Annotations:{"):]
        return re.split(r", (?=a\d\d\d=)", shown)

    def test_templates(self):
        annotations = {f"a{i:03}": text for i, text in enumerate(TEMPLATES)}
        rule = {"alert": "X", "expr": "up == 1", "annotations": annotations}
        self.write(r=json.dumps({"groups": [{"name": "g", "rules": [rule]}]}, ensure_ascii=False), t=json.dumps({
            "rule_files": ["r.yml"], "tests": [{
                "interval": "1m", "external_labels": {"x": "y"}, "external_url": "http://h:1/p/q",
                "input_series": [{"series": 'up{job="j",instance="i"}', "values": "1x10"},
                                 {"series": 'up{job="k",instance="i"}', "values": "0x10"}],
                "alert_rule_test": [{"eval_time": "2m", "alertname": "X", "exp_alerts": []}]}]}))
        ours, stock = self.annotations(SERVER), self.annotations(PROMTOOL)
        self.assertEqual(len(ours), len(TEMPLATES))
        for text, mine, theirs in zip(TEMPLATES, ours, stock):
            for new, old in KNOWN:
                mine = mine.replace(new, old)
            self.assertEqual(mine.strip(" ]}\n"), theirs.strip(" ]}\n"), text)

    def test_templates_that_do_not_parse(self):
        lines = (HERE / "bad_templates.txt").read_text().splitlines()
        for i, text in enumerate(lines):
            rule = {"alert": "X", "expr": "up", "annotations": {"a": text}}
            self.write(**{f"b{i}": json.dumps({"groups": [{"name": "g", "rules": [rule]}]}, ensure_ascii=False)})
        files = [f"b{i}.yml" for i in range(len(lines))]

        def reasons(program):
            _, _, err = run([program, "check", "rules", *files], self.dir)
            return re.findall(r'annotation "a": (.*)', err)

        ours, stock = reasons(SERVER), reasons(PROMTOOL)
        self.assertEqual(len(stock), len(lines))
        for text, mine, theirs in zip(lines, ours, stock):
            self.assertEqual(mine, theirs, text)


need_peers("promtool")
os.environ.pop("TZ", None)
unittest.main(verbosity=2)
