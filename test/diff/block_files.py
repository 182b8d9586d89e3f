"""Reads a block as docs/formats/block.md has it, independently of the programs under test."""
import json
import struct

MAGIC_INDEX = 0xBAAAD700


def uvarint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def varint(data, at):
    value, at = uvarint(data, at)
    return (value >> 1) ^ -(value & 1), at


def symbols(data, start):
    """The strings of the symbol table."""
    count, = struct.unpack_from(">I", data, start + 4)
    at, out = start + 8, []
    for _ in range(count):
        size, at = uvarint(data, at)
        out.append(data[at:at + size].decode())
        at += size
    return out


class Chunk:
    """One chunk: its times, and the bytes of its encoding."""

    def __init__(self, mint, maxt, encoding, data):
        self.mint, self.maxt, self.encoding, self.data = mint, maxt, encoding, data

    @property
    def samples(self):
        return struct.unpack_from(">H", self.data)[0]


class BlockFiles:
    def __init__(self, path):
        self.meta = json.loads((path / "meta.json").read_text())
        self.segments = [p.read_bytes() for p in sorted((path / "chunks").iterdir())]
        self.index = (path / "index").read_bytes()
        assert struct.unpack_from(">IB", self.index) == (MAGIC_INDEX, 2)
        toc = struct.unpack_from(">6Q", self.index, len(self.index) - 52)
        self.names = symbols(self.index, toc[0])
        # What comes after the series: label indices where there are any, or postings.
        self.series_start, self.series_end = toc[1], min(at for at in toc[2:] if at > toc[1])

    def chunk(self, mint, maxt, ref):
        segment = self.segments[ref >> 32]
        size, at = uvarint(segment, ref & 0xFFFFFFFF)
        return Chunk(mint, maxt, segment[at], segment[at + 1:at + 1 + size])

    def series(self):
        """(labels, [Chunk]) of each series, in the order of the index."""
        at = self.series_start
        while at < self.series_end:
            at = (at + 15) // 16 * 16
            size, begin = uvarint(self.index, at)
            if size == 0:
                return
            yield self._entry(begin)
            at = begin + size + 4

    def _entry(self, at):
        count, at = uvarint(self.index, at)
        labels = []
        for _ in range(count):
            name, at = uvarint(self.index, at)
            value, at = uvarint(self.index, at)
            labels.append((self.names[name], self.names[value]))
        count, at = uvarint(self.index, at)
        chunks, maxt, ref = [], 0, 0
        for i in range(count):
            step, at = varint(self.index, at) if i == 0 else uvarint(self.index, at)
            mint = step if i == 0 else maxt + step
            duration, at = uvarint(self.index, at)
            delta, at = uvarint(self.index, at) if i == 0 else varint(self.index, at)
            maxt, ref = mint + duration, ref + delta
            chunks.append(self.chunk(mint, maxt, ref))
        return tuple(labels), chunks
