"""A real IOC is recorded on lo while two clients read and watch it; then its replay serves five, three of which were never
recorded. What a client reads of still PVs is equal on both; what moved comes again, in order, nothing missing or doubled."""
import json
import pathlib
import re
import subprocess
import sys

import pytest

import cahelp
import rawca
import test_conversions as conversions

STILL = [f"ten-thousand:{i:05d}" for i in range(20)]
MOVING = [f"moving:{i}" for i in range(4)]
SLOW_IMAGE = "area-detector:image-10hz"
RECORDED = ("libca", "caproto")
SECONDS = 5
every_client = pytest.mark.parametrize("client", cahelp.CLIENTS)


def job(client, env, **what):
    result = cahelp.run_job(client, what, env)
    if (result["error"] or "").startswith("not installed"):
        pytest.skip(result["error"])
    assert result["ok"], result
    return result


class Capture:
    """`caplay capture -i lo` of one server's ports, from its ready line to SIGINT."""

    def __init__(self, path, server):
        ports = f"port {server.udp} or port {server.tcp}"
        self.process = subprocess.Popen([str(cahelp.CAPLAY), "capture", "-i", "lo", "-w", str(path), ports],
                                        stderr=subprocess.PIPE, text=True)
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("capturing on"):
                return
        pytest.skip(f"no capture on lo here: {''.join(self.said)}")

    def stop(self):
        self.process.send_signal(2)
        self.said += self.process.stderr.readlines()
        assert self.process.wait(60) == 0, "".join(self.said)


