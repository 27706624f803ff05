"""The server's own recording (--tap), and what it proves: two runs of one client are equal (design, rule 7), and in --lockstep two
runs are equal to the byte."""
import json
import os
import re
import subprocess
import time

import pytest

import cahelp
import tracefile
from tracefile import FROM_SERVER, NONE, RIGHTS_OF, UPDATE

GOOD, USAGE, ENVIRONMENT = 0, 2, 5

# What beamline_tool writes: 100 numbers with 10 values each and an image with 5, of which the first are there before time 0.
NAMES = [f"beamline:{i:02}" for i in range(100)] + ["beamline:image"]
CHANGES = 100 * 9 + 4
UPDATES = 100 * 10 + 5
ORIGIN = ("--clock-origin", "2026-01-01T00:00:00Z")
WHEN = ("--start-when", f"subscriptions={len(NAMES)}")


@pytest.fixture(scope="module")
def beamline(tmp_path_factory):
    path = tmp_path_factory.mktemp("beamline") / "beamline.catrace"
    subprocess.run([cahelp.BUILD / "tests" / "beamline_tool", path], check=True)
    return path


def run_once(beamline, client, tap, port):
    """One client watches everything to the end. Its server's port, and whether nothing came between."""
    report = tap.with_suffix(".json")
    with cahelp.server("replay", beamline, *ORIGIN, *WHEN, "--tap", tap, "--report", report, port=port) as server:
        result = cahelp.run_job(client, {"task": "watch", "names": NAMES, "seconds": 1}, server.env)
        assert result["ok"], result
        assert server.stop() == GOOD
        port = server.udp
    said = json.loads(report.read_text())
    assert said["tap"] == {"lost_pieces": 0, "lost_bytes": 0}
    return port, (said["sent"], said["merged"], said["repeated_searches"]) == (CHANGES, 0, 0)


def undisturbed_run(beamline, client, tap, port):
    """A client that stalled (updates merged, searches repeated) on a busy machine shows nothing: again."""
    for _ in range(6):
        port, is_undisturbed = run_once(beamline, client, tap, port)
        if is_undisturbed:
            return port
    pytest.fail("6 runs, and in each the client stalled for a tenth of a second")


def message(event):
    return event.command, event.type, event.count, event.p1, event.p2, event.payload


def replies(events):
    """By circuit, in the order of the requests: each request and its replies."""
    found = {}
    for event in events:
        if event.flags & FROM_SERVER and event.peer != NONE and not event.flags & (UPDATE | RIGHTS_OF):
            found.setdefault(event.circuit, []).append((event.peer, event.index))
    return {circuit: [(message(events[peer]), message(events[index])) for peer, index in sorted(pairs)]
            for circuit, pairs in found.items()}


def updates(events):
    """By subscription, in order."""
    found = {}
    for event in events:
        if event.flags & UPDATE:
            found.setdefault((event.circuit, event.pv), []).append(message(event))
    return found


@pytest.fixture(scope="module", params=["libca", "pyepics"])
def runs(request, beamline, tmp_path_factory):
    """Two taps of the same client on the same recording."""
    folder = tmp_path_factory.mktemp("runs")
    taps = [folder / f"{request.param}-{i}.catrace" for i in range(2)]
    port = 0
    for tap in taps:
        port = undisturbed_run(beamline, request.param, tap, port)
    return taps


def test_two_runs_give_the_same_replies_and_the_same_updates(runs):
    first, second = map(tracefile.read, runs)
    assert replies(first) == replies(second)
    assert sum(map(len, replies(first).values())) >= 2 * len(NAMES)  # SEARCH and CREATE_CHAN at least
    assert updates(first) == updates(second)
    assert sum(map(len, updates(first).values())) == UPDATES


def test_a_tap_is_a_trace_like_any_other(runs):
    info = cahelp.caplay("info", runs[0])
    assert info.returncode == GOOD and "complete       nothing is missing" in info.stdout
    assert re.search(rf"\nsubscriptions +{len(NAMES)}, with {UPDATES} updates\n", info.stdout)
    dump = cahelp.caplay("dump", runs[0], "--pv", "beamline:07")
    assert dump.returncode == GOOD and dump.stdout.count("value=7") >= 10


