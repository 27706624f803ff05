"""Conversions as the real server makes them: an EPICS Base IOC reads and writes tests/conversions.db in every DBR type,
and what wire/ makes of the same values and payloads must be the same bytes.

Bytes that mean nothing are masked: pads inside structures, what stands behind the NUL of a string, and the padding behind
a reply whose count was 0 (ca-protocol 6.2).
"""
import os
import pathlib
import select
import struct
import subprocess
import sys

import pytest

import cahelp
import rawca

HERE = pathlib.Path(__file__).resolve().parent
DB = HERE / "conversions.db"
TOOL = cahelp.BUILD / "tests" / "encode_tool"
NAMES = [line.split('"')[1] for line in DB.read_text().splitlines() if line.startswith("record(")]

STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
VALUE_OFFSET = [0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 5, 4, 8, 12, 14, 12, 14, 15, 12, 16, 4, 24, 40, 422, 19, 36, 64,
                4, 28, 48, 422, 21, 44, 80, 0, 0, 8, 0]
PADS = {11: [4], 13: range(4, 8), 15: [12, 13], 17: [12, 13], 18: range(12, 15), 20: range(12, 16), 23: [6, 7], 25: [18],
        27: [6, 7], 30: [6, 7], 32: [20], 34: [6, 7]}
TIME, CTRL, CLASS_NAME, PUT_ACKT = 14, 28, 38, 35
SIZE = {STRING: 40, SHORT: 2, FLOAT: 4, ENUM: 2, CHAR: 1, LONG: 4, DOUBLE: 8}
CODE = {SHORT: "h", FLOAT: "f", ENUM: "H", CHAR: "B", LONG: "i", DOUBLE: "d"}
NORMAL = 1


def base_of(type):
    return type % 7 if type < 35 else ENUM if type < 37 else STRING


