#!/usr/bin/env python3
"""What hostile clients cost an innocent one, and what channels and subscriptions cost the server, for the fake server and a real
IOC in the same run.

    build/libexec/hostile.py [PAIRS]      (make hostile)

Quiet and attacked runs of the innocent client take turns; each line is the median of PAIRS (7) such pairs. The server is pinned to
the first core that is allowed, all clients to the others. Exit code 1: an attack more than doubles the fake server's p99, or its
memory does not come back."""
import contextlib
import multiprocessing
import os
import pathlib
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

BUILD = pathlib.Path(__file__).absolute().parent.parent
CAPLAY, BENCH_DB = BUILD / "caplay", BUILD / "bench.db"
IMAGE, IMAGE_ELEMENTS = b"area-detector:image", 640 * 480
GETS, CHANNELS, SUBSCRIPTIONS = 2000, 100000, 10000
SHORT, DOUBLE = 1, 6
WORST_RATIO, SLACK_KIB = 2, 8192
VERSION, EVENT_ADD, SEARCH, READ_NOTIFY, CREATE_CHAN, ECHO = 0, 1, 6, 15, 18, 23
CORES = sorted(os.sched_getaffinity(0))


def message(command, type=0, count=0, p1=0, p2=0, payload=b""):
    payload += bytes(-len(payload) % 8)
    if count > 0xFFFE:
        return struct.pack(">HHHHIIII", command, 0xFFFF, type, 0, p1, p2, len(payload), count) + payload
    return struct.pack(">HHHHII", command, len(payload), type, count, p1, p2) + payload


def subscribe(sid, subid, type, count):
    return message(EVENT_ADD, type, count, sid, subid, struct.pack(">fffHH", 0, 0, 0, 1, 0))


class Client:
    """A circuit; replies are read as bytes of a known length, for the clock stands at nothing else."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(message(VERSION, 0, 13))
        self.take(16)

    def take(self, n):
        data = self.socket.recv(n, socket.MSG_WAITALL)
        if len(data) < n:
            raise ConnectionError("the server ended the circuit")
        return data

    def replies(self, command, n):
        """p1 and p2 of the next n messages with this command."""
        found = []
        while len(found) < n:
            got, size, _, count, p1, p2 = struct.unpack(">HHHHII", self.take(16))
            if size == 0xFFFF:
                size, count = struct.unpack(">II", self.take(8))
            if size:
                self.take(size)
            if got == command:
                found.append((p1, p2))
        return found

    def create(self, names):
        """The sids of so many new channels."""
        self.socket.sendall(b"".join(message(CREATE_CHAN, 0, 0, i, 13, name + b"\0") for i, name in enumerate(names)))
        return [sid for _, sid in self.replies(CREATE_CHAN, len(names))]


# ---- the hostile clients; each runs in a process of its own until it is killed ----


def subscribe_to_image(port):
    client = Client(port)
    client.socket.sendall(subscribe(client.create([IMAGE])[0], 1, SHORT, IMAGE_ELEMENTS))
    return client


def one_byte_a_second(port, ready):
    s = socket.create_connection(("127.0.0.1", port), 30)
    ready.set()
    for byte in 1000 * message(VERSION, 0, 13):
        s.send(bytes([byte]))
        time.sleep(1)


def never_reads(port, ready):
    client = subscribe_to_image(port)
    ready.set()
    signal.pause()
    client.socket.close()


def is_stopped(port, ready):
    client = subscribe_to_image(port)
    ready.set()
    os.kill(os.getpid(), signal.SIGSTOP)
    client.socket.close()


def are_killed(port, ready):
    """One after the other, in the middle of an image."""
    for i in range(1 << 30):
        victim = os.fork()
        if victim == 0:
            client = subscribe_to_image(port)
            client.take(1000)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(victim, 0)
        ready.set()
        time.sleep(0.02)


def connects_and_resets(port, ready):
    """1,000 a second."""
    reset = struct.pack("ii", 1, 0)
    begin = time.monotonic()
    for i in range(1 << 30):
        with socket.create_connection(("127.0.0.1", port), 30) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        if i == 100:
            ready.set()
        time.sleep(max(0, begin + i / 1000 - time.monotonic()))


def floods(port, ready):
    """Echoes as fast as they go, on a circuit that is read."""
    client = Client(port)
    echoes = 1000 * message(ECHO)
    for i in range(1 << 30):
        client.socket.sendall(echoes)
        client.take(len(echoes))
        if i == 10:
            ready.set()


def floods_with_searches(port, ready):
    """Full datagrams as fast as they go."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram = message(VERSION, 1, 13, 1) + 30 * message(SEARCH, 5, 13, 1, 1, IMAGE + b"\0")
    for i in range(1 << 30):
        with contextlib.suppress(OSError):
            s.sendto(datagram, ("127.0.0.1", port))
        if i == 10:
            ready.set()