def lockstep(source, clients, tap, *more):
    done = cahelp.caplay("replay", source, "--lockstep", clients, "--tap", tap, *WHEN, *more)
    assert done.returncode == GOOD, done.stderr
    return tap


def test_in_lockstep_two_runs_are_equal_to_the_byte_and_say_what_the_server_said(beamline, runs, tmp_path):
    first, second = (lockstep(beamline, runs[0], tmp_path / f"{i}.catrace", *ORIGIN) for i in range(2))
    assert first.read_bytes() == second.read_bytes()
    served, stepped = tracefile.read(runs[0]), tracefile.read(first)
    assert replies(served) == replies(stepped) and updates(served) == updates(stepped)
    image = [event.t_ns for event in stepped if event.flags & UPDATE and event.pv == "beamline:image"][1:]
    assert [t - image[0] for t in image] == [0, 100_000_000, 200_000_000, 300_000_000]


def test_in_lockstep_a_tap_answers_its_own_clients(runs, tmp_path):
    stepped = lockstep(runs[0], runs[0], tmp_path / "own.catrace")
    assert sum(map(len, updates(tracefile.read(stepped)).values())) == UPDATES
    assert stepped.read_bytes() == lockstep(runs[0], runs[0], tmp_path / "again.catrace").read_bytes()


def test_puts_and_delays_in_lockstep(tmp_path):
    """A scenario whose client writes: stamps of puts follow the clock of the steps."""
    job = {"task": "connect", "names": ["ten-thousand:00000"], "put": {"name": "ten-thousand:00001", "value": 7}}
    tap = tmp_path / "put.catrace"
    with cahelp.server("sim", "ten-thousand", "--count", "2", "--tap", tap) as server:
        assert cahelp.run_job("libca", job, server.env)["ok"]
    taps = [tmp_path / f"{i}.catrace" for i in range(2)]
    for path in taps:
        done = cahelp.caplay("sim", "ten-thousand", "--count", "2", "--latency", "3ms", "--lockstep", tap, "--tap", path)
        assert done.returncode == GOOD, done.stderr
    assert taps[0].read_bytes() == taps[1].read_bytes()
    events = tracefile.read(taps[0])
    waits = {event.t_ns - events[event.peer].t_ns for event in events
             if event.flags & FROM_SERVER and event.peer != NONE and event.command in (15, 19)}  # READ_NOTIFY, WRITE_NOTIFY
    assert waits == {3_000_000}


@pytest.mark.parametrize("options, code, said", [
    (["--lockstep", "x"], USAGE, "--lockstep needs --tap FILE"),
    (["--lockstep", "x", "--tap", "y", "--report", "z"], USAGE, "--report"),
    (["--lockstep", "x", "--tap", "y", "--link", "1Gb/s"], USAGE, "--link"),
    (["--lockstep", "x", "--tap", "y", "--start-when", "signal"], USAGE, "--start-when ready"),
    (["--lockstep", "/dev/null", "--tap", "y"], USAGE, "/dev/null"),
    (["--tap", "/nowhere/x.catrace"], ENVIRONMENT, "/nowhere/x.catrace"),
])
def test_bad_input(options, code, said):
    done = cahelp.caplay("sim", "ten-thousand", "--count", "1", "--port", "0", *options)
    assert done.returncode == code and said in done.stderr


def realtime_threads(pid):
    return [thread for thread in map(int, os.listdir(f"/proc/{pid}/task")) if os.sched_getscheduler(thread) == os.SCHED_FIFO]


def test_under_chrt_only_the_thread_that_serves_is_a_real_time_one(tmp_path):
    """Each other one gives it up as the first thing that it does."""
    with cahelp.realtime_server("sim", "ten-thousand", "--count", "1", "--tap", tmp_path / "tap.catrace", "--http", "0") as server:
        pid, end = server.process.pid, time.monotonic() + 30
        assert len(os.listdir(f"/proc/{pid}/task")) >= 3  # with the tap's and the page's
        while (found := realtime_threads(pid)) != [pid]:
            assert time.monotonic() < end, found
            time.sleep(0.01)
