#!/usr/bin/env python3
"""What sending by remote write costs: the CPU seconds of a server that scrapes, with and without `remote_write`, under the
same load. The receiver is VictoriaMetrics; what it has taken is what counts. Prints one line a server.
    bench/remote_write.py [--targets 100] [--series 200] [--seconds 40] [--rounds 1] [--v2] [SERVER ...]
needs build/slurmscope (./dev build; SLURMSCOPE names another), build/peers (./dev peers) and the generator of ../shared/bench."""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ROOT / "build/peers/usr/bin"
GENERATOR = ROOT / "build/bench-work/fake_exporters"
SOURCE = ROOT.parent / "shared/bench/fake_exporters.cpp"
TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 8  # seconds: series are made, connections are there

COMMANDS = {
    "prometheus": [PEERS / "prometheus", "--config.file={config}", "--storage.tsdb.path={data}",
                   "--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
    "slurmscope": [os.environ.get("SLURMSCOPE", ROOT / "build/slurmscope"), "serve", "--config.file={config}",
                   "--storage.tsdb.path={data}", "--web.listen-address=127.0.0.1:{port}", "--ui.listen-address=",
                   "--log.level=error"],
}


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as reply:
        return reply.read().decode()


def wait_until_up(url):
    for _ in range(600):
        try:
            return fetch(url)
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"no answer from {url}")


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Program:
    def __init__(self, command, directory, **values):
        with open(directory / f"{pathlib.Path(str(command[0])).name}.log", "ab") as log:
            self.process = subprocess.Popen([str(part).format(**values) for part in command], stdout=log, stderr=log)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


def taken(receiver):
    """Samples that VictoriaMetrics has got by remote write."""
    page = fetch(f"http://127.0.0.1:{receiver}/metrics")
    return sum(float(value) for value in re.findall(r'^vm_rows_inserted_total\{type="promremotewrite"\} (\S+)', page, re.M))


def measure(name, sends, options, work):
    """(CPU seconds, millions of samples) of the seconds measured."""
    port, receiver = options.port, options.port + 1
    config, data = work / "prometheus.yml", work / f"{name}-{sends}"
    text = (work / "generated/prometheus.yml").read_text()
    if sends:
        text += f"remote_write:\n- url: http://127.0.0.1:{receiver}/api/v1/write\n"
        text += "  protobuf_message: io.prometheus.write.v2.Request\n" if options.v2 and name == "slurmscope" else ""
    config.write_text(text)
    shutil.rmtree(work / "receiver", ignore_errors=True)
    storage = [PEERS / "victoria-metrics", "-storageDataPath={data}", "-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    with Program(storage, work, data=work / "receiver", port=receiver), \
         Program(COMMANDS[name], work, config=config, data=data, port=port) as server:
        wait_until_up(f"http://127.0.0.1:{receiver}/metrics")
        wait_until_up(f"http://127.0.0.1:{port}/-/ready")
        time.sleep(WARM_UP)
        cpu, rows, begin = cpu_seconds(server), taken(receiver), time.monotonic()
        time.sleep(options.seconds)
        cpu, rows = cpu_seconds(server) - cpu, taken(receiver) - rows
        meant = options.targets * options.series * (time.monotonic() - begin) / 1e6
    shutil.rmtree(data, ignore_errors=True)
    if sends and rows / 1e6 < 0.9 * meant:
        print(f"{name}: only {rows / 1e6:.2f} of {meant:.2f} M samples came in time", file=sys.stderr)
    return cpu, rows / 1e6 if sends else meant


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="*", default=["prometheus", "slurmscope"])
    for flag, default in (("targets", 100), ("series", 200), ("seconds", 40), ("rounds", 1), ("port", 19490), ("base-port", 24600)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    parser.add_argument("--v2", action="store_true", help="send remote write 2.0 (Slurmscope only)")
    options = parser.parse_args()
    if not SOURCE.exists() or not (PEERS / "victoria-metrics").exists():
        print("skipped: no ../shared/bench or no peers")
        return
    if not GENERATOR.exists():
        GENERATOR.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["g++", "-O2", "-std=c++17", "-o", GENERATOR, SOURCE], check=True)
    with tempfile.TemporaryDirectory(prefix="remote-write-") as directory:
        work = pathlib.Path(directory)
        (work / "generated").mkdir()
        generator = [GENERATOR, "--targets", options.targets, "--series", options.series, "--base-port", options.base_port,
                     "--write-config", work / "generated", "--interval", "1s", "--max-seconds", 7200]
        with Program(generator, work):
            time.sleep(2)
            for name in options.servers:
                costs, alone = [], []
                for _ in range(options.rounds):
                    without, samples = measure(name, False, options, work)
                    alone.append(without / samples)
                    with_it, samples = measure(name, True, options, work)
                    costs.append(with_it / samples)
                sending = statistics.median(costs) - statistics.median(alone)
                print(f"{name}: {sending:.3f} CPU s to send a million samples ({statistics.median(costs):.3f} with scraping, "
                      f"{statistics.median(alone):.3f} without sending)", flush=True)


if __name__ == "__main__":
    main()