ATTACKS = {"sends 1 byte a second": one_byte_a_second, "never reads": never_reads, "is stopped": is_stopped,
           "are killed with -9": are_killed, "1,000 connects and resets/s": connects_and_resets,
           "floods with echoes": floods, "floods with searches": floods_with_searches}


FLOODS = (floods, floods_with_searches)  # they take their share of the server, and of the innocent client's core


@contextlib.contextmanager
def attack(function, port):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=function, args=(port, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(30):
            raise RuntimeError(f"{function.__name__} did not begin")
        yield
    finally:
        process.kill()
        process.join()


# ---- servers ----


@contextlib.contextmanager
def server(*command):
    """Its TCP port and the process id of the one that serves."""
    process = subprocess.Popen([CAPLAY, *command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               stdin=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, CORES[:1]))
    try:
        port = int(process.stdout.readline().split("tcp=")[1])
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield port, int(children[0]) if children else process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


SERVERS = {"caplay sim": {"image": ("sim", "area-detector"), "scalars": ("sim", "ten-thousand")},
           "real IOC": {"image": ("ioc", BENCH_DB), "scalars": ("ioc", BENCH_DB)}}


def memory_kib(pid):
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


# ---- measuring ----


def get_latency(client, sid):
    """p50 and p99 of GETS gets of one element, in us."""
    request, spent = message(READ_NOTIFY, SHORT, 1, sid, 1), []
    for _ in range(GETS):
        begin = time.perf_counter_ns()
        client.socket.sendall(request)
        client.take(24)
        spent.append((time.perf_counter_ns() - begin) / 1000)
    spent.sort()
    return spent[GETS // 2], spent[GETS * 99 // 100]


def measure_attack(client, sid, port, function, pairs):
    """The medians of quiet p50, p99, attacked p50, p99."""
    runs = []
    for _ in range(pairs):
        quiet = get_latency(client, sid)
        with attack(function, port):
            attacked = get_latency(client, sid)
        runs.append(quiet + attacked)
    return [statistics.median(column) for column in zip(*runs)]


def measure_attacks(name, pairs):
    """Prints a line an attack; whether all are within bounds, which counts for the fake server."""
    good = True
    with server(*SERVERS[name]["image"]) as (port, pid):
        client = Client(port)
        sid = client.create([IMAGE])[0]
        get_latency(client, sid)
        before = memory_kib(pid)
        for title, function in ATTACKS.items():
            p50, p99, attacked_p50, attacked_p99 = measure_attack(client, sid, port, function, pairs)
            good &= attacked_p99 <= WORST_RATIO * p99 or function in FLOODS
            print(f"{name:11} {title:28} {p50:7.0f} {p99:7.0f} {attacked_p50:9.0f} {attacked_p99:7.0f} {attacked_p99 / p99:8.2f}",
                  flush=True)
        get_latency(client, sid)
        grown = memory_kib(pid) - before
        print(f"{name:11} memory after all of this: {grown:+} KiB", flush=True)
    return good and grown < SLACK_KIB


def measure_memory(name):
    """Prints the bytes that a channel and a subscription cost."""
    with server(*SERVERS[name]["scalars"]) as (port, pid):
        client = Client(port)
        client.create([b"ten-thousand:00000"])
        before = memory_kib(pid)
        sids = []
        for first in range(0, CHANNELS, 1000):
            sids += client.create([b"ten-thousand:%05d" % (i % 10000) for i in range(first, first + 1000)])
        with_channels = memory_kib(pid)
        for first in range(0, SUBSCRIPTIONS, 500):
            client.socket.sendall(b"".join(subscribe(sids[i], i, DOUBLE, 1) for i in range(first, first + 500)))
            client.replies(EVENT_ADD, 500)
        with_subscriptions = memory_kib(pid)
    print(f"{name:11} {(with_channels - before) * 1024 / CHANNELS:9.0f} "
          f"{(with_subscriptions - with_channels) * 1024 / SUBSCRIPTIONS:13.0f}", flush=True)


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    os.sched_setaffinity(0, CORES[1:] or CORES)
    print(f"get of an innocent client, us, median of {pairs} pairs of {GETS} gets; server on core {CORES[0]}, clients on "
          f"{CORES[1:] or CORES}\n")
    print(f"{'server':11} {'another client':28} {'quiet':>7} {'':7} {'attacked':>9}")
    print(f"{'':11} {'':28} {'p50':>7} {'p99':>7} {'p50':>9} {'p99':>7} {'p99/p99':>8}")
    good = {name: measure_attacks(name, pairs) for name in SERVERS}
    print(f"\nbytes of memory: {CHANNELS} channels on one circuit, {SUBSCRIPTIONS} subscriptions\n")
    print(f"{'server':11} {'a channel':>9} {'a subscription':>14}")
    for name in SERVERS:
        measure_memory(name)
    return 0 if good["caplay sim"] else 1


if __name__ == "__main__":
    sys.exit(main())
