#!/usr/bin/env python3
"""kill -9 of the server while it scrapes and writes blocks: what it had answered before is there afterwards.

SLURMSCOPE_KILL_ROUNDS says how often.
"""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from stack import ROOT, FakeTarget, Stack, fetch, main, wait_for

ROUNDS = int(os.environ.get("SLURMSCOPE_KILL_ROUNDS", "20"))
SERIES = 200
DIFF_DATA = os.environ.get("DIFF_DATA", str(ROOT / "build/dev/test/diff_data"))


def samples_of(api):
    """Every sample of every series, as (labels, time) -> value."""
    samples = {}
    for series in api.query('{__name__=~"counter|up"}[1h]'):
        labels = tuple(sorted(series["metric"].items()))
        for time_, value in series["values"]:
            samples[labels, time_] = value
    return samples


class KillTest(unittest.TestCase):
    def test_sigterm_while_the_log_is_read(self):
        with Stack() as stack:
            data = stack.dir / "data"
            subprocess.run([DIFF_DATA, data], check=True, stdout=subprocess.DEVNULL)
            # Many times the same, without the chunks: long to read.
            shutil.rmtree(data / "chunks_head")
            segments = sorted((data / "wal").iterdir())
            for i in range(len(segments), 60 * len(segments)):
                shutil.copy(segments[i % len(segments)], data / "wal" / f"{i:08}")
            server = stack.server(stack.config({"none": []}), wait=False)
            wait_for("the port", lambda: fetch(f"http://127.0.0.1:{server.port}/-/ready")[0] == 503)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(timeout=30), 0, server.output())
            self.assertLess(time.monotonic() - began, 2)
            self.assertIn("stopped while starting", server.output())
            self.assertNotIn("ready to receive", server.output())
            # What is there stays there.
            self.assertEqual(len(list((data / "wal").iterdir())), 60 * len(segments))

    def test_nothing_acknowledged_is_lost(self):
        counter = 0

        def page(handler):
            nonlocal counter
            counter += 1
            body = "".join(f'counter{{n="{i}"}} {counter + i}\n' for i in range(SERIES)).encode()
            handler.send_response(200)
            handler.send_header("Content-Type", "text/plain")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        random.seed(1)
        with Stack() as stack, FakeTarget(page) as target:
            config = stack.config({"t": [target.port]}, interval="100ms")
            known = {}
            # Blocks of two seconds, looked after each second.
            flags = ["--storage.tsdb.wal-segment-size=1MB", "--storage.tsdb.min-block-duration=2s",
                     "--storage.tsdb.max-block-duration=20s", "--storage.tsdb.block-reload-interval=1s"]
            for round_ in range(ROUNDS):
                server = stack.server(config, *flags)
                after = samples_of(server.api)
                missing = {key: value for key, value in known.items() if after.get(key) != value}
                self.assertFalse(missing, f"round {round_}: {len(missing)} samples of {len(known)} are gone or other")
                wait_for("new samples", lambda: len(samples_of(server.api)) > len(after) + SERIES)
                time.sleep(random.random() * 1.5)
                known = samples_of(server.api)
                server.stop(signal.SIGKILL)
            self.assertGreater(len(known), ROUNDS * SERIES)


if __name__ == "__main__":
    main()
