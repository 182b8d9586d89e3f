#!/usr/bin/env python3
"""The tables of docs/prometheus-compatibility.md: what the program does with each flag, key and path of Prometheus 3.14,
found out by trying. `tables.py` compares them with the document, `tables.py --write` writes them into it."""
import concurrent.futures
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from stack import ROOT, SERVER, Stack, fetch  # noqa: E402
from surface import ENDPOINTS, FEATURES, FLAGS, KEYS, PLACES, SWITCH  # noqa: E402

DOCUMENT = ROOT / "docs/prometheus-compatibility.md"


def run(*arguments):
    done = subprocess.run([SERVER, *arguments], capture_output=True, text=True, timeout=60, cwd="/")
    return done.returncode, done.stdout + done.stderr


def sentence(text):
    return text.strip().rstrip(".").replace("|", "\\|")


def flag_state(name, value):
    """(done, accepted, refused or missing; why). The configuration does not exist, so that nothing is started."""
    arguments = ["serve", f"--{name}" if value is SWITCH else f"--{name}={value}"]
    if name != "config.file":
        arguments.append("--config.file=/nowhere/prometheus.yml")
    code, output = run(*arguments)
    if match := re.search(rf"--{re.escape(name)} has no effect here: ([^\"\n]*)", output):
        return "accepted", match.group(1)
    if "unknown flag" in output:
        return "missing", ""
    if "/nowhere/prometheus.yml" in output or "/nowhere/web.yml" in output:
        return "done", ""
    match = re.search(rf"--{re.escape(name)}: (.*)", output)
    return "refused", match.group(1) if match else f"{code}: {output}"


def feature_state(name):
    _, output = run("serve", f"--enable-feature={name}", "--config.file=/nowhere/prometheus.yml")
    return ("accepted", "not in this version") if "not in this version" in output else ("done", "")


def key_state(place, key, value):
    value, beside = value if isinstance(value, tuple) else (value, "")
    content = f"{key}: {value}" + (("\n" if place == "top level" else ", ") + beside if beside else "")
    text = PLACES[place] % content
    text = re.sub(r"job_name: x, (?=job_name)", "", text)
    for twice in ("url: 'http://x', url", "names: [x], names", "files: [x.yml], files"):
        text = text.replace(twice, twice.split(", ")[-1])
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "prometheus.yml"
        path.write_text(text + "\n")
        code, output = run("check", "config", str(path))
    # Of what is told, what is told of this key.
    lines = [m.group(1) for m in re.finditer(rf"[\w.\[\]]*\b{re.escape(key)}: (.*)", output)]
    why = lines[0] if lines else ""
    if code == 0:
        warned = "warning: " in output and why
        return ("accepted", why) if warned else ("done", "")
    if "unknown key" in output:
        return "missing", ""
    return "refused", why or output


def endpoint_state(url, path, method):
    options = {"method": method, "timeout": 10, **({"data": b""} if method != "GET" else {})}
    if path.endswith("/live"):
        return "done", ""  # it does not end; test/e2e/discovery_test.py listens to it
    status, _, text = fetch(url + path, **options)
    if "/debug/profile" in text:
        return "accepted", "says that there is `/debug/profile`"
    missing = status in (0, 404, 405) and "enabled" not in text
    return "missing" if missing else "done", ""


def table(rows, heads):
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def by_state(states):
    """Lines `state: names`, and one for each reason."""
    done = [f"`{name}`" for name, (state, _) in states.items() if state == "done"]
    reasons = {}
    for name, (state, why) in states.items():
        if state != "done":
            reasons.setdefault((state, sentence(why)), []).append(f"`{name}`")
    rows = [("done", " ".join(done), "")] if done else []
    return rows + [(state, " ".join(names), why) for (state, why), names in sorted(reasons.items())]


def flags_table(pool):
    states = dict(zip(FLAGS, pool.map(lambda item: flag_state(*item), FLAGS.items())))
    features = dict(zip(FEATURES, pool.map(feature_state, FEATURES)))
    return (table(by_state(states), ["", "flags", "why"]) + "\n\n" +
            table(by_state(features), ["", "names of `--enable-feature`", "why"]))


def keys_table(pool):
    rows = []
    for place, keys in KEYS.items():
        states = dict(zip(keys, pool.map(lambda item: key_state(place, *item), keys.items())))  # noqa: B023
        rows += [(f"`{place}`" if i == 0 else "", *row) for i, row in enumerate(by_state(states))]
    return table(rows, ["where", "", "keys", "why"])


def endpoints_table(_):
    rows = []
    with Stack() as stack:
        server = stack.server(stack.config({"a": []}), "--web.enable-admin-api")
        for methods, paths in ENDPOINTS.items():
            states = {}
            for path in paths:
                found = [endpoint_state(server.api.url, path, method) for method in methods.split()]
                states[path.replace("/label/a/", "/label/NAME/")] = min(found, key=lambda each: each[0] == "done")
            rows += [(methods if i == 0 else "", *row) for i, row in enumerate(by_state(states))]
    return table(rows, ["methods", "", "paths", "why"])


TABLES = {"flags": flags_table, "keys": keys_table, "endpoints": endpoints_table}


def with_tables(text):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, make in TABLES.items():
            begin, end = f"<!-- {name}: by test/compat/tables.py --write -->\n", f"<!-- end of {name} -->"
            head, rest = text.split(begin)
            _, tail = rest.split(end)
            text = head + begin + make(pool) + "\n" + end + tail
    return text


def main():
    old = DOCUMENT.read_text()
    new = with_tables(old)
    if "--write" in sys.argv:
        DOCUMENT.write_text(new)
        return 0
    difference = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "the document", "the program", lineterm="", n=0))
    print("\n".join(difference) or "the tables say what the program does")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
