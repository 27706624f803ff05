"""No bytes from the network, and no client that misbehaves, can end the fake server, make it grow for good, or keep it from
serving the others."""
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import time

import pytest

import cahelp
import rawca

DOUBLE, TIME_SHORT, IMAGE_ELEMENTS = 6, 15, 640 * 480
IMAGE, PIXELS_FIRST = "area-detector:image", struct.Struct(">4H")
ECHO, TOO_LARGE, NO_MEMORY = 23, 0x48, 0x30
SANITIZED = os.environ.get("CAPLAY_SANITIZE") == "1"
SLACK_KIB = 1 << 20 if SANITIZED else 6000  # what the allocator may keep
HELLO = rawca.message(rawca.VERSION, 0, 13)


def scalar(i):
    return f"ten-thousand:{i:05}"


class Innocent:
    """A client from before the attack that gets what is right, and finds what it searches for."""

    def __init__(self, server):
        self.server = server
        self.name, self.type, self.count = scalar(7), DOUBLE, 1
        if server.process.args[2] == "area-detector":
            self.name, self.type, self.count = IMAGE, TIME_SHORT, 4
        self.circuit = rawca.Circuit("127.0.0.1", server.tcp)
        self.channel = self.circuit.create(self.name)

    def check(self):
        status, count, payload = self.circuit.read(self.channel, self.type, self.count)
        assert (status, count) == (1, self.count)
        assert self.type != DOUBLE or payload == struct.pack(">d", 7.5)
        assert rawca.search("127.0.0.1", self.server.udp, self.name) == self.server.tcp
        assert self.server.process.poll() is None


@contextlib.contextmanager
def attacked(*scenario):
    """A server to be attacked in the body. Afterwards it is alive, an innocent client gets what is right, and the memory is back
    where it was."""
    with cahelp.server("sim", *scenario) as server:
        innocent = Innocent(server)
        innocent.check()
        before = cahelp.memory_kib(server.process.pid)
        yield server
        end = time.monotonic() + 30
        while True:
            innocent.check()
            grown = cahelp.memory_kib(server.process.pid) - before
            if grown < SLACK_KIB:
                break
            assert time.monotonic() < end, f"{grown} KiB more than before"
        innocent.circuit.close()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.tcp), 30)


def subscribe(sid, subid, type=DOUBLE, count=1):
    return rawca.message(rawca.EVENT_ADD, type, count, sid, subid, struct.pack(">fffHH", 0, 0, 0, 1, 0))


