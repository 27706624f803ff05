"""Lateness as a run tells it: its owners, its budget, the exit code of a run that was starved, and the line a second."""
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

import cahelp
import pytest
import rawca

IMAGE, SHORT, VALUE = "area-detector:image", 1, 1
EVERY_MS = ("sim", "area-detector", "--size", "4x1", "--rate", "1000Hz")


@contextlib.contextmanager
def updates(server):
    """A subscription to the image: call what it gives to take n updates."""
    with rawca.Circuit("127.0.0.1", server.tcp) as c:
        channel = c.create(IMAGE)
        c.send(rawca.message(rawca.EVENT_ADD, SHORT, 4, channel.sid, 7, struct.pack(">3fHH", 0, 0, 0, VALUE, 0)))
        yield lambda n: [c.receive() for _ in range(n)]


def starve(server):
    """Stopped for 50 ms while an update is due each millisecond."""
    with updates(server) as take:
        take(3)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        server.process.send_signal(signal.SIGCONT)
        take(60)


def test_a_starved_run_is_invalid_and_says_so(tmp_path):
    report = tmp_path / "report.json"
    with cahelp.server(*EVERY_MS, "--late-budget", "max=20ms", "--report", report) as server:
        starve(server)
        assert server.stop() == 3
        assert "caplay: INVALID run: own lateness max " in server.stderr() and "is over the budget of 20 ms" in server.stderr()
    told = json.loads(report.read_text())
    assert told["valid"] is False and "over the budget of 20 ms" in told["why"] and told["late_budget"] == "max=20ms"
    assert told["lateness"]["self"]["max_ns"] >= 40_000_000


def test_without_a_budget_it_is_a_number_like_others(tmp_path):
    report = tmp_path / "report.json"
    with cahelp.server(*EVERY_MS, "--report", report) as server:
        starve(server)
        assert server.stop() == 0
    told = json.loads(report.read_text())
    late = told["lateness"]["self"]
    assert told["valid"] is True and "why" not in told
    assert set(told["lateness"]) == {"self", "order", "peer", "contention"}
    assert sum(late["buckets"].values()) == late["count"] >= 60
    assert late["p50_ns"] <= late["p90_ns"] <= late["p99_ns"] <= late["p999_ns"] <= late["max_ns"] and late["overflow"] == 0
    assert set(told["machine"]) == {"steal_ns", "run_queue_ns", "preempted", "core", "mhz_before", "mhz_after"}
    assert told["udp_buffer_bytes"] > 100_000


@pytest.mark.parametrize("budget, code", [([], 0), (["--late-budget", "max=1h"], 3)])
def test_datagrams_that_the_kernel_dropped_make_a_run_invalid(tmp_path, budget, code):
    report = tmp_path / "report.json"
    with cahelp.server("sim", "ten-thousand", "--count", "1", "--report", report, *budget) as server:
        server.process.send_signal(signal.SIGSTOP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(600):  # more than the 16 MiB that it may have
                client.sendto(bytes(60_000), ("127.0.0.1", server.udp))
        server.process.send_signal(signal.SIGCONT)
        assert server.stop() == code
        assert "INVALID run: " in server.stderr()
    told = json.loads(report.read_text())
    assert told["valid"] is False and told["udp_drops"] > 0
    assert f"{told['udp_drops']} datagrams or searches were lost: the kernel granted {told['udp_buffer_bytes']} bytes" in told["why"]


@pytest.mark.parametrize("command, own", [("exit 0", 0), ("exit 7", 7)])
def test_invalid_stands_above_what_the_command_says(command, own):
    """The command stops its server for a while, which is no contention: no machine keeps this budget then."""
    client = (f"import os, signal, struct, sys, time; from rawca import *; c = Circuit('127.0.0.1', int(os.environ['EPICS_CA_SERVER_PORT']));"
              f"s = c.create('{IMAGE}').sid; c.send(message(EVENT_ADD, 1, 4, s, 7, struct.pack('>3fHH', 0, 0, 0, 1, 0))); c.receive();"
              "os.kill(int(sys.argv[1]), signal.SIGSTOP); time.sleep(0.02); os.kill(int(sys.argv[1]), signal.SIGCONT);"
              "[c.receive() for _ in range(20)]")
    done = cahelp.caplay(*EVERY_MS, "--port", "0", "--late-budget", "max=1ns", "--", "sh", "-c",
                         f'"$0" -c "$1" $PPID; {command}', sys.executable, client, env={"PYTHONPATH": str(cahelp.ROOT / "tests")})
    assert done.returncode == 3, done.stderr
    assert "INVALID run" in done.stderr
    assert ("the command's exit code was 7" in done.stderr) == (own == 7)


@pytest.mark.parametrize("budget", ["", "p99", "p99=1", "p99=-1ms", "p98=1ms", "p99=0", "max=20ms,"])
def test_a_budget_that_limits_nothing_is_refused(budget):
    done = cahelp.caplay("sim", "ten-thousand", "--port", "0", "--late-budget", budget)
    assert done.returncode == 2
    assert f"--late-budget: '" in done.stderr and f"'{budget}'" in done.stderr and "example: p99=1ms,max=20ms" in done.stderr


def wait_for(server, text):
    end = time.monotonic() + 30
    while text not in server.stderr():
        assert time.monotonic() < end, server.stderr()
        time.sleep(0.02)


def test_usr1_prints_and_goes_on():
    with cahelp.server(*EVERY_MS) as server, updates(server) as take:
        take(10)
        server.process.send_signal(signal.SIGUSR1)
        wait_for(server, "caplay: late, self: ")
        take(10)


def test_on_a_terminal_the_status_line_is_written_over():
    ours, theirs = os.openpty()
    process = subprocess.Popen([str(cahelp.CAPLAY), "sim", "ten-thousand", "--count", "1", "--port", "0", "--status"],
                               stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    try:
        assert re.match(rb"\r\d+ s \| 0.0 updates/s \| 0 PVs \| 0 circuits \| nothing late", os.read(ours, 1000))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        os.close(ours)


def test_status_is_a_line_a_second():
    with cahelp.server(*EVERY_MS, "--status") as server, updates(server) as take:
        take(500)
        wait_for(server, "updates/s | 1 PV | 1 circuit | late p50 ")
