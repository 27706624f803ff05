#!/usr/bin/env python3
"""What a circuit, a channel and a subscription cost in memory, for the fake server and a real IOC in the same run.

    build/libexec/memory.py [RUNS]        (make memory)

Resident memory of the process that serves, after minus before, divided by how many were made: 200 circuits with a channel each,
100,000 channels on one circuit (10,000 PVs), 10,000 subscriptions to as many PVs on it. All are used, so that all are there:
each circuit and a sample of the channels is read through, each subscription has its first update. What the kernel keeps for
sockets is not in it, nor what a server has for its PVs before anybody asks. Each line is the median of RUNS (5) fresh servers
of each kind, which take turns; the range stands behind it."""
import resource
import statistics
import sys

from raw import (DOUBLE, EVENT_ADD, READ_NOTIFY, Client, memory_kib, message, server, server_of, subscribe)

CIRCUITS, CHANNELS, SUBSCRIPTIONS, PVS = 200, 100000, 10000, 10000
MEASURES = {f"a circuit ({CIRCUITS})": CIRCUITS, f"a channel ({CHANNELS} on a circuit)": CHANNELS,
            f"a subscription ({SUBSCRIPTIONS} on it)": SUBSCRIPTIONS}


def name(i):
    return b"ten-thousand:%05d" % (i % PVS)


def read(client, sid):
    client.socket.sendall(message(READ_NOTIFY, DOUBLE, 1, sid, 1))
    client.replies(READ_NOTIFY, 1)


def make_circuits(port):
    clients = [Client(port) for _ in range(CIRCUITS)]
    for i, client in enumerate(clients):
        read(client, client.create([name(i)])[0])
    return clients


def make_channels(client):
    sids = []
    for first in range(0, CHANNELS, 1000):
        sids += client.create([name(i) for i in range(first, first + 1000)])
    for sid in sids[::997]:
        read(client, sid)
    return sids


def make_subscriptions(client, sids):
    for first in range(0, SUBSCRIPTIONS, 500):
        client.socket.sendall(b"".join(subscribe(sids[i], i, DOUBLE, 1) for i in range(first, first + 500)))
        seen = {subid for _, subid in client.replies(EVENT_ADD, 500)}
        while len(seen) < 500:  # further updates of values that change
            seen |= {subid for _, subid in client.replies(EVENT_ADD, 1)}


def run(command):
    """Bytes for each of MEASURES."""
    with server(*command) as (port, pid):
        client = Client(port)
        read(client, client.create([name(0)])[0])
        memory = [memory_kib(pid)]
        circuits = make_circuits(port)
        memory.append(memory_kib(pid))
        sids = make_channels(client)
        memory.append(memory_kib(pid))
        make_subscriptions(client, sids)
        memory.append(memory_kib(pid))
        for each in (client, *circuits):
            each.socket.close()
    return [(after - before) * 1024 / n for before, after, n in zip(memory, memory[1:], MEASURES.values())]


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    servers = server_of("ten-thousand")
    results = {each: [] for each in servers}
    for _ in range(runs):
        for each, command in servers.items():
            results[each].append(run(command))
    print(f"bytes of resident memory, median of {runs} fresh servers (least to most)\n")
    print(f"{'':34}" + "".join(f"{each:>28}" for each in servers))
    for row, what in enumerate(MEASURES):
        columns = [[result[row] for result in results[each]] for each in servers]
        print(f"{what:34}" + "".join(f"{statistics.median(c):12.0f} ({min(c):.0f} to {max(c):.0f})".rjust(28) for c in columns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
