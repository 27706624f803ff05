"""Gets, and replies that are due at a time."""
import collections

import numpy

import perf_machine as machine
from bench_db import scalar
from perf_table import Measure

DELAYS = {"+100 us": (100_000, 2000), "+1 ms": (1_000_000, 1500), "+10 ms": (10_000_000, 500)}  # ns, how many: p99 needs some


# Where server and client are, whether the server spins, and at most how much of the IOC's times p50, p99 and a pipelined get may be.
# Without pins it is the kernel's choice whether client and server share a core, and that makes a factor of ten, for each server
# anew: the two places where it puts them are measured, too.
Place = collections.namedtuple("Place", "name spin pinned cores p50 p99 pipelined")
PLACES = (Place("pinned, spinning", "always", True, machine.CLIENT_CORES, 0.7, 1.0, 1.0),
          Place("unpinned, no spin", "never", False, machine.CORES, 1.1, None, 1.0),
          Place("on one core, no spin", "never", True, machine.SERVER_CORES, 1.1, None, None),
          Place("on two cores, no spin", "never", True, machine.CLIENT_CORES, 1.1, None, None))


def get(run):
    """10^4 gets, one at a time and pipelined."""
    for place in PLACES:
        ours = machine.caplay("sim", "ten-thousand", "--spin", place.spin, pinned=place.pinned)
        ioc = machine.caplay("ioc", machine.database("scalars", *map(scalar, range(10000))), pinned=place.pinned)
        with ours, ioc:
            yield from gets_beside(run, ours, ioc, place)


def gets_beside(run, ours, ioc, place):
    single, pipelined = ([], []), ([], [])
    for _ in run.pairs(15, 5):
        for i, server in run.turns((0, ours), (1, ioc)):
            ask = ("get", "--port", server.tcp, "--pv", machine.SCALARS[0])
            _, samples = machine.floor(*ask, samples=True, cores=place.cores)
            single[i].append(numpy.quantile(samples, [0.5, 0.99]) / 1e3)
            answer = machine.floor(*ask, "--pipelined", cores=place.cores)
            pipelined[i].append(answer["for_ns"] / answer["gets"])
    p50, p99 = ([[times[k] for times in side] for side in single] for k in (0, 1))
    yield Measure("get", f"one at a time, {place.name}: p50", "us", *p50, at_most=place.p50)
    yield Measure("get", f"one at a time, {place.name}: p99", "us", *p99, at_most=place.p99)
    yield Measure("get", f"10^4 pipelined, {place.name}: each", "ns", *pipelined, at_most=place.pipelined)


def delay(run):
    """Replies due at a time after the request: our own lateness."""
    for name, (ns, count) in DELAYS.items():
        yield from delayed(run, name, ns, count)


def delayed(run, name, ns, count):
    p50, p99 = ([], []), ([], [])
    for _ in run.pairs(5, 3):
        for i, measure in run.turns((0, server_lateness), (1, floor_lateness)):
            times = measure(ns, count)
            p50[i].append(times[0])
            p99[i].append(times[1])
    yield Measure("delay", f"{name}: self lateness p50", "us", p50[0], floor=p50[1], at_most=1.0, absolute=True)
    yield Measure("delay", f"{name}: self lateness p99", "us", *p99, peer="bare wake-ups", at_most=1.2)


def server_lateness(ns, count):
    """(p50, p99) in us, from the server's report. Only gets wait: a circuit's few first answers, each the first of its kind, would
    be most of the latest 1% of 500."""
    with machine.reporting("sim", "ten-thousand", "--latency", f"read={ns // 1000}us") as (server, report):
        machine.floor("get", "--port", server.tcp, "--count", count)
    late = report["lateness"]["self"]
    return late["p50_ns"] / 1e3, late["p99_ns"] / 1e3


def floor_lateness(ns, count):
    """A bare process where the server would run, with the same deadlines."""
    file = machine.folder / "wake"
    machine.run([machine.FLOOR, "wake", "--delay", f"{ns // 1000}us", "--count", count, "--samples", file], server=True)
    return tuple(numpy.quantile(numpy.fromfile(file, dtype=numpy.int64), [0.5, 0.99]) / 1e3)
