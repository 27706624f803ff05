"""What the recording proxy adds to a get, beside what a bare epoll relay adds."""
import numpy

import perf_machine as machine
from bench_db import scalar
from perf_table import Measure


def p50_us(port):
    _, samples = machine.floor("get", "--port", port, "--pv", machine.SCALARS[0], samples=True)
    return float(numpy.median(samples)) / 1e3


def proxy(run):
    """Gets from a real IOC: straight, through the proxy that records, through a bare relay. All servers share a core."""
    added = ([], [])
    trace = machine.folder / "proxy.catrace"
    with machine.caplay("ioc", machine.database("proxy", scalar(0))) as ioc:
        with machine.caplay("proxy", "--to", f"127.0.0.1:{ioc.udp}", "-w", trace) as ours, \
             machine.Server(machine.FLOOR, "relay", "--port", ioc.tcp) as bare:
            for _ in run.pairs(15, 5):
                straight = p50_us(ioc.tcp)
                for i, server in run.turns((0, ours), (1, bare)):
                    added[i].append(p50_us(server.tcp) - straight)
    yield Measure("proxy", "added to a get, p50", "us", *added, peer="bare relay", at_most=1.5)
