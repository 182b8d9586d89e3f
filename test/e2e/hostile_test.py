#!/usr/bin/env python3
"""Clients that mean harm, or are merely slow: the server goes on answering others."""
import contextlib
import gzip
import pathlib
import resource
import socket
import threading
import time
import unittest

from stack import Stack, fetch, wait_for

MIB = 1 << 20
HALF_OPEN = 10_000
SLOW_READERS = 200
ENDLESS_BODIES = 100


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def snappy_of(pattern, size, before=b""):
    """A snappy block of `before` and then `size` bytes of a repeated pattern, a twentieth as long."""
    first = before + pattern
    block = varint(len(before) + size) + bytes([63 << 2, *(len(first) - 1).to_bytes(4, "little")]) + first
    left = size - len(pattern)
    copy = len(pattern).to_bytes(2, "little")
    block += (bytes([63 << 2 | 2]) + copy) * (left // 64)
    return block + (bytes([(left % 64 - 1) << 2 | 2]) + copy if left % 64 else b"")


class HostileTest(unittest.TestCase):
    def setUp(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.stack = Stack()
        self.addCleanup(lambda: self.stack.__exit__(None, None, None))
        self.sockets = []
        self.addCleanup(lambda: [s.close() for s in self.sockets])

    def connect(self, port, text=b"", receive_buffer=None):
        s = socket.socket()
        self.sockets.append(s)
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(5)
        s.connect(("127.0.0.1", port))
        if text:
            with contextlib.suppress(OSError):
                s.sendall(text)
        return s

    def serve(self, *flags):
        port = self.stack.agent()
        server = self.stack.server(self.stack.config({"a": [port]}), *flags)
        wait_for("samples", lambda: server.api.query("up"))
        return server

    def answers(self, server):
        # The limit is far from what it takes (milliseconds), and far below what the hostile clients could hold it up for.
        status, _, text = fetch(server.api.url + "/api/v1/query?query=up", timeout=15)
        self.assertEqual(status, 200, text)

    def threads(self, server):
        return int(next(line for line in open(f"/proc/{server.process.pid}/status") if line.startswith("Threads")).split()[1])

    def test_half_open_connections(self):
        server = self.serve()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        count = min(HALF_OPEN, limit - 200)
        for i in range(count):
            self.connect(server.port, b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n" if i % 2 else b"")
            if i % 1000 == 999:
                self.answers(server)
        self.answers(server)
        files = len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))
        self.assertLess(files, 512 + 300)

    def test_slow_readers_hold_no_thread(self):
        server = self.serve("--web.read-timeout=3s")
        before = self.threads(server)
        for _ in range(SLOW_READERS):
            self.connect(server.port, b"GET /api/v1/status/config HTTP/1.1\r\nHost: x\r\n\r\n" +
                         b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 300, receive_buffer=1024)
        self.assertGreaterEqual(self.open_connections(server), SLOW_READERS)
        # Some take a little all the time, which starts timeouts anew that only look at the last byte.
        stop = threading.Event()
        sippers = threading.Thread(target=self.sip, args=(self.sockets[:20], stop), daemon=True)
        sippers.start()
        self.addCleanup(stop.set)
        for _ in range(5):
            self.answers(server)
        self.assertLess(self.threads(server), before + SLOW_READERS // 10)
        # Those that take next to nothing are closed in the end.
        wait_for("slow clients to be closed", lambda: self.open_connections(server) < 10, 30)

    @staticmethod
    def sip(sockets, stop):
        while not stop.is_set():
            for s in sockets:
                with contextlib.suppress(OSError):
                    s.recv(1000)
            time.sleep(0.5)

    def open_connections(self, server):
        mark = f":{server.port:04X} "
        lines = open("/proc/net/tcp").read().splitlines()[1:]
        return sum(1 for line in lines if mark in line.split(":", 1)[1][:16] and line.split()[3] == "01")

    def test_huge_heads_and_endless_bodies(self):
        server = self.serve()
        head = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n"
        for _ in range(20):
            s = self.connect(server.port, head)
            with contextlib.suppress(OSError):
                self.assertIn(s.recv(100)[:12], (b"HTTP/1.1 431", b"HTTP/1.1 413", b"HTTP/1.1 400", b""))
        self.answers(server)
        stop = threading.Event()

        def pour(chunked):
            head = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\n"
            head += b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: 30000000\r\n\r\n"
            s = self.connect(server.port, head)
            piece = b"4000\r\n" + b"b" * 0x4000 + b"\r\n" if chunked else b"b" * 0x4000
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    s.sendall(piece)
                    time.sleep(0.05)

        pourers = [threading.Thread(target=pour, args=(i % 2 == 0,), daemon=True) for i in range(ENDLESS_BODIES)]
        for thread in pourers:
            thread.start()
        for _ in range(10):
            time.sleep(0.5)
            self.answers(server)
        stop.set()
        for thread in pourers:
            thread.join(10)
        rss = next(int(line.split()[1]) for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmRSS"))
        self.assertLess(rss, 900 * 1024)

    def test_messages_that_unpack_to_gigabytes(self):
        """A few bytes of protobuf are an object of hundreds: what can be made of a small body is bounded."""
        server = self.serve("--web.enable-remote-write-receiver", "--web.enable-otlp-receiver",
                            "--web.remote-write-receiver.accepted-protobuf-messages=prometheus.WriteRequest,"
                            "io.prometheus.write.v2.Request")
        v1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
        v2 = {**v1, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
        otlp = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        size = 60 * MIB
        inside = {tag: varint(tag << 3 | 2) + varint(size) for tag in (1, 5)}

        def points(kind, content):
            return gzip.compress(field(1, field(2, field(2, field(1, b"m") + field(kind, content)))), 1)

        bodies = {
            "labels": ("write", v1, snappy_of(b"\n\0", size, inside[1])),
            "samples": ("write", v1, snappy_of(b"\x12\0", size, inside[1])),
            "symbols": ("write", v2, snappy_of(b"\x22\0", size)),
            "numbers of symbols": ("write", v2, snappy_of(b"\0", size, inside[5] + b"\x0a" + varint(size - 5))),
            "queries": ("read", v1, snappy_of(b"\n\0", 30 * MIB)),
            "more than is taken": ("write", v1, snappy_of(b"\n\0", 200 * MIB)),
            "points": ("otlp/v1/metrics", otlp, points(5, b"\n\0" * (size // 6))),
            "attributes": ("otlp/v1/metrics", otlp, points(5, field(1, b"\x3a\0" * (size // 2)))),
            "buckets": ("otlp/v1/metrics", otlp, points(10, field(1, field(8, field(2, b"\0" * size))))),
            "more gzip than is taken": ("otlp/v1/metrics", otlp, gzip.compress(b"\0" * (200 * MIB), 1)),
        }
        for what, (path, headers, body) in bodies.items():
            status, _, text = fetch(f"{server.api.url}/api/v1/{path}", data=body, headers=headers, timeout=120)
            self.assertIn(status, (200, 400, 413), (what, text))
            self.answers(server)
            peak = next(int(line.split()[1]) for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmHWM"))
            self.assertLess(peak, 700 * 1024, what)

    def test_a_client_has_its_limits(self):
        server = self.serve("--web.max-connections-per-client=5")
        kept = [self.connect(server.port, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(5)]
        for s in kept:
            self.assertIn(b"200 OK", s.recv(1000))
        extra = self.connect(server.port, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(OSError):
            self.assertEqual(extra.recv(1000), b"")
        kept[0].close()
        wait_for("room", lambda: fetch(server.api.url + "/-/healthy")[0] == 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
