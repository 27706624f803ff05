"""What of a recording is played, and how fast: steps, pauses, parts, loops, and a rate that nobody can hold. The recording is
rates_tool's: a second of "x", "y" (10 Hz) and "image:1" (20 Hz), whose values are the numbers of their updates."""
import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import termios

import pytest

import cahelp
import rawca

ECHO, TIME_DOUBLE = 23, 20
EVERYTHING = struct.pack(">3fHH", 0, 0, 0, 1, 0)  # DBE_VALUE


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("rates") / "one-second.catrace"
    subprocess.run([cahelp.BUILD / "tests" / "rates_tool", path], check=True)
    return path


class Watcher:
    """Subscribed to "x"; its updates as (stamp in ns, value)."""

    def __init__(self, server, names=("x",)):
        self.circuit = rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", server.udp, names[0]))
        for number, channel in enumerate([self.circuit.create(name) for name in names]):
            self.circuit.send(rawca.message(rawca.EVENT_ADD, TIME_DOUBLE, 1, channel.sid, number, EVERYTHING))

    def next(self):
        payload = self.circuit.receive_until(rawca.EVENT_ADD).payload
        seconds, nanoseconds, value = struct.unpack(">4xII4xd", payload)
        return seconds * 10**9 + nanoseconds, value

    def values(self, n):
        return [self.next()[1] for _ in range(n)]

    def is_quiet(self):
        """Nothing comes before an ECHO is answered."""
        self.circuit.send(rawca.message(ECHO))
        return self.circuit.receive().command == ECHO


@contextlib.contextmanager
def watching(trace, *options, names=("x",), **keywords):
    with cahelp.server("replay", trace, "--latency", "0", *options, **keywords) as server:
        watcher = Watcher(server, names)
        with watcher.circuit:
            yield server, watcher


def test_each_signal_is_one_step(trace):
    with watching(trace, "--step", names=("x", "y", "image:1")) as (server, watcher):
        assert watcher.values(3) == [0, 0, 0]
        for expected in (1, 1, 1, 2, 3, 2, 2, 4):  # image:1 at 50 ms; x, y and image:1 at 100 ms; ...
            assert watcher.is_quiet()
            server.process.send_signal(signal.SIGUSR2)
            assert watcher.values(1) == [expected]
        assert "caplay: 0.200/1.000 s, paused\n" in server.stderr()


def test_keys_step_and_go_on(trace):
    terminal, other_end = os.openpty()
    with open(terminal, "wb", 0) as keys, open(other_end, "rb", 0) as stdin:
        own_it = {"stdin": stdin, "start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
        with watching(trace, "--step", "--to", "350ms", **own_it) as (_, watcher):
            assert watcher.values(1) == [0]
            keys.write(b"\n\n")  # image:1, x
            assert watcher.values(1) == [1]
            assert watcher.is_quiet()
            keys.write(b"p\n")
            assert watcher.values(2) == [2, 3]


def test_a_part_goes_round(trace):
    with watching(trace, "--from", "250ms", "--to", "550ms", "--loop", "2", "--speed", "5") as (server, watcher):
        assert watcher.values(8) == [2, 3, 4, 5] * 2
        assert watcher.is_quiet()
        assert "played from 0.250 s on for 0.300 s: 11 updates" in server.stderr()


def test_runs_from_one_clock_origin_are_equal(trace):
    runs = []
    for _ in range(2):
        with watching(trace, "--speed", "10", "--clock-origin", "2026-01-01T00:00:00Z") as (_, watcher):
            runs.append([watcher.next() for _ in range(10)])
    assert runs[0] == runs[1]
    assert runs[0][9] == (1136073600 * 10**9 + 90 * 10**6, 9)  # since 1990


def test_a_rate_that_nobody_holds_shows_in_the_lateness(trace, tmp_path):
    report = tmp_path / "report.json"
    n, last_stamp = 20000, 1136073600 * 10**9 + 19999
    rate = ["--rate", "x=1000000000Hz", "--loop", str(n // 10), "--clock-origin", "2026-01-01T00:00:00Z"]
    with watching(trace, *rate, "--report", report) as (server, watcher):
        while watcher.next() != (last_stamp, 9):
            pass
    said = json.loads(report.read_text())
    assert said["pvs"]["x"]["posts"] == n - 1  # none is skipped: what the client did not get was merged in its queue
    latest = max(owner["max_ns"] for owner in said["lateness"].values())
    assert latest > 2 * 10**5, said  # all were due within 0.02 ms


@pytest.mark.parametrize("arguments, said", [
    (["--speed", "0"], "--speed: '0' is not a number above 0 (examples: 2, 0.5)"),
    (["--speed", "0.001"], "--speed: 0.001 is outside 0.01 to 1000 (example: --speed 2)"),
    (["--speed", "2000"], "--speed: 2000 is outside 0.01 to 1000"),
    (["--asap", "--speed", "2"], "exclude each other"),
    (["--rate", "0Hz"], "--rate: '0Hz' is not a rate above 0, nor PATTERN=RATE (examples: 120Hz,"),
    (["--rate", "nobody*=1Hz"], "--rate nobody*=1Hz: 'nobody*' matches none of the 3 PVs recorded (example: 'x=10Hz')"),
    (["--from", "5"], "--from: '5' is not a duration with its unit (examples: 100us, 1.5s, 0)"),
    (["--from", "-1s"], "--from: '-1s' is not a duration"),
    (["--from", "2s"], "--from 2s: the recording ends 1s after its first subscription"),
    (["--from", "500ms", "--to", "0.1s"], "--to 0.1s is not after --from 0.5s"),
    (["--loop", "twice"], "--loop: 'twice' is not a whole number below 2^64 (example: 3)"),
    (["--clock-origin", "yesterday"], "--clock-origin: 'yesterday' is not a time in UTC (example: 2026-01-01T12:00:00Z)"),
])
def test_wrong_paces_are_refused(trace, arguments, said):
    result = cahelp.caplay("replay", trace, "--port", "0", *arguments)
    assert result.returncode == 2
    assert said in result.stderr
