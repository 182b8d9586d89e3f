#!/usr/bin/env python3
"""Chunks are cut where stock Prometheus cuts them: snapshots of both after the replay of the same log, chunk by chunk."""
import json
import pathlib
import unittest

from block_files import BlockFiles
from pair import Pair, fetch

# Prometheus 3 ends a chunk once it has more bytes than this, 2.42 does not.
BYTES_PER_CHUNK = 1024 - 19


def snapshot(api, data):
    """The blocks of a snapshot, the oldest first."""
    status, _, text = fetch(f"{api.url}/api/v1/admin/tsdb/snapshot", data=b"", timeout=120)
    assert status == 200, text
    name = json.loads(text)["data"]["name"]
    blocks = [BlockFiles(path) for path in (pathlib.Path(data) / "snapshots" / name).iterdir()]
    return sorted(blocks, key=lambda block: block.meta["minTime"])


class SnapshotTest(unittest.TestCase):
    def test_same_series_samples_and_chunks(self):
        with Pair("--web.enable-admin-api", without=["chunks_head"]) as pair:
            stock = snapshot(pair.stock_api, pair.stack.dir / "stock-data")
            ours = snapshot(pair.ours.api, pair.stack.dir / "data")
        self.assertEqual([block.meta["minTime"] for block in ours], [block.meta["minTime"] for block in stock])
        for want, got in zip(stock, ours):
            self.compare(want, got)

    def compare(self, want, got):
        for key in ("numSeries", "numSamples"):
            self.assertEqual(got.meta["stats"][key], want.meta["stats"][key], key)
        split, equal = 0, 0
        for (labels, stock), (our_labels, ours) in zip(want.series(), got.series(), strict=True):
            self.assertEqual(our_labels, labels)
            if ("__name__", "rnd_native") in labels:
                continue  # histograms: other chunks with other limits
            same, too_long = self.compare_chunks(labels, stock, ours)
            equal += same
            split += too_long
        print(f"{equal} chunks are the same, {split} longer than Prometheus 3 makes them are cut")
        self.assertGreater(equal, 10 * split)
        self.assertEqual(got.meta["stats"]["numChunks"], sum(len(chunks) for _, chunks in got.series()))

    def compare_chunks(self, labels, stock, ours):
        """(how many are the same, how many of stock's are too long for Prometheus 3)"""
        by_start = {chunk.mint: chunk for chunk in ours}
        same = long_chunks = 0
        after_long = False
        for chunk in stock:
            if len(chunk.data) > BYTES_PER_CHUNK:
                long_chunks += 1
                after_long = True  # what follows begins elsewhere
                continue
            if after_long and chunk.mint not in by_start:
                continue
            mine = by_start.get(chunk.mint)
            self.assertIsNotNone(mine, f"{labels}: no chunk of ours begins at {chunk.mint}")
            if not after_long:
                self.assertEqual((mine.maxt, mine.encoding), (chunk.maxt, chunk.encoding), labels)
                # Stock begins the next byte when the last bits fill one, and may leave it at that.
                self.assertIn(chunk.data, (mine.data, mine.data + b"\0"), labels)
                same += 1
        for chunk in ours:
            self.assertLessEqual(len(chunk.data), 1024, f"{labels} at {chunk.mint}")
        self.assertEqual(sum(chunk.samples for chunk in ours), sum(chunk.samples for chunk in stock), labels)
        return same, long_chunks


if __name__ == "__main__":
    unittest.main(verbosity=2)
