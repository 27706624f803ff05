"""--http: a page, its state and Prometheus' text of a server that serves; what changes something needs a POST and the token. The
recording is rates_tool's: a second of "x", "y" (10 Hz) and "image:1" (20 Hz), whose values are the numbers of their updates."""
import errno
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import cahelp
import pytest
import rawca
from prometheus_client.parser import text_string_to_metric_families
from test_rates import Watcher, trace  # noqa: F401: the recording

STEPPING = ("--step", "--latency", "0")


class Live:
    """The live view of what was started with --http 0, and has said on stderr where it is."""

    def __init__(self, stderr):
        self.url, self.token = re.search(r"live view: (http://127\.0\.0\.1:\d+)/#token=([0-9a-f]{32})\n", stderr).groups()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def state(self):
        return json.loads(self.get("/state"))

    def status(self, path, method="GET", body=None, token=None):
        request = urllib.request.Request(self.url + path, body, {"Authorization": f"Bearer {token}"} if token else {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def order(self, path, body=b""):
        return self.status(path, "POST", body, self.token)

    def wait_for(self, what):
        """The state for which what() is true; it is published where nothing is due, at least once a second."""
        end = time.monotonic() + 30
        while not what(state := self.state()):
            assert time.monotonic() < end, state
            time.sleep(0.02)
        return state


@pytest.fixture
def replay(trace):  # noqa: F811
    with cahelp.server("replay", trace, *STEPPING, "--http", "0") as server:
        yield server, Live(server.stderr())


def samples(text):
    return {(s.name, *s.labels.values()): s.value for family in text_string_to_metric_families(text) for s in family.samples}


def test_prometheus_reads_the_metrics(replay):
    server, live = replay
    watcher = Watcher(server)
    with watcher.circuit:
        assert watcher.values(1) == [0]
        live.wait_for(lambda state: state["counts"]["circuits"] == 1)
        families = {family.name: family for family in text_string_to_metric_families(live.get("/metrics"))}
        now = samples(live.get("/metrics"))
        assert families["caplay_updates"].type == "counter" and families["caplay_lateness_seconds"].type == "histogram"
        assert all(family.documentation for family in families.values())
        assert now["caplay_open_circuits",] == now["caplay_open_channels",] == now["caplay_subscriptions_total",] == 1
        assert now["caplay_paused",] == 1 and now["caplay_speed_ratio",] == 1 and now["caplay_valid",] == 1
        assert now["caplay_circuit_bytes_total", "in"] > 0 and now["caplay_circuit_bytes_total", "out"] > 0
        for owner in ("self", "order", "peer", "contention"):
            assert now["caplay_lateness_seconds_bucket", owner, "+Inf"] == now["caplay_lateness_seconds_count", owner]


def test_orders_are_carried_out(replay):
    server, live = replay
    watcher = Watcher(server)
    with watcher.circuit:
        assert watcher.values(1) == [0]
        live.wait_for(lambda state: state["position"].startswith("0.000/1.000 s"))
        assert live.order("/step")[0] == 202  # image:1, at 50 ms
        live.wait_for(lambda state: state["position"] == "0.050/1.000 s, paused")
        assert live.order("/speed", b"20") == (202, "ordered\n")
        live.wait_for(lambda state: state["speed"] == 20)
        assert watcher.is_quiet()
        assert live.order("/go-on")[0] == 202
        assert watcher.values(9) == list(range(1, 10))
        live.wait_for(lambda state: state["position"].endswith("s, over"))
        assert live.order("/pause")[0] == 202
        live.wait_for(lambda state: state["paused"])


@pytest.mark.parametrize("method, path, body, token, status", [
    ("GET", "/pause", None, True, 405),
    ("GET", "/favicon.ico", None, False, 404),
    ("GET", "/../etc/passwd", None, False, 404),
    ("PUT", "/metrics", b"", True, 405),
    ("DELETE", "/", None, False, 405),
    ("OPTIONS", "/", None, False, 405),
    ("POST", "/metrics", b"", True, 405),
    ("POST", "/pause", b"", False, 403),
    ("POST", "/speed", b"fast", True, 400),
    ("POST", "/speed", b"0", True, 400),
    ("POST", "/speed", b"1001", True, 400),
    ("POST", "/speed", b"2 ", True, 400),
    ("POST", "/speed", b"2\0", True, 400),
    ("POST", "/speed", b"9" * 256, True, 400),
    ("POST", "/speed", b"9" * 257, True, 413),
])
def test_what_is_not_right_is_refused_and_changes_nothing(replay, method, path, body, token, status):
    _, live = replay
    before = live.state()
    assert live.status(path, method, body, live.token if token else None)[0] == status
    assert live.status("/pause", "POST", b"", live.token[:-1] + "g")[0] == 403
    after = live.state()
    assert after["paused"] == before["paused"] and after["speed"] == before["speed"]


def test_head_is_get_without_a_body(replay):
    _, live = replay
    assert live.status("/", "HEAD") == (200, "")


def test_the_page_needs_nothing_from_elsewhere(replay):
    _, live = replay
    page = live.get("/")
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", page)


def test_rubbish_and_silent_connections_hold_up_nobody(replay):
    server, live = replay
    port = int(live.url.rsplit(":", 1)[1])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for rubbish in (b"\0" * 100, b"GET\r\n\r\n", b"POST /pause HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"G" * 20000, b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            try:
                s.sendall(rubbish)
                s.shutdown(socket.SHUT_WR)
                while s.recv(1000):
                    pass
            except TimeoutError:
                pytest.fail(f"it does not end a connection that sent {rubbish[:40]}")
            except OSError:  # ended before we had said all
                pass
    assert live.state()["paused"]
    with Watcher(server).circuit:
        pass
    for s in silent:
        s.close()


def test_what_cannot_be_paused_says_so():
    with cahelp.server("sim", "ten-thousand", "--count", "1", "--http", "0") as server:
        live = Live(server.stderr())
        assert live.state()["can_pause"] is False
        assert live.order("/pause") == (409, "caplay sim does not play anything that could be paused\n")
        assert live.order("/speed", b"2")[0] == 409


def test_given_rates_have_no_speed(trace):  # noqa: F811
    with cahelp.server("replay", trace, "--rate", "5Hz", "--http", "0") as server:
        live = Live(server.stderr())
        assert live.state()["speed"] is None
        assert live.order("/speed", b"2") == (409, "with --asap or --rate there is no speed\n")


def open_once_it_is_read(fifo, process):
    """For writing; the process, whose child reads it, has not ended before."""
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            return open(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "w")
        except OSError as error:
            assert error.errno == errno.ENXIO
            time.sleep(0.02)
    pytest.fail(f"nobody reads {fifo}; exit code {process.poll()}")


def test_a_benchmark_tells_where_it_is(tmp_path):
    """Its one client waits until it is told to go on."""
    gate, log = tmp_path / "gate", tmp_path / "log"
    os.mkfifo(gate)
    with open(log, "w") as stderr:
        bench = subprocess.Popen([cahelp.CAPLAY, "bench", "--client", f"cmd:cat {gate}", "--only", "connect", "--runs", "1", "--warmup", "0",
                                  "--http", "0", "--status", "--output", tmp_path / "report"], stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        with open_once_it_is_read(gate, bench):
            live = Live(log.read_text())
            state = live.wait_for(lambda state: state["done"] == 1)
            assert state["position"].endswith(f": cmd:cat {gate} on sim") and state["runs"] == 0 and state["step"] >= 1
            assert live.status("/pause", "POST", b"", live.token)[0] == 404
            assert samples(live.get("/metrics"))["caplay_bench_runs_total", "good"] == 0
            bench.send_signal(signal.SIGINT)
            assert bench.wait(60) == 3  # interrupted, while its client still waits
        assert re.search(r"^\d+ s \| step \d+/\d+ connect 1 PV \| run 1/1 ", log.read_text(), re.M)
    finally:
        bench.kill()
        bench.wait()


@pytest.mark.parametrize("command", [["sim", "ten-thousand", "--port", "0"], ["bench", "--client", "cmd:true"]])
def test_a_port_that_is_taken_is_named(command, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cahelp.caplay(*command, "--http", port, cwd=tmp_path)
    assert done.returncode == 5
    assert f"--http: cannot listen on 127.0.0.1:{port} (0 picks a free port): Address already in use" in done.stderr


@pytest.mark.parametrize("where", ["", "http", "70000", "localhost:80", "127.0.0.1:"])
def test_where_to_listen_is_checked(where):
    done = cahelp.caplay("sim", "ten-thousand", "--port", "0", "--http", where)
    assert done.returncode == 2
    assert f"--http: '{where}' is not [ADDRESS:]PORT (examples: 8080, 0.0.0.0:8080, 0 for a free port)" in done.stderr
