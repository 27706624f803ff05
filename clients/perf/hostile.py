#!/usr/bin/env python3
"""What hostile clients cost an innocent one, for the fake server and a real IOC in the same run.

    build/libexec/hostile.py [PAIRS [SECONDS]]      (make hostile)

Quiet and attacked runs of the innocent client take turns, now the one first, now the other, each SECONDS (1.5) long; each line has
the medians of PAIRS (7) such pairs. The ratio is the median of the pairs' ratios, so that what changes from pair to pair is in
neither. The server is pinned to the first core that is allowed, the innocent client and the attacker together to the last.
Exit code 1: an attack more than doubles the fake server's p99, or its memory does not come back; floods are shown only, for they
keep the client's own core busy: the last line has what that costs alone."""
import contextlib
import multiprocessing
import os
import signal
import socket
import statistics
import struct
import sys
import time

from raw import (CLIENT_CORE, CORES, ECHO, IMAGE, IMAGE_ELEMENTS, READ_NOTIFY, SEARCH, SHORT, VERSION, Client, memory_kib, message,
                 server, server_of, subscribe)

PAIRS, SECONDS = 7, 1.5
WORST_RATIO, SLACK_KIB = 2, 8192


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


def computes(port, ready):
    """Nothing that the server sees: what a busy neighbour costs on the client's core."""
    ready.set()
    while True:
        pass


ATTACKS = {"sends 1 byte a second": one_byte_a_second, "never reads": never_reads, "is stopped": is_stopped,
           "are killed with -9": are_killed, "1,000 connects and resets/s": connects_and_resets,
           "floods with echoes": floods, "floods with searches": floods_with_searches, "(only computes)": computes}

# Those that never rest: the innocent client shares its core with them, and floods may take their share of the server.
RESTLESS = (floods, floods_with_searches, computes)


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


# ---- measuring ----


def get_latency(client, sid, seconds):
    """p50 and p99 of gets of one element, in us."""
    request, spent = message(READ_NOTIFY, SHORT, 1, sid, 1), []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    now = 0
    while now < end:
        begin = time.perf_counter_ns()
        client.socket.sendall(request)
        client.take(24)
        now = time.perf_counter_ns()
        spent.append((now - begin) / 1000)
    spent.sort()
    return spent[len(spent) // 2], spent[len(spent) * 99 // 100]


def measure_pair(client, sid, attacker, seconds, quiet_first):
    """Quiet p50, p99, attacked p50, p99."""
    quiet = get_latency(client, sid, seconds) if quiet_first else None
    with attacker:
        attacked = get_latency(client, sid, seconds)
    return (quiet or get_latency(client, sid, seconds)) + attacked


def measure_attack(client, sid, port, function, plan):
    """The medians of a line: quiet p50, p99, attacked p50, p99, and of the ratios of p99."""
    pairs, seconds = plan
    runs = []
    for i in range(pairs):
        run = measure_pair(client, sid, attack(function, port), seconds, i % 2 == 0)
        runs.append(run + (run[3] / run[1],))
    return [statistics.median(column) for column in zip(*runs)]


def begin_images(port):
    """Images are made from the first subscription on, in quiet runs as in attacked ones."""
    client = subscribe_to_image(port)
    client.take(1000)
    client.socket.close()


def measure_attacks(name, command, plan):
    """Prints a line an attack; whether all are within bounds, which counts for the fake server."""
    good = True
    with server(*command) as (port, pid):
        begin_images(port)
        client = Client(port)
        sid = client.create([IMAGE])[0]
        get_latency(client, sid, plan[1])
        before = memory_kib(pid)
        for title, function in ATTACKS.items():
            p50, p99, attacked_p50, attacked_p99, ratio = measure_attack(client, sid, port, function, plan)
            good &= ratio <= WORST_RATIO or function in RESTLESS
            print(f"{name:11} {title:28} {p50:7.0f} {p99:7.0f} {attacked_p50:9.0f} {attacked_p99:7.0f} {ratio:8.2f}", flush=True)
        get_latency(client, sid, plan[1])
        grown = memory_kib(pid) - before
        print(f"{name:11} memory after all of this: {grown:+} KiB", flush=True)
    return good and grown < SLACK_KIB


def main():
    plan = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS, float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    os.sched_setaffinity(0, {CLIENT_CORE})
    print(f"get of an innocent client, us: medians of {plan[0]} pairs of runs of {plan[1]} s; server on core {CORES[0]}, client and "
          f"attacker on core {CLIENT_CORE}\n")
    print(f"{'server':11} {'another client':28} {'quiet':>7} {'':7} {'attacked':>9}")
    print(f"{'':11} {'':28} {'p50':>7} {'p99':>7} {'p50':>9} {'p99':>7} {'p99/p99':>8}")
    good = {name: measure_attacks(name, command, plan) for name, command in server_of("area-detector").items()}
    return 0 if good["caplay sim"] else 1


if __name__ == "__main__":
    sys.exit(main())
