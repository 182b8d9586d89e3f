#!/usr/bin/env python3
"""Checks that every #include of a room is allowed by what the room links (src/ROOM/CMakeLists.txt, DEPS),
and that third-party headers stay out of public headers: those that another room or an app includes.
Exit 1 and one line per breach."""
import pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
PUBLIC = ("tl/expected", "protozero/")  # whose wrapper is a header
WRAPPED = {  # third-party header prefix -> rooms that may include it
    "microhttpd": {"http"}, "gnutls/": {"http"}, "crypt.h": {"http"}, "curl/": {"http"}, "ares.h": {"discovery"}, "libdeflate": {"http"}, "zlib.h": {"http"},
    "yaml-cpp/": {"config"}, "simdjson": {"dashboards"},
    "snappy": {"tsdb", "remote"}, "zstd": {"http", "tsdb"}, "sqlite3": {"dashboards"}, "argon2": {"dashboards"},
    "re2/": {"model", "agent"}, "xxhash": {"base"}, "spdlog/": {"base"}, "tl/expected": {"base"}, "protozero/": {"base"},
    "CLI/": set(),
}


def direct_deps():
    deps = {}
    for room in sorted(p.parent.name for p in SRC.glob("*/CMakeLists.txt")):
        text = (SRC / room / "CMakeLists.txt").read_text()
        block = re.search(r"slurmscope_room\(\w+(.*?)\)", text, re.S).group(1)
        linked = re.split(r"TEST_DEPS", block)
        deps[room] = (set(re.findall(r"slurmscope_(\w+)", linked[0])), set(re.findall(r"slurmscope_(\w+)", block)))
    return deps


def closure(room, deps, seen=None):
    seen = seen if seen is not None else {room}
    for dep in deps[room][0]:
        if dep not in seen:
            seen.add(dep)
            closure(dep, deps, seen)
    return seen


def includes(path):
    """(line number, header) of each #include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#include [<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def code_files(root):
    return [path for path in sorted(root.rglob("*")) if path.suffix in (".h", ".cc")]


def public_headers():
    return {header for path in code_files(SRC) + code_files(ROOT / "apps") for _, header in includes(path)
            if header.split("/")[0] != path.relative_to(ROOT).parts[1]}


def main():
    deps = direct_deps()
    public = public_headers()
    problems = []
    for room in deps:
        allowed = closure(room, deps)
        in_tests = allowed.union(*(closure(dep, deps) for dep in deps[room][1]))
        for path in code_files(SRC / room):
            test_file = path.stem.endswith(("_test", "_bench", "_fuzz"))
            for number, header in includes(path):
                where = f"{path.relative_to(ROOT)}:{number}"
                top = header.split("/")[0]
                if top in deps and "/" in header and top not in (in_tests if test_file else allowed):
                    problems.append(f"{where}: room {room} does not link {top}")
                for prefix, rooms in WRAPPED.items():
                    if header.startswith(prefix) and room not in rooms:
                        problems.append(f"{where}: {header} belongs to {', '.join(sorted(rooms)) or 'apps'}")
                    is_public = str(path.relative_to(SRC)) in public
                    if header.startswith(prefix) and is_public and prefix not in PUBLIC:
                        problems.append(f"{where}: third-party header {header} in a public header")
    print("\n".join(problems) if problems else f"layers: {len(deps)} rooms in order")
    return 1 if problems else 0


sys.exit(main())
