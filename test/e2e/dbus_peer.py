"""A service on a real message bus: what systemd and logind say, made up, over Debian's dbus-daemon."""
import os
import shutil
import socket
import struct
import threading

# https://dbus.freedesktop.org/doc/dbus-specification.html
CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
ALIGNMENT = {"y": 1, "b": 4, "u": 4, "t": 8, "s": 4, "o": 4, "g": 1, "v": 1, "a": 4, "(": 8}
NUMBERS = {"y": "<B", "b": "<I", "u": "<I", "t": "<Q"}
TYPES = {PATH: "o", INTERFACE: "s", MEMBER: "s", ERROR_NAME: "s", REPLY_SERIAL: "u", DESTINATION: "s", SENDER: "s", SIGNATURE: "g"}


def first_type(signature):
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + first_type(signature[1:])
    if signature[0] != "(":
        return signature[0]
    depth = 0
    for i, c in enumerate(signature):
        depth += {"(": 1, ")": -1}.get(c, 0)
        if depth == 0:
            return signature[:i + 1]
    raise ValueError(signature)


def each_type(signature):
    while signature:
        one = first_type(signature)
        yield one
        signature = signature[len(one):]


def pad(out, to):
    out.extend(b"\0" * (-len(out) % to))


def put(out, kind, value):
    pad(out, ALIGNMENT[kind[0]])
    if kind in NUMBERS:
        out.extend(struct.pack(NUMBERS[kind], value))
    elif kind in "so":
        out.extend(struct.pack("<I", len(value)) + value.encode() + b"\0")
    elif kind == "g":
        out.extend(bytes([len(value)]) + value.encode() + b"\0")
    elif kind == "v":
        put(out, "g", value[0])
        put(out, *value)
    elif kind[0] == "(":
        for one, member in zip(each_type(kind[1:-1]), value):
            put(out, one, member)
    else:
        at = len(out)
        out.extend(b"\0" * 4)
        pad(out, ALIGNMENT[kind[1]])
        begin = len(out)
        for element in value:
            put(out, kind[1:], element)
        out[at:at + 4] = struct.pack("<I", len(out) - begin)


def message(kind, serial, fields, signature="", values=()):
    body = bytearray()
    for one, value in zip(each_type(signature), values):
        put(body, one, value)
    if signature:
        fields = {**fields, SIGNATURE: signature}
    out = bytearray(b"l" + bytes([kind, 0, 1]) + struct.pack("<II", len(body), serial))
    put(out, "a(yv)", [(code, (TYPES[code], value)) for code, value in fields.items()])
    pad(out, 8)
    return bytes(out + body)


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def get(self, kind):
        self.at += -self.at % ALIGNMENT[kind[0]]
        if kind in NUMBERS:
            size = struct.calcsize(NUMBERS[kind])
            value, = struct.unpack_from(NUMBERS[kind], self.data, self.at)
        elif kind == "v":
            return self.get(self.get("g"))
        else:
            length = self.get("y" if kind == "g" else "u")
            size = length + 1
            value = self.data[self.at:self.at + length].decode()
        self.at += size
        return value


class Bus:
    """dbus-daemon in a directory, and a client of it that owns `names` and answers calls by `answer(path, member, arguments)`:
    a pair of signature and value, or None for an error."""

    def __init__(self, directory, start, names, answer):
        self.answer = answer
        path = directory / "bus"
        config = directory / "bus.conf"
        config.write_text(f"""<busconfig><type>session</type><listen>unix:path={path}</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>""")
        self.address = f"unix:path={path}"
        self.daemon = start(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"], "dbus-daemon")
        self.path, self.names = path, names

    def serve(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(self.path))
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert self.stream.readline().startswith(b"OK ")
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.call("Hello")
        for name in self.names:
            self.call("RequestName", "su", (name, 0))
        threading.Thread(target=self.loop, daemon=True).start()

    def send(self, kind, fields, signature="", values=()):
        self.serial += 1
        self.socket.sendall(message(kind, self.serial, fields, signature, values))

    def call(self, member, signature="", values=()):
        self.send(CALL, {PATH: "/org/freedesktop/DBus", INTERFACE: "org.freedesktop.DBus", MEMBER: member,
                         DESTINATION: "org.freedesktop.DBus"}, signature, values)

    def loop(self):
        while True:
            head = self.stream.read(16)
            if len(head) < 16:
                return
            body_size, serial, fields_size = struct.unpack_from("<III", head, 4)
            rest = self.stream.read(fields_size + -fields_size % 8 + body_size)
            if head[1] == CALL:
                self.reply(serial, head + rest, fields_size)

    def reply(self, serial, data, fields_size):
        reader, fields = Reader(data, 16), {}
        while reader.at < 16 + fields_size:
            reader.at += -reader.at % 8
            code = reader.get("y")
            fields[code] = reader.get("v")
        body = Reader(data[16 + fields_size + -fields_size % 8:])
        values = [body.get(one) for one in each_type(fields.get(SIGNATURE, ""))]
        answer = self.answer(fields[PATH], fields[MEMBER], values)
        to = {DESTINATION: fields[SENDER], REPLY_SERIAL: serial}
        if answer is None:
            self.send(ERROR, {**to, ERROR_NAME: "org.freedesktop.DBus.Error.UnknownProperty"})
        else:
            self.send(RETURN, to, answer[0], [answer[1]])


def available():
    return shutil.which("dbus-daemon") is not None
