#!/usr/bin/env python3
"""hung_mount.py DIR COMMAND...: mounts a file system (FUSE) on DIR that answers nothing, and runs COMMAND. After a line on
stdin it answers: an empty directory. The end of stdin ends all. To be run as root by `unshare -m -p -f --mount-proc`, so that
nobody else on the machine meets the mount."""
import ctypes
import errno
import os
import struct
import subprocess
import sys
import threading

# linux/fuse.h: opcodes, and headers of requests (len, opcode, unique, node, uid, gid, pid, padding) and answers (len, error, unique).
FORGET, GETATTR, STATFS, INIT, INTERRUPT, BATCH_FORGET = 2, 3, 17, 26, 36, 42
REQUEST, ANSWER = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
ATTRIBUTES = struct.pack("<QII 6Q 10I", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
SIZES = struct.pack("<5Q 10I", 1000, 500, 400, 10, 5, 4096, 255, 4096, *[0] * 7)


class HungMount:
    def __init__(self, directory):
        self.device = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other"
        if libc.mount(b"hung", os.fsencode(directory), b"fuse", 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mount")
        self.lock = threading.Lock()
        self.answering = False
        self.waiting = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            request = os.read(self.device, 1 << 18)
            _, opcode, unique, *_ = REQUEST.unpack_from(request)
            if opcode == INIT:
                self.answer(unique, struct.pack("<4I 2H 2I 2H 8I", 7, 31, 0, 0, 1, 1, 4096, 1, 1, 0, *[0] * 8))
            elif opcode not in (FORGET, BATCH_FORGET, INTERRUPT):
                with self.lock:
                    self.waiting.append((opcode, unique))
                self.answer_waiting()

    def start_answering(self):
        self.answering = True
        self.answer_waiting()

    def answer_waiting(self):
        with self.lock:
            todo, self.waiting = (self.waiting, []) if self.answering else ([], self.waiting)
        for opcode, unique in todo:
            body = {GETATTR: ATTRIBUTES, STATFS: SIZES}.get(opcode)
            self.answer(unique, body or b"", 0 if body else -errno.ENOENT)

    def answer(self, unique, body, error=0):
        try:
            os.write(self.device, ANSWER.pack(ANSWER.size + len(body), error, unique) + body)
        except OSError:
            pass  # who asked has gone


def main():
    mount = HungMount(sys.argv[1])
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
    if sys.stdin.readline():
        mount.start_answering()
    sys.stdin.read()
    child.kill()


if __name__ == "__main__":
    main()
