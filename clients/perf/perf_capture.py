"""What `caplay capture` costs and loses, beside tcpdump with the same ring, under the same load of a real IOC.

A load: 10,000 PVs connect while three clients take images of 614,400 bytes at 120 Hz (221 MB/s, of which lo shows each byte once).
The client knows the serial of every frame that it got, so a capture is held against that; nothing is ever concluded from numbers of
packets that were received and captured. The capturers run on any core, as anybody would start them. CPU is theirs alone: what the
kernel does for them while it sends is not in it, but in the stream's p99."""
import time

import numpy
from bench_db import image, scalar

import perf_connect
import perf_machine as machine
import perf_packets
import perf_stream
from perf_table import Measure

CLIENTS, CONNECT_AFTER_S = 3, 1.5
SECOND_NS = 1_000_000_000
STREAM_BYTES_S = CLIENTS * perf_stream.FRAME_BYTES * perf_stream.HZ


class Connecting:
    """10,000 channels once the stream runs. What machine.run() watches a process with."""

    def __init__(self, server):
        time.sleep(CONNECT_AFTER_S)
        perf_connect.connect("libca", server)

    def stop(self):
        pass


def lateness(samples):
    """us from due to last byte. The IOC counts its frames from a whole second of CLOCK_REALTIME."""
    offset = time.time_ns() - time.monotonic_ns()
    first = samples[:, 1].min()
    zero = samples[:, 2] + offset - samples[:, 1] * SECOND_NS // perf_stream.HZ
    start = zero.min() // SECOND_NS * SECOND_NS - offset + first * SECOND_NS // perf_stream.HZ
    return perf_stream.lateness(samples - [0, first, 0], start)


def load(server, seconds):
    """(socket, serial, arrival) of every frame that came."""
    return machine.floor("read", "--port", server.tcp, "--sockets", CLIENTS, "--for", f"{seconds}s", "--pv", machine.IMAGE,
                         samples=True, width=3, watch=lambda _: Connecting(server))[1]


class Run:
    """One load under one capturer, or none: p99 in us; CPU s a GB of the stream; drops, gaps, faults (serials that are not right)."""

    def __init__(self, server, kind, seconds):
        self.kind = kind
        if kind == "none":
            samples = load(server, seconds)
        else:
            with perf_packets.Capture(kind, server) as capture:
                samples = load(server, seconds)
        stream_bytes = len(samples) * perf_stream.FRAME_BYTES
        self.p99 = numpy.quantile(lateness(samples), 0.99)
        self.rate = stream_bytes / seconds / 1e6
        if kind != "none":
            self.cpu = capture.cpu_s / (stream_bytes / 1e9)
            self.check(capture, samples)

    def check(self, capture, samples):
        """Deletes the capture: there is never more than one, and its trace."""
        self.drops, trace = capture.drops(), capture.file
        try:
            if self.kind == "catrace":
                self.gaps = perf_packets.gaps(capture.said)
            else:
                trace, self.gaps = perf_packets.to_trace(capture.file)
            self.faults = faults(perf_packets.serials(trace, machine.IMAGE), samples)
        finally:
            capture.file.unlink(missing_ok=True)
            trace.unlink(missing_ok=True)


def faults(captured, samples):
    """Frames that a client got and that are not there once, at their place. What its socket still held at the end is there, too, and
    has to go on."""
    bad = abs(len(captured) - CLIENTS)
    for i, serials in enumerate(captured[:CLIENTS]):
        got = samples[samples[:, 0] == i, 1].tolist()
        bad += sum(a != b for a, b in zip(got, serials)) + max(len(got) - len(serials), 0)
        bad += sum(b <= a for a, b in zip(serials, serials[1:]))
    return bad


def measure(runs, kind, what, beside, most):
    drops, gaps, bad = (sum(getattr(r, name) for r in runs[kind]) for name in ("drops", "gaps", "faults"))
    return Measure("capture", f"CPU a GB, {what}", "s", [r.cpu for r in runs[kind]], [r.cpu for r in beside], peer="tcpdump -w",
                   at_most=most, missing="no tcpdump here" if most and not beside else "",
                   holds=((f"0 drops ({drops})", drops == 0), (f"0 gaps ({gaps})", gaps == 0), (f"every frame once ({bad})", bad == 0)))


def runs_of(run, kinds):
    """One long load for each kind; then shorter ones for what a raw capture costs, which differs from run to run."""
    long, short, pairs = (60, 8, 3) if run.full else (8, 4, 2)
    perf_packets.need_room(1.5 * long * STREAM_BYTES_S)
    runs = {kind: [] for kind in kinds}
    with machine.caplay("ioc", machine.database("capture", *map(scalar, range(10000)), image("image", 640, "120Hz"))) as server:
        for kind in kinds:
            runs[kind].append(Run(server, kind, long))
        for _ in range(pairs):
            for kind in run.turns(kinds[0], kinds[-1]):
                runs[kind].append(Run(server, kind, short))
    return runs


def capture(run):
    """A capture beside tcpdump's, and what both do to the stream."""
    runs = runs_of(run, ["pcapng", "none", "catrace"] + (["tcpdump"] if perf_packets.TCPDUMP else []))
    beside = runs.get("tcpdump", [])
    yield measure(runs, "pcapng", "packets as they are", beside, 1.3)
    yield measure(runs, "catrace", "decoded to a trace", beside[:1], None)
    for kind, what in (("pcapng", "caplay -w x.pcapng"), ("catrace", "caplay -w x.catrace"), ("tcpdump", "tcpdump")):
        yield Measure("capture", f"the stream's p99 beside {what}", "us", [r.p99 for r in runs.get(kind, [])[:1]],
                      [r.p99 for r in runs["none"]], peer="no capture", missing="" if kind in runs else "no tcpdump here")
    yield Measure("capture", "the stream", "MB/s", [r.rate for r in runs["pcapng"]], note=f"drops of tcpdump: {[r.drops for r in beside]}")
