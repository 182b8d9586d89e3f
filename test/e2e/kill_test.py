#!/usr/bin/env python3
"""kill -9 of the server while it scrapes and writes blocks: what it had answered before is there afterwards.

SLURMSCOPE_KILL_ROUNDS says how often.
"""
import os
import random
import signal
import time
import unittest

from stack import FakeTarget, Stack, main, wait_for

ROUNDS = int(os.environ.get("SLURMSCOPE_KILL_ROUNDS", "20"))
SERIES = 200


def samples_of(api):
    """Every sample of every series, as (labels, time) -> value."""
    samples = {}
    for series in api.query('{__name__=~"counter|up"}[1h]'):
        labels = tuple(sorted(series["metric"].items()))
        for time_, value in series["values"]:
            samples[labels, time_] = value
    return samples


class KillTest(unittest.TestCase):
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
