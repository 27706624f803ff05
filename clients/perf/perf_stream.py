"""Frames of 614,400 bytes: from when they were due to their last byte at the client, what they cost, how many there can be.

The bare loop makes each frame of the one before, as the server does: it sends the same bytes. The first second of a stream is left
out on both sides."""
import json

import numpy
from bench_db import image

import perf_machine as machine
from perf_table import Measure

HZ, FRAME_BYTES = 120, 614_424
WARM_UP = HZ  # frames: a second


def lateness(samples, start_ns):
    """us from due to last byte of all frames but the first second's; samples: socket, serial, arrival; start_ns: of frame 0."""
    serial, arrived = samples[:, 1], samples[:, 2]
    due = start_ns + serial * 1_000_000_000 // HZ
    return (arrived - due)[serial > WARM_UP] / 1e3


def lost_frames(samples, clients):
    """Frames between the first and last of each socket that did not come."""
    return sum(int(s.max() - s.min() + 1 - len(s)) for s in (samples[samples[:, 0] == i, 1] for i in range(clients)))


class Run:
    """One stream: p50, p99 in us; cpu in % of a core; lost; report (of a server)."""

    def __init__(self, samples, start_ns, cpu_percent, clients, report):
        self.p50, self.p99 = numpy.quantile(lateness(samples, start_ns), [0.5, 0.99])
        self.cpu, self.report = cpu_percent, report
        self.lost = lost_frames(samples, clients)


def read(port, clients, seconds, *options):
    return machine.floor("read", "--port", port, "--sockets", clients, "--for", f"{seconds}s", *options, samples=True, width=3)


def bare(clients, seconds):
    frames = int((seconds + 1) * HZ)
    with machine.Server(machine.FLOOR, "write", "--rate", f"{HZ}Hz", "--frames", frames, "--sockets", clients) as writer:
        _, samples = read(writer.tcp, clients, seconds + 10)
        writer.process.wait(machine.PATIENCE)
    told = json.loads(writer.lines[-1])
    return Run(samples, told["start_monotonic_ns"] - 1_000_000_000 // HZ, told["cpu_ns"] / (frames / HZ) / 1e7, clients, {})


def ours(clients, seconds):
    with machine.reporting("sim", "area-detector", "--start-when", f"subscriptions={clients}") as (server, report):
        before = server.cpu_s()
        _, samples = read(server.tcp, clients, seconds + 1, "--pv", machine.IMAGE)
        cpu = (server.cpu_s() - before) / (seconds + 1) * 100
    return Run(samples[samples[:, 1] > 0], report["start_monotonic_ns"], cpu, clients, report)


def ioc_cpu(seconds):
    file = machine.database("image", image("image", 640, f"{HZ}Hz"))
    with machine.caplay("ioc", file) as server:
        before = server.cpu_s()
        read(server.tcp, 1, seconds, "--pv", machine.IMAGE)
        return (server.cpu_s() - before) / seconds * 100


def to_one(run):
    """120 Hz to one client, beside a bare loop; what each costs, and a real IOC."""
    seconds, with_ioc = (20, 5) if run.full else (4, 3)
    pairs, iocs = {"ours": [], "bare": []}, []
    for i in run.pairs(15, 3):
        for name, measure in run.turns(("ours", ours), ("bare", bare)):
            pairs[name].append(measure(1, seconds))
        if i < with_ioc:  # beside its pair: what a frame costs drifts with the machine, within minutes
            iocs.append(ioc_cpu(seconds))
    for what, most in (("p50", 1.2), ("p99", 1.3)):
        mine, floors = ([getattr(r, what) for r in pairs[name]] for name in ("ours", "bare"))
        yield Measure("stream", f"120 Hz to 1 client: due to last byte, {what}", "us", mine, floors, peer="bare loop",
                      at_most=most, interval=True)
        yield Measure("stream", f"the bare loop beside itself, {what}", "us", floors[1:], floors[:-1], peer="the run before",
                      interval=True)
    lost, merged = sum(r.lost for r in pairs["ours"]), sum(r.report["merged"] for r in pairs["ours"])
    invalid = sum(not r.report["valid"] for r in pairs["ours"])
    yield Measure("stream", "frames lost, all runs", "frames", [r.lost for r in pairs["ours"]],
                  holds=((f"0 lost ({lost})", lost == 0), (f"0 merged ({merged})", merged == 0)), note=f"invalid runs: {invalid}")
    cpu = [r.cpu for r in pairs["ours"]]
    yield Measure("stream", "server CPU, to 1 client", "%", cpu, [r.cpu for r in pairs["bare"]], peer="bare loop", at_most=1.3)
    yield Measure("stream", "server CPU, to 1 client", "%", cpu[:len(iocs)], iocs, at_most=1.0)


def to_ten(run):
    """The same to ten clients."""
    seconds = 5 if run.full else 3
    pairs = {"ours": [], "bare": []}
    for _ in run.pairs(5, 3):
        for name, measure in run.turns(("ours", ours), ("bare", bare)):
            pairs[name].append(measure(10, seconds))
    lost, merged = sum(r.lost for r in pairs["ours"]), sum(r.report["merged"] for r in pairs["ours"])
    for what, most in (("p50", None), ("p99", 1.3)):
        mine, floors = ([getattr(r, what) for r in pairs[name]] for name in ("ours", "bare"))
        yield Measure("fan-out", f"120 Hz to 10 clients: due to last byte, {what}", "us", mine, floors, peer="bare loop",
                      at_most=most, holds=((f"0 lost ({lost})", lost == 0), (f"0 merged ({merged})", merged == 0)) if most else ())
    yield Measure("fan-out", "server CPU, to 10 clients", "%", [r.cpu for r in pairs["ours"]], [r.cpu for r in pairs["bare"]],
                  peer="bare loop")


# ---- as fast as possible ----


def bare_fast(clients, seconds):
    with machine.Server(machine.FLOOR, "write", "--for", f"{seconds}s", "--sockets", clients) as writer:
        answer, _ = read(writer.tcp, clients, seconds)
    return answer["bytes"] / answer["for_ns"]


def ours_fast(clients, seconds):
    with machine.caplay("sim", "area-detector", "--asap", "--start-when", f"subscriptions={clients}") as server:
        answer, _ = read(server.tcp, clients, seconds, "--pv", machine.IMAGE)
    return answer["bytes"] / answer["for_ns"]


def fast(run):
    """Frames as fast as possible: bytes at the client, beside a bare writer of the same frames."""
    seconds = 2 if run.full else 1
    for clients in (1, 10):
        rates = ([], [])
        for _ in run.pairs(5, 3):
            for i, measure in run.turns((0, ours_fast), (1, bare_fast)):
                rates[i].append(measure(clients, seconds))
        yield Measure("as fast as possible", f"to {clients} client{'s' if clients > 1 else ''}", "GB/s", *rates, peer="bare writer",
                      at_least=0.85)
