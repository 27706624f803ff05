"""Connecting 10,000 channels, and searches by the million."""
import struct

import numpy
from bench_db import scalar

import perf_machine as machine
from perf_table import Measure

SEARCH, CREATE_CHAN = 6, 18
LOST_NS = 32_000_000  # what a lost search is counted as in a line of its own: libca's first wait


def servers():
    """Ours and the real IOC, with 10,000 scalars each."""
    return machine.caplay("sim", "ten-thousand"), machine.caplay("ioc", machine.database("scalars", *map(scalar, range(10000))))


def names_file():
    path = machine.folder / "names"
    path.write_text("\n".join(machine.SCALARS))
    return str(path)


def connect(client, server, watch=None):
    """ns from the first channel's making to the last one's connection."""
    job = {"task": "connect", "names_file": names_file(), "gets": 0, "timeout_s": 60}
    return machine.client_job(client, server, job, watch)["connect_ns"]


def heads(data):
    """(command, p2) of each message; those of a connecting circuit are 16 bytes with at most a name or user behind."""
    at = 0
    while at + 16 <= len(data):
        command, size, _, _, _, p2 = struct.unpack_from(">HHHHII", data, at)
        yield command, p2
        at += 16 + size


def window(packets, server):
    """ns from the first search to the last CREATE_CHAN reply, and how many searches came more than once."""
    searched, repeated, begin, end, rest, created = set(), 0, None, None, b"", 0
    for ns, is_udp, source, data in packets:
        if is_udp and source != server.udp:
            begin = begin or ns
            found = [p2 for command, p2 in heads(data) if command == SEARCH]
            repeated += sum(cid in searched for cid in found)
            searched.update(found)
        elif not is_udp and source == server.tcp and created < len(machine.SCALARS):
            rest += data
            whole = len(rest) - len(rest) % 16
            created += sum(command == CREATE_CHAN for command, _ in heads(rest[:whole]))
            rest, end = rest[whole:], ns
    return end - begin, repeated


def libca(run):
    """10^4 connects by the libca C client."""
    times, windows, repeated, refused = ([], []), ([], []), [0, 0], ""
    ours, ioc = servers()
    with ours, ioc:
        for _ in run.pairs(15, 5):
            for i, server in run.turns((0, ours), (1, ioc)):
                try:
                    listener = machine.Listener(server.tcp)
                except OSError as error:
                    listener, refused = None, str(error)
                times[i].append(connect("libca", server) / 1e6)
                if listener:
                    length, again = window(listener.packets(), server)
                    windows[i].append(length / 1e6)
                    repeated[i] += again
        drops = ours.drops()
    yield Measure("connect libca", "10^4 connects", "ms", *times, at_most=0.85, worst=1.5, note="32 ms are libca's own first wait")
    yield Measure("connect libca", "server's window", "ms", *windows, at_most=0.5, missing=refused,
                  holds=((f"no search repeated ({repeated[0]})", repeated[0] == 0), (f"0 searches lost ({drops})", drops == 0)))


def caproto_run(server):
    """(ms, datagrams lost in the client's own sockets)."""
    watches = []
    ns = connect("caproto", server, lambda pid: watches.append(machine.DropWatch(pid)) or watches[0])
    return ns / 1e6, watches[0].total()


def caproto(run):
    """10^4 connects by caproto, which loses replies in its own socket."""
    clean, every, drops, paced = ([], []), ([], []), ([], []), []
    ours, ioc = servers()
    with ours, ioc:
        for _ in run.pairs(10, 3):
            for i, server in run.turns((0, ours), (1, ioc)):
                ms, lost = caproto_run(server)
                every[i].append(ms)
                drops[i].append(lost)
                if not lost:
                    clean[i].append(ms)
        lost = ours.drops()
    n = min(map(len, clean))
    yield Measure("connect caproto", "10^4, without client drops", "ms", clean[0][:n], clean[1][:n], at_most=1.1,
                  missing="" if n else f"every run of one server had client drops: {drops}",
                  holds=((f"0 searches lost ({lost})", lost == 0),),
                  note=f"runs with client drops: ours {sum(map(bool, drops[0]))}, IOC {sum(map(bool, drops[1]))} of {len(drops[0])}")
    yield Measure("connect caproto", "10^4, all runs", "ms", *every)
    with machine.caplay("sim", "ten-thousand", "--reply-pace", "100us") as server:
        for _ in run.pairs(10, 3):
            paced.append(caproto_run(server))
    yield Measure("connect caproto", "10^4, --reply-pace 100us", "ms", [ms for ms, _ in paced],
                  holds=((f"0 client drops in {len(paced)} runs ({sum(n for _, n in paced)})", not any(n for _, n in paced)),))


def search(run):
    """Searches offered by one raw sender for 1 s."""
    ours, ioc = servers()
    with ours, ioc:
        for offered in (500_000, 1_000_000, 2_000_000):
            yield from offer(run, offered, ours, ioc)


def offer(run, offered, ours, ioc):
    """The p99 of those that were answered, which is kind to a server that loses many; and of all."""
    p99, of_all, lost, own, short, dropped = ([], []), ([], []), [0, 0], 0, [], ours.drops()
    for _ in run.pairs(7, 3):
        for i, server in run.turns((0, ours), (1, ioc)):
            answer, samples = machine.floor("search", "--port", server.udp, "--per-second", offered, samples=True)
            missing = answer["sent"] - answer["replies"] if not answer["own_drops"] else 0
            p99[i].append(numpy.quantile(samples, 0.99) / 1e3)
            of_all[i].append(numpy.quantile(numpy.append(samples, numpy.full(missing, LOST_NS)), 0.99) / 1e3)
            own += answer["own_drops"]
            lost[i] += missing
            short.append(answer["sent"] / answer["for_ns"] * 1e9)
    dropped = ours.drops() - dropped
    title = f"{offered / 1e6:g} million/s: p99"
    yield Measure("search", f"{title} of a reply", "us", *p99, at_most=0.25,
                  holds=((f"0 lost ({lost[0]})", lost[0] == 0), (f"0 datagrams dropped ({dropped})", dropped == 0)),
                  note=f"the IOC lost {lost[1]:,}; {min(short) / 1e6:.3g} million/s were really offered; the tester's own drops: {own}")
    yield Measure("search", f"{title}, a lost search counted as 32 ms", "us", *of_all)