class Ioc:
    """A real IOC on the database, from its "IOC Running" to the end of its stdin."""

    def __init__(self, tmp):
        udp, beacon = cahelp.free_port(), cahelp.free_port()
        env = os.environ | {"EPICS_CAS_SERVER_PORT": str(udp), "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
                            "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO", "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
                            "EPICS_CAS_BEACON_PORT": str(beacon)}
        start = "from epicscorelibs import ioc; ioc.main((), ())"
        self.log = open(tmp / "ioc.log", "w")
        self.process = subprocess.Popen([sys.executable, "-c", start, "-d", str(DB)], env=env, stdin=subprocess.PIPE,
                                        stdout=self.log, stderr=self.log)
        self.circuit = rawca.Circuit("127.0.0.1", self.wait(udp))
        self.channels = {name: self.circuit.create(name) for name in NAMES}

    def wait(self, udp):
        """The TCP port, once it serves the database's last record."""
        for _ in range(30):
            try:
                return rawca.search("127.0.0.1", udp, NAMES[-1], timeout_s=1)
            except TimeoutError:
                assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()
        raise TimeoutError("the IOC doesn't answer")

    def close(self):
        self.circuit.close()
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Tool:
    """tests/encode_tool: wire/ behind a pipe."""

    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        readable, _, _ = select.select([self.process.stdout], [], [], 30)
        assert readable, words
        answer = self.process.stdout.readline().split()
        assert answer, f"encode_tool died of {words}"
        return answer

    def learn(self, circuit, channel):
        """What a client could have recorded of a PV: its class name, exact limits, and at last its own types."""
        self.ask("reset")
        for type in (CLASS_NAME, CTRL + DOUBLE, CTRL + channel.native, TIME + channel.native):
            status, count, payload = circuit.read(channel, type, 0)
            assert status == NORMAL or type == CTRL + DOUBLE
            if status == NORMAL:
                assert self.ask("decode", type, count, payload.hex() or "-") == ["ok"]
        return count

    def encode(self, type, count):
        status, payload = self.ask("encode", type, count)
        return int(status), bytes.fromhex(payload.strip("-"))

    def put(self, type, count, native, room, payload):
        status, count, converted = self.ask("put", type, count, native, room, payload.hex() or "-")
        return int(status), int(count), bytes.fromhex(converted.strip("-"))

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="module")
def ioc(tmp_path_factory):
    server = Ioc(tmp_path_factory.mktemp("ioc"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def tool():
    process = Tool()
    yield process
    process.close()


def masked(type, count, dynamic, payload):
    """The payload with what means nothing set to 0."""
    data = bytearray(payload)
    for at in PADS.get(type, ()):
        if at < len(data):
            data[at] = 0
    start, size = VALUE_OFFSET[type], SIZE[base_of(type)]
    if type == CLASS_NAME:  # one name, whatever the count
        data[40:] = bytes(len(data[40:]))
    if base_of(type) == STRING:
        for at in range(start, start + 40 * count, 40):
            text = bytes(data[at:at + 40]).split(b"\0")[0]
            data[at:at + 40] = text.ljust(40, b"\0")
    if dynamic:
        end = start + size * count
        data[end:] = bytes(len(data) - end)
    return bytes(data)


ARRAYS = {
    "waveform:CHAR": (CHAR, [0, 1, 97, 127, 128, 200, 255]),
    "waveform:UCHAR": (CHAR, [0, 1, 97, 127]),
    "waveform:SHORT": (SHORT, [0, 1, -1, 300, -300, 32767, -32768]),
    "waveform:USHORT": (LONG, [0, 1, 300, 40000, 65535]),
    "waveform:LONG": (LONG, [0, 1, -1, 16777217, 2147483647, -2147483648, 65536]),
    "waveform:FLOAT0": (FLOAT, [0, 0.5, 1.5, -0.4, 3e9, 1e38, 2.5e7, float("nan"), float("inf"), float("-inf")]),
    "waveform:FLOAT5": (FLOAT, [0.1, -0.1, 99.999997, 1e7, 1.1e7, 9.9e7, 1e8, -1e8, 1e-6, -1e-6, 1e-40]),
    "waveform:FLOAT12": (FLOAT, [3.14159265, -1e-30, 1e8, 0]),
    "waveform:DOUBLE": (DOUBLE, [0.1, 0.00005, 1e7, 1.00000001e7, 1e16, 1.1e16, 1e-310, 3.4e38, 3.5e38, -1e-39, float("nan")]),
    "waveform:STRING": (STRING, ["1", "2.5", "", "0x10", "7x", "-1", "120"]),
    "waveform:STRING1": (STRING, ["12"]),
    "waveform:ENUM": (ENUM, [0, 1, 65535, 300]),
}


def pack(type, values):
    if type == STRING:
        return b"".join(v.encode().ljust(40, b"\0") for v in values)
    return struct.pack(f">{len(values)}{CODE[type]}", *values)


def read_rows(circuit, tool, name, channel):
    """Each request of every type in several counts: what the server answers and what wire/ makes, where they differ."""
    held = tool.learn(circuit, channel)
    for type in range(39):
        for asked in (0, 1, 3, channel.count, channel.count + 2):
            status, count, payload = circuit.read(channel, type, asked)
            ours = tool.encode(type, held if asked == 0 and type != CLASS_NAME else count)
            theirs = status, masked(type, count, asked == 0, payload)
            if asked == 0 and status != NORMAL:
                continue  # the count is 0 then, whatever is held: the server's business
            if theirs != (ours[0], masked(type, count, asked == 0, ours[1])):
                yield f"{name} type {type} x {asked}: status {status} {theirs[1].hex()}\n  ours {ours[0]} {ours[1].hex()}"


@pytest.mark.parametrize("name", NAMES)
def test_every_type_is_read_as_the_real_server_reads_it(ioc, tool, name):
    channel = ioc.channels[name]
    if name in ARRAYS:
        type, values = ARRAYS[name]
        assert ioc.circuit.write(channel, type, len(values), pack(type, values)) == NORMAL
    assert "\n".join(read_rows(ioc.circuit, tool, name, channel)) == ""


WRITTEN = {
    STRING: ["2.5xyz", "7x", "3.7", "1e2", "0x1f", "-0x1f", "010", "", " ", "abc", "  12", "-1", "300", "-300", "70000", "-70000",
             "3000000000", "1e40", "1e-40", "1e400", "nan", "inf", "one", "one ", "12", "12 ", "1 x", "three 3", "on", "1", "15", "99",
             "65535", "65536", "a text of 39 characters, the longest one"],
    SHORT: [0, 1, 2, -1, 300, 32767, -32768],
    FLOAT: [0.0, 0.1, 1.5, -1.5, 3e9, 1e38, 1e-40, float("nan"), float("inf"), float("-inf"), 70000.5],
    ENUM: [0, 1, 2, 7, 300, 65535],
    CHAR: [0, 1, 127, 128, 255],
    LONG: [0, 1, -1, 300, 70000, -70000, 2147483647, -2147483648],
    DOUBLE: [0.0, 0.1, 1.5, -1.5, 3e9, 1e17, 1e300, -1e300, 1e-40, -1e-40, float("nan"), float("inf"), 70000.5, 16777217.0],
}
PUTS = [name for name in NAMES if name.startswith("put:")]


def put_payloads(type, channel):
    """(count, payload) of single values, of as many as fit and of one too many, and of payloads that are too short."""
    values = WRITTEN[type]
    for value in values:
        yield 1, pack(type, [value])
    numbers = values[:5] if type == STRING else values
    yield channel.count, pack(type, (numbers * 4)[:channel.count])
    if type == STRING:
        yield 1, b"2.5\0"
    if type != STRING or channel.count > 1:
        yield channel.count + 1, pack(type, (numbers * 4)[:channel.count + 1])


def put_rows(circuit, tool, name, channel, type, write):
    """Each payload of a type: where status, or the value that is held behind it, is not what wire/ makes of it."""
    for count, payload in put_payloads(type, channel):
        tool.learn(circuit, channel)
        before = circuit.read(channel, channel.native, 0)[2]
        status = write(channel, type, count, payload)
        _, held, after = circuit.read(channel, channel.native, 0)
        after = masked(channel.native, held, True, after)[:held * SIZE[channel.native]]
        ours, n, converted = tool.put(type, count, channel.native, channel.count, payload)
        if ours != NORMAL and channel.count == 1:
            converted = masked(channel.native, 1, True, before)[:SIZE[channel.native]]
        if status != ours or (after != converted and (status == NORMAL or channel.count == 1)):
            yield f"{name} type {type} x {count} {payload}: {status} {after.hex()}\n  ours {ours} {converted.hex()}"


@pytest.mark.parametrize("name", PUTS)
def test_every_type_is_written_as_the_real_server_writes_it(ioc, tool, name):
    rows = [row for type in range(7) for row in put_rows(ioc.circuit, tool, name, ioc.channels[name], type, ioc.circuit.write)]
    assert "\n".join(rows) == ""


def test_structured_types_are_written_at_their_value_offset(ioc, tool):
    """WRITE takes types 7 to 34, too, but for TIME_STRING."""
    rows = []
    for type in range(7, 35):
        for name in ("put:ao", "put:stringout", "put:DOUBLE"):
            channel, base = ioc.channels[name], base_of(type)
            payload = bytes(VALUE_OFFSET[type]) + pack(base, WRITTEN[base][1:3])
            ioc.circuit.write(channel, STRING, 1, b"0".ljust(8, b"\0"))
            tool.learn(ioc.circuit, channel)
            status = ioc.circuit.write_blindly(channel, type, 2, payload)
            _, held, after = ioc.circuit.read(channel, channel.native, 0)
            after = masked(channel.native, held, True, after)[:held * SIZE[channel.native]]
            ours, n, converted = tool.put(type, 2, channel.native, channel.count, payload)
            if status != ours or (status == NORMAL and after != converted):
                rows.append(f"{name} type {type}: {status} {after.hex()}\n  ours {ours} {converted.hex()}")
    assert "\n".join(rows) == ""