def attacker(server, script):
    """A process that runs this script with `s` connected to the server, and says "ready" when it has done its worst."""
    setup = f"""
        import os, signal, socket, struct
        s = socket.create_connection(("127.0.0.1", {server.tcp}), 30)
        def message(command, size, type, count, p1, p2):
            return struct.pack(">HHHHII", command, size, type, count, p1, p2)
        def image():
            s.sendall(message(0, 0, 0, 13, 0, 0) + message(18, 24, 0, 0, 1, 13) + b"{IMAGE}".ljust(24, b"\\0"))
            data = b""
            while len(data) < 48:
                data += s.recv(48 - len(data))
            s.sendall(struct.pack(">HHHHIIII", 1, 0xffff, 1, 0, int.from_bytes(data[44:48], "big"), 1, 16, {IMAGE_ELEMENTS})
                      + struct.pack(">fffHH", 0, 0, 0, 1, 0))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(setup) + textwrap.dedent(script)], stdout=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "ready\n"
    return process


# ---- clients that do not read, or hardly write ----


def test_one_that_never_reads_while_images_stream():
    with attacked("area-detector") as server:
        hogs = [attacker(server, 'image(); print("ready", flush=True); signal.pause()') for _ in range(3)]
        watch = rawca.Circuit("127.0.0.1", server.tcp)
        watch.send(subscribe(watch.create(IMAGE).sid, 1, TIME_SHORT, 4))
        serials = [PIXELS_FIRST.unpack(watch.receive_until(rawca.EVENT_ADD).payload[14:22])[3] for _ in range(120)]
        assert [b - a for a, b in zip(serials[1:], serials[2:])].count(1) > 100  # the hogs do not hold back the frames of others
        watch.close()
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_one_that_is_stopped_and_goes_on():
    with attacked("area-detector") as server, rawca.Circuit("127.0.0.1", server.tcp) as watch:
        stopped = attacker(server, """
            image()
            s.recv(1 << 20)
            print("ready", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
            while s.recv(1 << 20):
                pass
        """)
        watch.send(subscribe(watch.create(IMAGE).sid, 1, TIME_SHORT, 4))
        for _ in range(120):
            watch.receive_until(rawca.EVENT_ADD)
        stopped.send_signal(signal.SIGCONT)
        for _ in range(20):
            watch.receive_until(rawca.EVENT_ADD)
        stopped.kill()
        stopped.wait()


def test_one_that_is_killed_in_the_middle_of_everything():
    with attacked("area-detector") as server:
        for _ in range(5):
            victim = attacker(server, 'image(); s.recv(1000); print("ready", flush=True); signal.pause()')
            victim.kill()
            victim.wait()


def test_one_that_sends_a_byte_at_a_time():
    with attacked("ten-thousand") as server, connect(server) as slow, rawca.Circuit("127.0.0.1", server.tcp) as other:
        channel = other.create(scalar(3))
        for i in range(len(HELLO)):
            slow.sendall(HELLO[i:i + 1])
            assert other.read(channel, DOUBLE, 1)[2] == struct.pack(">d", 3.5)
        slow.sendall(rawca.message(ECHO))
        assert rawca.split(slow.recv(16, socket.MSG_WAITALL))[0].command == rawca.VERSION
        assert rawca.split(slow.recv(16, socket.MSG_WAITALL))[0].command == ECHO


def test_one_that_asks_without_reading():
    """Requests are left in the socket; nothing piles up in the server."""
    with attacked("area-detector") as server:
        with rawca.Circuit("127.0.0.1", server.tcp) as c:
            ask = rawca.message(rawca.READ_NOTIFY, 1, IMAGE_ELEMENTS, c.create(IMAGE).sid, 1)
            before = cahelp.memory_kib(server.process.pid)
            c.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(1 << 20):
                    c.socket.sendall(1000 * ask)
            assert cahelp.memory_kib(server.process.pid) - before < 4 * 1024 + SLACK_KIB


# ---- connections ----


def test_connections_that_are_reset_at_once():
    reset = struct.pack("ii", 1, 0)
    with attacked("ten-thousand") as server:
        for i in range(1000):
            with connect(server) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                if i % 3 == 1:
                    s.sendall(HELLO + rawca.message(rawca.CREATE_CHAN, p1=1, p2=13, payload=scalar(i).encode() + b"\0"))
                if i % 3 == 2:
                    s.sendall(HELLO[:i % 16])


def test_a_peer_that_is_gone_without_a_word_is_asked_after_a_minute():
    """The kernel's table of TCP sockets tells what timer runs: 02 is keepalive, in 1/100 s."""
    with cahelp.server("sim", "ten-thousand") as server, rawca.Circuit("127.0.0.1", server.tcp) as c:
        c.read(c.create(scalar(1)), DOUBLE, 1)
        here, there = f":{server.tcp:04X}", f":{c.socket.getsockname()[1]:04X}"
        timers = set()
        end = time.monotonic() + 30
        while not any(timer.startswith("02:") for timer in timers) and time.monotonic() < end:  # when the reply is acknowledged
            rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii")]
            timers = {row[5] for row in rows if row[1].endswith(here) and row[2].endswith(there)}
        (timer,) = timers
        assert timer.startswith("02:") and int(timer[3:], 16) <= 6000


def test_200_circuits():
    with attacked("ten-thousand") as server:
        circuits = [rawca.Circuit("127.0.0.1", server.tcp) for _ in range(200)]
        for i, c in enumerate(circuits):
            assert c.read(c.create(scalar(i)), DOUBLE, 1)[2] == struct.pack(">d", i + 0.5)
        for c in circuits:
            c.close()


# ---- garbage ----


def test_garbage_over_tcp():
    chance = random.Random(5)
    with attacked("ten-thousand") as server:
        for i in range(300):
            with connect(server) as s, contextlib.suppress(ConnectionError):
                s.sendall((HELLO if i % 2 else b"") + chance.randbytes(chance.randrange(3000)))
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
        told = [line for line in server.stderr().splitlines() if "its client sent" in line]
        assert 10 <= len(told) < 100  # circuit, place and reason, but not a line for each
        assert all(line.startswith("caplay: circuit ") and ", byte " in line for line in told)


def test_garbage_over_udp():
    chance = random.Random(6)
    version = rawca.message(rawca.VERSION, 1, 13, 1)
    with attacked("ten-thousand") as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(3000):
            s.sendto((version if i % 2 else b"") + chance.randbytes(chance.randrange(1400)), ("127.0.0.1", server.udp))


@pytest.mark.parametrize("size", [0xFFFFFFF0, 0x10000, 0xFFFFFFFF])
def test_a_long_header_over_udp(size):
    """A real server (7.0.10) dies of the first and is half deaf after the second."""
    header = struct.pack(">HHHHIIII", rawca.SEARCH, 0xFFFF, 5, 0, 1, 1, size, 13)
    with attacked("ten-thousand") as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for before in (b"", rawca.message(rawca.VERSION, 1, 13, 1)):
            s.sendto(before + header, ("127.0.0.1", server.udp))
            s.sendto(before + header + bytes(60000), ("127.0.0.1", server.udp))


@pytest.mark.parametrize("size", [0xFFFFFFF0, 0x7FFFFFF8, 0x10000000])
def test_gigabytes_that_are_announced(size):
    """They are not allocated, and the circuit lives on when they are more than it takes."""
    header = struct.pack(">HHHHIIII", rawca.WRITE_NOTIFY, 0xFFFF, DOUBLE, 0, 0, 1, size, size // 8)
    with attacked("ten-thousand") as server:
        before = cahelp.memory_kib(server.process.pid)
        circuits = [connect(server) for _ in range(50)]
        for s in circuits:
            s.sendall(HELLO + header + bytes(10000))
        for s in circuits:
            assert rawca.split(s.recv(16, socket.MSG_WAITALL))[0].command == rawca.VERSION
            if size > 0x10000000:
                error = rawca.split(s.recv(16 + 24 + 72, socket.MSG_WAITALL))[0]
                assert (error.command, error.p2) == (rawca.ERROR, TOO_LARGE)
        assert cahelp.memory_kib(server.process.pid) - before < 50 * 100
        for s in circuits:
            s.close()


def test_replies_of_gigabytes_that_are_asked_for():
    with attacked("ten-thousand") as server, rawca.Circuit("127.0.0.1", server.tcp) as c:
        sid = c.create(scalar(1)).sid
        for count in (0xFFFFFFFF, 30000000, 1000000):
            c.send(rawca.message(rawca.READ_NOTIFY, DOUBLE, count, sid, 1))
            assert c.receive_until(rawca.ERROR).p2 == TOO_LARGE
        assert c.read(c.create(scalar(2)), DOUBLE, 1000)[2] == struct.pack(">d", 2.5).ljust(8000, b"\0")


# ---- very much of what is allowed ----


def test_a_hundred_thousand_channels_on_one_circuit():
    with attacked("ten-thousand") as server, rawca.Circuit("127.0.0.1", server.tcp) as c:
        made = []
        for first in range(0, 100000, 1000):
            c.send(b"".join(rawca.message(rawca.CREATE_CHAN, p1=i, p2=13, payload=scalar(i % 10000).encode() + b"\0")
                            for i in range(first, first + 1000)))
            made += [c.receive_until(rawca.CREATE_CHAN).p2 for _ in range(1000)]
        assert len(set(made)) == 100000
        for i in random.Random(7).sample(range(100000), 100):
            c.send(rawca.message(rawca.READ_NOTIFY, DOUBLE, 1, made[i], i))
            assert c.receive_until(rawca.READ_NOTIFY).payload == struct.pack(">d", i % 10000 + 0.5)


@pytest.mark.parametrize("channels", [1, 100])
def test_ten_thousand_subscriptions(channels):
    with attacked("ten-thousand") as server, rawca.Circuit("127.0.0.1", server.tcp) as c:
        sids = [c.create(scalar(i)).sid for i in range(channels)]
        for first in range(0, 10000, 500):
            c.send(b"".join(subscribe(sids[i % channels], i) for i in range(first, first + 500)))
            updates = [c.receive_until(rawca.EVENT_ADD) for _ in range(500)]
            assert [u.p2 for u in updates] == list(range(first, first + 500))
        c.send(b"".join(rawca.message(2, DOUBLE, 1, sids[i % channels], i) for i in reversed(range(10000))))
        assert [c.receive_until(rawca.EVENT_ADD).p2 for _ in range(10000)] == list(reversed(range(10000)))


def test_more_subscriptions_than_there_may_be():
    with attacked("ten-thousand") as server, rawca.Circuit("127.0.0.1", server.tcp) as c:
        sid = c.create(scalar(1)).sid
        seen = refused = 0
        for first in range(0, 51000, 1000):
            with contextlib.suppress(ConnectionError):
                c.send(b"".join(subscribe(sid, i) for i in range(first, first + 1000)))
                for _ in range(1000):
                    reply = c.receive_until(rawca.EVENT_ADD, rawca.ERROR)
                    seen += reply.command == rawca.EVENT_ADD
                    refused += reply.command == rawca.ERROR and reply.p2 == NO_MEMORY
        assert (seen, refused) == (50000, 1)
