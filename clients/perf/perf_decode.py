"""Decoding a capture file, beside a loop that only reads it with libpcap and sums up its bytes (CRC32C), and beside tshark.

`caplay capture -r - -w TRACE` does all that a recording needs: packets, TCP in order, messages, pairing, the trace on the disk. With
`-r FILE` the file's SHA-256 is taken, too, in a thread beside; standard input has none. What it takes by itself (`openssl dgst`, the
same library) is that line's floor. All are whole processes, from start to end, and the file is in the page cache.

Small messages are gets, one by one: a message a packet. Where a packet holds hundreds of them (10,000 channels connect), summing up
their bytes is no measure for keeping a record of each, and that line is for information."""
import numpy

import perf_connect
import perf_machine as machine
import perf_packets
import perf_stream
from bench_db import image, scalar
from perf_table import Measure


def images(server, run):
    perf_stream.read(server.tcp, 3, 8 if run.full else 4, "--pv", machine.IMAGE)


def gets(server, run):
    machine.floor("get", "--port", server.tcp, "--pv", machine.SCALARS[0], "--count", 500_000 if run.full else 300_000)


def connects(server, run):
    for _ in range(20 if run.full else 5):
        perf_connect.connect("libca", server)


class File:
    """A capture of a real IOC's traffic, and what the bare loop tells of it."""

    def __init__(self, traffic, run):
        database = machine.database("decode", *map(scalar, range(10000)), image("image", 640, "120Hz"))
        with machine.caplay("ioc", database) as server, perf_packets.Capture("pcapng", server) as capture:
            traffic(server, run)
        self.path, self.trace = capture.file, machine.folder / "decoded.catrace"
        told = machine.floor("decode", "--file", self.path)
        self.bytes, self.packets = told["bytes"], told["packets"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.path.unlink()
        self.trace.unlink(missing_ok=True)

    def bare(self):
        return perf_packets.spent([machine.FLOOR, "decode", "--file", self.path])

    def ours(self):
        self.trace.unlink(missing_ok=True)  # outside of the time: freeing its pages is not decoding
        with open(self.path) as stdin:
            return perf_packets.spent([machine.CAPLAY, "capture", "-r", "-", "-w", self.trace], stdin)

    def ours_with_hash(self):
        self.trace.unlink(missing_ok=True)
        return perf_packets.spent([machine.CAPLAY, "capture", "-r", self.path, "-w", self.trace])

    def hash(self):
        return perf_packets.spent([perf_packets.OPENSSL, "dgst", "-sha256", self.path])

    def tshark(self):
        return perf_packets.spent([perf_packets.TSHARK, "-r", self.path, "-q", "-z", "io,phs"])


def pairs(run, file, *kinds):
    """Of each kind (wall s, CPU s) of each turn."""
    spent = {kind: [] for kind in kinds}
    for _ in run.pairs(9, 5):
        for kind in run.turns(kinds, kinds[::-1])[0]:
            spent[kind].append(getattr(file, kind)())
    return spent


def with_hash(measure, alone):
    """The digest's own time beside it, which no decoder that takes it can be faster than."""
    if alone:
        ratio = numpy.median(numpy.divide(alone, measure.beside))
        measure.floor, measure.note = alone, f"the floor is the SHA-256 alone: {ratio:.3g} times the bare loop"
    return measure


def lines(run, traffic, what, unit, count, most):
    with File(traffic, run) as file:
        spent = pairs(run, file, "bare", "ours", "ours_with_hash", *(["hash"] if perf_packets.OPENSSL else []))
        scale = 1e9 / count(file)
        wall, cpu = ({kind: [pair[i] * scale for pair in spent[kind]] for kind in spent} for i in (0, 1))
        beside = {"peer": "bare libpcap + CRC32C"}
        yield Measure("decode", what, unit, wall["ours"], wall["bare"], **beside, at_most=most,
                      note=f"{file.bytes / 1e6:.0f} MB, {file.packets:,} packets")
        yield Measure("decode", f"{what}: CPU", unit, cpu["ours"], cpu["bare"], **beside)
        yield with_hash(Measure("decode", f"{what}, and the file's SHA-256", unit, wall["ours_with_hash"], wall["bare"], **beside),
                        wall.get("hash", []))
        if perf_packets.TSHARK:
            yield Measure("decode", f"{what}, once", unit, [min(wall["ours"])], [file.tshark()[0] * scale], peer="tshark")
        else:
            yield Measure("decode", f"{what}, once", unit, [], missing="no tshark here")


def decode(run):
    """Image traffic, small messages, many messages a packet."""
    yield from lines(run, images, "image traffic", "ns/byte", lambda file: file.bytes, 2)
    yield from lines(run, gets, "small messages", "ns/packet", lambda file: file.packets, 3)
    yield from list(lines(run, connects, "10^4 connects", "ns/packet", lambda file: file.packets, None))[:2]
