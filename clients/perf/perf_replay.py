"""A replay beside the recording that it plays: service times and the times between updates, as a client sees them.

A real IOC stands behind a relay that lets its answers wait, so that there are times to replay. The same client asks the IOC and the
replay, one request at a time; both are captured where the client is, by the same program. How far two distributions are apart is
their Kolmogorov-Smirnov distance: the largest difference of the fractions that are below any time. Recordings of the same IOC are
apart, too; that is what stands beside."""
import contextlib
import itertools
import json
import signal
import socket
import subprocess

import numpy

import perf_machine as machine
from bench_db import record
from perf_table import Measure
from raw import DOUBLE, READ_NOTIFY, VERSION, Client, message, subscribe

DELAYS = {"at once": 0, "after 0.5 ms": 500, "after 1 ms": 1_000, "after 10 ms": 10_000}  # us
CHANNELS, READS, SECONDS, MOST = 200, 400, 5, 0.05
SEARCH, WRITE_NOTIFY, EVENT_ADD = 6, 19, 1
CLASSES = {"search": "SEARCH", "create": "CREATE_CHAN", "read": "READ_NOTIFY", "put callback": "WRITE_NOTIFY", "first update": "EVENT_ADD"}
NAMES = [f"replay:{i:03d}".encode() for i in range(CHANNELS)]
COUNT = "replay:count"


def database():
    stills = [record("ao", name.decode(), {"VAL": i, "PREC": 3, "PINI": "YES"}) for i, name in enumerate(NAMES)]
    return machine.database("replay", *stills, record("ai", COUNT, {"HOPR": 9999, "TSE": -2}, {"caplay:count": "50Hz"}))


class Capture:
    """What passes a port on lo, to a trace."""

    def __init__(self, port, trace):
        self.process = subprocess.Popen([machine.CAPLAY, "capture", "-i", "lo", "-w", trace, f"port {port}"], stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if not line.startswith("capturing on"):
            raise RuntimeError(line.strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=machine.PATIENCE)


def search_all(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(machine.PATIENCE)
        for i, name in enumerate(NAMES):
            s.sendto(message(VERSION, 1, 13, i) + message(SEARCH, 5, 13, i, i, name + b"\0"), ("127.0.0.1", port))
            s.recv(1024)


def ask(port):
    """One request after the other; a second circuit's updates come meanwhile, and wait in its socket."""
    search_all(port)
    watcher, client = Client(port), Client(port)
    begin = machine.time.monotonic()
    watcher.socket.sendall(subscribe(watcher.create([COUNT.encode()])[0], 1, 14 + DOUBLE, 1))
    sids = [client.create([name])[0] for name in NAMES]
    for i in range(READS):
        client.socket.sendall(message(READ_NOTIFY, DOUBLE, 1, sids[i % CHANNELS], i))
        client.replies(READ_NOTIFY, 1)
    for i, sid in enumerate(sids):
        client.socket.sendall(message(WRITE_NOTIFY, DOUBLE, 1, sid, i, bytes(8)))
        client.replies(WRITE_NOTIFY, 1)
    for i, sid in enumerate(sids):
        client.socket.sendall(subscribe(sid, i, 14 + DOUBLE, 1))
        client.replies(EVENT_ADD, 1)
    machine.time.sleep(max(0, begin + SECONDS - machine.time.monotonic()))  # the updates that are to be compared
    watcher.socket.close()
    client.socket.close()


def times(trace):
    """In ns, by class, of what a client asked."""
    rows = [json.loads(line) for line in subprocess.run([machine.CAPLAY, "dump", "--format", "jsonl", trace], check=True,
                                                        capture_output=True, text=True).stdout.splitlines()]
    replies = [row for row in rows if row["from"] == "server" and "loss" not in row]
    served = {name: [row["service_ns"] for row in replies if row["command"] == command and row.get("service_ns")]
              for name, command in CLASSES.items()}
    updates = [row["t_ns"] for row in replies if row["command"] == "EVENT_ADD" and row["pv"] == COUNT]
    return served | {"between updates": numpy.diff(updates)}


def recorded(delay_us, trace):
    with machine.caplay("ioc", database()) as ioc:
        with machine.Server(machine.FLOOR, "relay", "--port", ioc.tcp, "--delay", f"{delay_us}us") as relay, Capture(relay.tcp, trace):
            ask(relay.tcp)
    return times(trace)


def free_port():
    """One that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]


def replayed(trace):
    """The capture runs before the replay begins, which measures then how long a send is on its way: longer where it is captured."""
    seen, port = machine.folder / "seen.catrace", free_port()
    with Capture(port, seen), machine.Server(machine.CAPLAY, "replay", trace, "--port", port) as server:
        ask(server.tcp)
    return times(seen)


def distance(a, b):
    """Kolmogorov-Smirnov, of two samples."""
    a, b = numpy.sort(a), numpy.sort(b)
    every = numpy.concatenate([a, b])
    return float(numpy.abs(numpy.searchsorted(a, every, "right") / len(a) - numpy.searchsorted(b, every, "right") / len(b)).max())


def replay(run):
    """Recordings of an IOC that answers at once and late, and their replays."""
    for name, delay_us in DELAYS.items():
        recordings, replays = [], []
        for i in run.pairs(5, 2):
            trace = machine.folder / f"recorded-{i}.catrace"
            recordings.append(recorded(delay_us, trace))
            replays.append(replayed(trace))
        for of in recordings[0]:
            between = [distance(a[of], b[of]) for a, b in itertools.combinations(recordings, 2)]
            ours = [distance(a[of], b[of]) for a, b in zip(recordings, replays)]
            yield compared(name, of, ours, between, delay_us > 0 or of == "between updates")


def compared(delay, of, ours, between, is_gated):
    """The gate: the median distance is at most so much above that of recordings."""
    most = float(numpy.median(between)) + MOST
    return Measure("replay", f"{of}, IOC answers {delay}: KS distance", "", ours, between, peer="between recordings",
                   at_most=round(most, 3) if is_gated else None, absolute=is_gated, note="" if is_gated else "at the floor")
