#!/usr/bin/env python3
"""seeds.py TARGET DIRECTORY: writes each expression of the scripts beside it to a file, as a fuzz target wants it."""
import pathlib
import re
import sys

target, directory = sys.argv[1], pathlib.Path(sys.argv[2])
EVAL = re.compile(r"\s*eval\w*\s+(?:instant\s+at\s+\S+|range\s+from\s+\S+\s+to\s+\S+\s+step\s+\S+)\s+(.*)")
number = 0
for script in sorted(pathlib.Path(__file__).parent.glob("*.test")):
    for line in script.read_text().splitlines():
        if match := EVAL.match(line):
            # The engine's first byte says how it is asked.
            for how in ("\x00", "\x23") if target == "engine_fuzz" else ("",):
                (directory / f"seed-{number}").write_text(how + match[1])
                number += 1