class Recording:
    def __init__(self, folder):
        self.path = folder / "ioc.catrace"
        with cahelp.server("ioc", cahelp.BENCH_DB, env={"EPICS_CA_MAX_ARRAY_BYTES": "10000000"}) as ioc:
            capture = Capture(self.path, ioc)
            jobs = [cahelp.start_job(client, {"task": "watch", "names": MOVING + [SLOW_IMAGE], "seconds": SECONDS}, ioc.env)
                    for client in RECORDED]
            for client in RECORDED:
                job(client, ioc.env, task="read", names=STILL)
            self.watched = [cahelp.finish_job(process) for process in jobs]
            capture.stop()
            self.read = {}
            for client in cahelp.CLIENTS:
                result = cahelp.run_job(client, {"task": "read", "names": STILL}, ioc.env)
                self.read[client] = result["pvs"] if result["ok"] else None

    def updates(self, name):
        """Each post that some client saw, once, by its stamp."""
        seen = {}
        for result in self.watched:
            assert result["ok"], result
            for update in result["updates"][name]:
                seen[update[0], update[1]] = update
        return [seen[stamp] for stamp in sorted(seen)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return Recording(tmp_path_factory.mktemp("replay"))


def ns(update):
    return update[0] * 10**9 + update[1]


@every_client
def test_a_client_reads_what_it_read_from_the_ioc(recording, client):
    if recording.read[client] is None:
        pytest.skip(f"{client} could not read the IOC")
    with cahelp.server("replay", recording.path) as replay:
        pvs = job(client, replay.env, task="read", names=STILL)["pvs"]
    shifts = []
    for name in STILL:
        now, then = dict(pvs[name]), dict(recording.read[client][name])
        if "seconds" in then and then["seconds"] > 0:
            shifts.append(ns((now.pop("seconds"), now.pop("nanoseconds"))) - ns((then.pop("seconds"), then.pop("nanoseconds"))))
        assert now == then, name
    assert not shifts or (max(shifts) - min(shifts) < 2000 and min(shifts) > 0), shifts  # all are as old as they were


@every_client
def test_a_client_sees_every_recorded_update_once(recording, client):
    with cahelp.server("replay", recording.path) as replay:
        result = job(client, replay.env, task="watch", names=MOVING + [SLOW_IMAGE], seconds=SECONDS + 2)
    shifts = []
    for name in MOVING + [SLOW_IMAGE]:
        then, now = recording.updates(name), result["updates"][name]
        begin = next(i for i, update in enumerate(then) if update[2] == now[0][2])
        assert begin <= 2, name  # what had passed when the first of all subscriptions came
        then = then[begin:]
        assert len(then) > SECONDS * 9
        assert [update[2:] for update in now[:len(then)]] == [update[2:] for update in then], name
        assert len(now) - len(then) <= 10, name  # recorded before the last client hung up, and later than it looked
        assert [update[2] - now[0][2] for update in now] == list(range(len(now))), name
        shifts += [ns(b) - ns(a) for a, b in zip(then, now)]
    assert max(shifts) - min(shifts) < 2000, shifts  # stamps moved by one amount; some clients know them as doubles


def test_speed_divides_every_interval(recording):
    with cahelp.server("replay", recording.path, "--speed", "2") as replay:
        result = job("libca", replay.env, task="watch", names=MOVING, seconds=SECONDS / 2 + 1)
    for name in MOVING:
        then, now = recording.updates(name), result["updates"][name]
        begin = next(i for i, update in enumerate(then) if update[2] == now[0][2])
        halved = [abs((ns(b) - ns(a)) / 2 - (ns(d) - ns(c))) <= 1
                  for (a, b), (c, d) in zip(zip(then[begin + 1:], then[begin + 2:]), zip(now[1:], now[2:]))]
        stamped_before = halved.index(True)  # time 0, and seen after it: those keep their age
        assert all(halved[stamped_before:]) and len(halved) - stamped_before > SECONDS * 8, halved


def test_a_rate_goes_round_for_ever(recording):
    with cahelp.server("replay", recording.path, "--rate", "100Hz", "--loop", "0") as replay:
        result = job("libca", replay.env, task="watch", names=MOVING[:1], seconds=2)
    updates = result["updates"][MOVING[0]]
    known = [update[2] for update in recording.updates(MOVING[0])]
    assert len(updates) > len(known) * 2
    assert all(ns(b) - ns(a) == 10**7 for a, b in zip(updates[1:], updates[2:]))
    steps = {b[2] - a[2] for a, b in zip(updates, updates[1:])}
    assert steps - {1} and max(steps) == 1  # up by 1, and back to the begin


def test_a_loop_goes_on_in_rhythm(recording):
    with cahelp.server("replay", recording.path, "--loop", "0") as replay:
        result = job("libca", replay.env, task="watch", names=MOVING, seconds=2 * SECONDS + 2)
    for name in MOVING:
        updates = result["updates"][name]
        assert [b[2] - a[2] for a, b in zip(updates, updates[1:])].count(1) < len(updates) - 1  # it has begun anew
        assert all(0 < ns(b) - ns(a) < 250 * 10**6 for a, b in zip(updates, updates[1:])), updates


def test_as_fast_as_possible_still_looks_at_its_sockets(recording):
    with cahelp.server("replay", recording.path, "--asap", "--loop", "0") as replay:
        result = job("libca", replay.env, task="watch", names=MOVING[:1], seconds=1)
        assert len(result["updates"][MOVING[0]]) > 10 * len(recording.updates(MOVING[0]))
        job("libca", replay.env, task="read", names=STILL[:3])
        assert replay.stop() == 0


def test_as_fast_as_possible_loses_nothing_that_its_client_has_room_for(recording, tmp_path):
    report = tmp_path / "report.json"  # it begins with the first subscription, whose first value still has its recorded delay
    with cahelp.server("replay", recording.path, "--asap", "--loop", "20", "--report", report) as replay:
        job("libca", replay.env, task="watch", names=MOVING, seconds=2)
    pvs = json.loads(report.read_text())["pvs"]
    assert all(pvs[name]["posts"] > 500 and pvs[name]["merged"] == 0 for name in MOVING), pvs


def types_read(server, names):
    """Every type of every name, in three counts, with what means nothing or is told by the clock masked."""
    answers = {}
    with rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", server.udp, names[0])) as circuit:
        for name in names:
            channel = circuit.create(name)
            for type in range(35):
                for asked in (0, 1, 3):
                    status, count, payload = circuit.read(channel, type, asked)
                    data = bytearray(conversions.masked(type, count, asked == 0, payload))
                    if 14 <= type <= 20:
                        data[4:12] = bytes(len(data[4:12]))
                    answers[name, type, asked] = status, count if status == 1 else None, bytes(data)
    return answers


def was_on_no_wire(name, type, asked):
    """A bo has control limits, 0 and 1, which only a client sees that asks for it as a number: none did."""
    return name == STILL[3] and type in (29, 30, 32, 33, 34)


def test_types_that_nobody_recorded_are_those_of_the_ioc(recording):
    names = STILL[:5]  # ai, mbbo, stringin, bo, longout: recorded in their native types
    with cahelp.server("ioc", cahelp.BENCH_DB) as ioc:
        theirs = types_read(ioc, names)
    with cahelp.server("replay", recording.path) as replay:
        ours = types_read(replay, names)
    assert {k: (theirs[k], ours[k]) for k in theirs if theirs[k] != ours[k] and not was_on_no_wire(*k)} == {}


def test_a_put_is_kept_until_the_next_recorded_update(recording):
    with cahelp.server("replay", recording.path) as replay:
        put = {"name": STILL[4], "value": 77}
        assert job("libca", replay.env, task="connect", names=[STILL[4]], gets=1, put=put)["put_ns"] > 0
        assert job("caproto", replay.env, task="read", names=[STILL[4]])["pvs"][STILL[4]]["value"] == 77
    with cahelp.server("replay", recording.path, "--puts", "refuse") as replay:
        assert job("libca", replay.env, task="read", names=[STILL[4]])["pvs"][STILL[4]]["access"] == 1


def test_what_the_recording_lacks_is_said(recording):
    with cahelp.server("replay", recording.path) as replay:
        said = replay.stderr()
    assert re.search(r"\d+ PVs, \d+ updates in ", said)
    assert re.search(r"service time read +\d+ recorded, \d+ of them alone; p50 [\d.]+ us, p99 [\d.]+ us", said)
    assert re.search(r"5 PVs? without units or limits: no client asked for them", said)  # watched, never read


def test_a_command_runs_in_the_replays_environment(recording):
    code = "import os, sys; sys.exit(40 + (os.environ['EPICS_CA_AUTO_ADDR_LIST'] == 'NO'))"
    result = cahelp.caplay("replay", recording.path, "--port", "0", "--", sys.executable, "-c", code)
    assert result.returncode == 41, result.stderr


def test_unknown_names_can_fail_the_run(recording):
    ask = "import os, rawca, sys; rawca.search('127.0.0.1', int(os.environ['EPICS_CA_SERVER_PORT']), 'nobody', timeout_s=1)"
    here = {"PYTHONPATH": str(pathlib.Path(__file__).parent)}
    command = ["--", sys.executable, "-c", f"try:\n  {ask}\nexcept TimeoutError:\n  pass"]
    result = cahelp.caplay("replay", recording.path, "--port", "0", "--unknown", "fail", *command, env=here)
    assert result.returncode == 1
    assert "'nobody'" in result.stderr
    result = cahelp.caplay("replay", recording.path, "--port", "0", "--unknown", "log", *command, env=here)
    assert result.returncode == 0
    assert result.stderr.count("nobody") == 1


@pytest.mark.parametrize("arguments, code, said", [
    (["no-such-file"], 2, "no-such-file"),
    (["/dev/null"], 2, "/dev/null"),
    (["x", "--speed", "2", "--asap"], 2, "exclude each other"),
    (["x", "--speed", "0"], 2, "--speed"),
    (["x", "--latency", "5"], 2, "no duration with its unit"),
    (["x", "--puts", "lose"], 2, "--puts"),
    ([], 2, "replay"),
])
def test_wrong_arguments_are_one_clear_line(arguments, code, said):
    result = cahelp.caplay("replay", *arguments)
    assert result.returncode == code
    assert said in result.stderr and result.stderr.count("\n") == 1
