"""The real IOC, `caplay ioc`: what it serves, its grid of due times, and how it begins and ends; and EPICS Base's repeater."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys

import cahelp
import pytest
from test_adapters import frame

RECORD = 'record(ai, "$(P=)a") { field(VAL, "1.5") field(PINI, "YES") }\n'
SECOND = 10**9


no_sanitizer = pytest.mark.skipif(os.environ.get("CAPLAY_SANITIZE") == "1", reason="the sanitizer takes the crash")


@pytest.fixture(scope="module")
def ioc():
    with cahelp.server("ioc", cahelp.BENCH_DB) as server:
        yield server


@pytest.fixture
def database(tmp_path):
    """Writes a .db file and gives its path."""
    def write(text, name="test.db"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


def run(client, ioc, **job):
    result = cahelp.run_job(client, job, ioc.env)
    assert result["ok"], result
    return result


def children(pid):
    """Process ids of its children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


class Watched:
    """A process that is not ours to wait for: ended() waits for its end."""

    def __init__(self, pid):
        self.fd = os.pidfd_open(pid)

    def ended(self, timeout=30):
        readable, _, _ = select.select([self.fd], [], [], timeout)
        return bool(readable)


# ---- what it serves ----


@pytest.mark.parametrize("client", ["libca", "pyepics"])
def test_the_five_kinds_of_scalars_are_served_with_their_alarms(client, ioc):
    names = [f"ten-thousand:{i:05d}" for i in (9995, 9991, 9987, 9988, 9989)]
    pvs = run(client, ioc, task="read", names=names)["pvs"]
    assert [pvs[name]["value"] for name in names] == [9995.5, 9991 % 16, "s9987", 9988 // 5 % 2, 9989]
    assert [pvs[name]["type"] for name in names] == ["DOUBLE", "ENUM", "STRING", "ENUM", "LONG"]
    assert [(pvs[name]["status"], pvs[name]["severity"]) for name in names] == [(3, 2), (0, 0), (0, 0), (0, 0), (3, 2)]


def test_ten_thousand_pvs_are_connected_and_described_in_one_go(ioc, tmp_path):
    names = tmp_path / "names"
    names.write_text("".join(f"ten-thousand:{i:05d}\n" for i in range(10000)))
    pvs = run("libca", ioc, task="read", names_file=str(names))["pvs"]
    assert len(pvs) == 10000
    assert all(pvs[f"ten-thousand:{i:05d}"]["value"] == i for i in range(4, 10000, 5))


@pytest.mark.parametrize("name, count, hz", [("area-detector:image", 640 * 480, 120), ("area-detector:image-10hz", 640 * 480, 10)])
def test_every_frame_of_an_image_is_due_on_its_grid(ioc, name, count, hz):
    frames = run("libca", ioc, task="monitor", name=name, seconds=1, warmup_s=0)["frames"]
    anchor, posts = posts_of(frames, hz)
    assert anchor % SECOND == 0, "a whole second"
    assert all(post <= serial for post, serial in zip(posts, frames["serial"]))
    assert frames["sum"] == [frame(serial).sum() for serial in frames["serial"]]


def posts_of(frames, hz):
    """The anchor of the grid, and the posts whose stamps the frames bear: their own, or, where a busy client made the IOC merge
    several, that of the first of them."""
    stamps = [seconds * SECOND + nanoseconds for seconds, nanoseconds in zip(frames["seconds"], frames["nanoseconds"])]
    anchor = max(stamp - serial * SECOND // hz for serial, stamp in zip(frames["serial"], stamps))
    posts = [round((stamp - anchor) * hz / SECOND) for stamp in stamps]
    assert [anchor + post * SECOND // hz for post in posts] == stamps, "post k is due k / rate after one anchor"
    return anchor, posts


def test_the_image_comes_120_times_a_second_and_no_frame_is_lost(ioc):
    frames = run("libca", ioc, task="monitor", name="area-detector:image", seconds=3, warmup_s=0)["frames"]
    _, posts = posts_of(frames, 120)
    serials = frames["serial"]
    assert serials[-1] - serials[0] >= 3 * 120 - 12  # however many of them were merged
    assert all(before < after <= serial + 1 for serial, before, after in zip(serials, posts, posts[1:]))


def test_counters_go_up_by_one_and_their_limits_give_alarms(ioc):
    names = [f"moving:{i}" for i in range(10)]
    updates = run("libca", ioc, task="watch", names=names, seconds=1)["updates"]
    for values in updates.values():
        for (seconds, nanoseconds, value, status, severity), after in zip(values[1:], values[2:]):
            assert after[2] == (value + 1) % 1000
            assert nanoseconds % (SECOND // 10) == 0, "on the grid of 10 Hz"
            assert (status, severity) == next(alarm for limit, alarm in
                                              ((950, (3, 2)), (900, (4, 1)), (21, (0, 0)), (11, (6, 1)), (0, (5, 2))) if value >= limit)


def test_a_counter_starts_over_at_lopr(database):
    text = 'record(ai, "c") {{ field(VAL, "5") field(LOPR, "3") field(HOPR, "{}") field(TSE, "-2") info(caplay:count, "50Hz") }}\n'
    with cahelp.server("ioc", database(text.format(6))) as ioc:
        values = [update[2] for update in run("libca", ioc, task="watch", names=["c"], seconds=0.5)["updates"]["c"]][1:]
        assert all(after == {3: 4, 4: 5, 5: 6, 6: 3}[before] for before, after in zip(values, values[1:])) and len(values) > 4


# ---- how it begins ----


def test_nothing_but_the_ready_line_goes_to_stdout(database):
    with cahelp.server("ioc", database(RECORD)) as ioc:
        assert ioc.udp == ioc.tcp
        assert ioc.stop() == 0
        assert ioc.process.stdout.read() == ""
        assert "EPICS 7" in ioc.stderr(), "EPICS Base's banner"


def test_macros_and_several_files(database):
    files = database(RECORD), database('record(stringin, "s") { field(VAL, "$(S)") }', "second.db")
    with cahelp.server("ioc", *files, "--macros", "P=X:,S=text") as ioc:
        pvs = run("libca", ioc, task="read", names=["X:a", "s"])["pvs"]
        assert (pvs["X:a"]["value"], pvs["s"]["value"]) == (1.5, "text")


def test_a_closed_stdin_does_not_end_it(database):
    process = subprocess.Popen([cahelp.CAPLAY, "ioc", database(RECORD), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, preexec_fn=lambda: os.close(0))
    assert process.stdout.readline().startswith("ready ")
    [server] = children(process.pid)
    assert not Watched(server).ended(timeout=0)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_env_file_is_whole_once_it_is_ready(database, tmp_path):
    env = tmp_path / "env"
    with cahelp.server("ioc", database(RECORD), "--env-file", env) as ioc:
        text = env.read_text()
        assert f"export EPICS_CA_SERVER_PORT={ioc.udp}\n" in text
        assert f"export EPICS_CA_ADDR_LIST=127.0.0.1:{ioc.udp}\n" in text
        assert "export EPICS_CA_AUTO_ADDR_LIST=NO\n" in text


@pytest.mark.parametrize("text, says", [
    ('record(ai, "a") {\n  field(VAL, "1")\n  field(NOPE, "2")\n}\n', ['test.db" line 3', "NOPE"]),
    ('recrd(ai, "a") { field(VAL, "1") }\n', ['test.db" line 1', "recrd"]),
    pytest.param('record(ai, "a") { field(VAL, "1")\n', ["syntax error", "caplay: "], marks=no_sanitizer),
    ('record(ai, "a") { field(SCAN, "7 second") }\n', ["SCAN", "7 second"]),
    ('record(ai, "w") { info(caplay:frames, "120Hz") }\n', ["w: info(caplay:frames)", "waveform"]),
    ('record(waveform, "w") { field(NELM, 9) field(FTVL, "LONG") info(caplay:frames, "1Hz") }\n', ["w: info(caplay:frames)", "SHORT"]),
    ('record(ai, "c") { info(caplay:count, "fast") }\n', ["c: info(caplay:count", "fast", "120Hz"]),
    ('record(bo, "c") { info(caplay:count, "1Hz") }\n', ["c: info(caplay:count)", "bo"]),
], ids=["a field that no ai has", "no such word", "no closing brace, which crashes EPICS Base 7.0.10", "a scan rate that does not exist",
        "frames in an ai", "frames of LONG", "no rate", "a counting bo"])
def test_a_wrong_database_is_refused_with_its_place(database, text, says):
    result = cahelp.caplay("ioc", database(text), "--port", "0", errors="replace")
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    for words in says:
        assert words in result.stderr


@pytest.mark.parametrize("text, says", [("ASG(x {", "syntax error at line 1"), (None, "Can't open file")])
def test_wrong_access_security_is_refused(database, tmp_path, text, says):
    groups = tmp_path / "groups.acf"
    if text is not None:
        groups.write_text(text)
    result = cahelp.caplay("ioc", database(RECORD), "--access-security", groups, "--port", "0")
    assert result.returncode == 2
    assert says in result.stderr and f"cannot use {groups}" in result.stderr


def test_a_missing_file_is_named(tmp_path):
    result = cahelp.caplay("ioc", tmp_path / "nope.db", "--port", "0")
    assert result.returncode == 2
    assert "nope.db: No such file" in result.stderr


def test_a_directory_is_no_database(tmp_path):
    result = cahelp.caplay("ioc", tmp_path, "--port", "0")
    assert result.returncode == 2
    assert "is a directory" in result.stderr


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["UDP", "TCP"])
def test_a_port_in_use_is_an_error_that_names_it(database, kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        result = cahelp.caplay("ioc", database(RECORD), "--port", port)
    assert result.returncode == 5
    assert f"port {port}" in result.stderr and "in use" in result.stderr


def test_a_port_lost_to_another_after_the_check_is_an_error_too(database):
    """rsrv itself takes another TCP port without an error."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run([cahelp.BUILD / "libexec" / "caplay-ioc", database(RECORD)], capture_output=True, text=True, timeout=60,
                                env=os.environ | {"EPICS_CAS_SERVER_PORT": str(port), "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
                                                  "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO"})
    assert result.returncode == 5
    assert result.stdout == ""
    assert f"TCP port {port} is in use" in result.stderr


def test_without_caplay_ioc_it_says_what_is_missing(database, tmp_path):
    result = cahelp.caplay("ioc", database(RECORD), "--port", "0", env={"CAPLAY_LIBEXEC": str(tmp_path)})
    assert result.returncode == 5
    assert f"no caplay-ioc in {tmp_path}" in result.stderr


# ---- with a command, and how it ends ----


@pytest.mark.parametrize("script, code", [("pass", 0), ("exit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_command_s_exit_code_is_returned(database, script, code):
    result = cahelp.caplay("ioc", database(RECORD), "--port", "0", "--", sys.executable, "-c", script)
    assert result.returncode == code
    assert re.fullmatch(r"ready udp=(\d+) tcp=\1\n", result.stdout)


def test_the_command_finds_the_ioc_by_its_environment(database, tmp_path):
    job = tmp_path / "job.json"
    job.write_text('{"task": "connect", "names": ["a"]}')
    result = cahelp.caplay("ioc", database(RECORD), "--port", "0", "--", cahelp.LIBCA, job)
    assert result.returncode == 0, result.stderr
    assert '"values":[1.5,1.5]' in result.stdout


def test_a_command_that_does_not_exist_is_named(database):
    result = cahelp.caplay("ioc", database(RECORD), "--port", "0", "--", "no-such-command")
    assert result.returncode == 5
    assert "no-such-command" in result.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_leaves_no_process(database, stop):
    with cahelp.server("ioc", database(RECORD)) as ioc:
        [server] = map(Watched, children(ioc.process.pid))
        ioc.process.send_signal(stop)
        assert ioc.process.wait(30) == 0
        assert server.ended(timeout=0), "caplay waits for it"


def test_a_signal_goes_to_the_command_whose_exit_code_is_returned(database):
    script = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: exit(9))\nprint('up', flush=True)\nwhile True: signal.pause()"
    process = subprocess.Popen([cahelp.CAPLAY, "ioc", database(RECORD), "--port", "0", "--", sys.executable, "-c", script],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process:
        assert process.stdout.readline().startswith("ready ")
        assert process.stdout.readline() == "up\n"
        both = list(map(Watched, children(process.pid)))
        process.terminate()
        assert process.wait(30) == 9
        assert len(both) == 2 and all(child.ended(timeout=0) for child in both)


def test_only_the_ioc_stays_realtime_not_the_process_that_waits_for_it(database):
    with cahelp.realtime_server("ioc", database(RECORD)) as ioc:
        [server] = children(ioc.process.pid)
        assert os.sched_getscheduler(ioc.process.pid) == os.SCHED_OTHER
        assert os.sched_getscheduler(server) == os.SCHED_FIFO


def test_the_ioc_dies_with_a_killed_caplay(database):
    with cahelp.server("ioc", database(RECORD)) as ioc:
        [server] = map(Watched, children(ioc.process.pid))
        ioc.process.kill()
        assert server.ended()


def test_an_ioc_that_dies_ends_the_command_and_is_an_error(database):
    process = subprocess.Popen([cahelp.CAPLAY, "ioc", database(RECORD), "--port", "0", "--", "sleep", "1000"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline().startswith("ready ")
        server = next(pid for pid in children(process.pid) if "caplay-ioc" in os.readlink(f"/proc/{pid}/exe"))
        os.kill(server, signal.SIGKILL)
        assert process.wait(30) == 5
        assert "the IOC failed (exit code 137)" in process.stderr.read()


def test_it_ends_while_clients_are_served():
    with cahelp.server("ioc", cahelp.BENCH_DB) as busy:
        job = {"task": "monitor", "name": "area-detector:image", "seconds": 60}
        monitors = [cahelp.start_job("libca", job, busy.env) for _ in range(3)]
        try:
            assert all(monitor.stderr.readline() for monitor in monitors), "monitoring"
            assert busy.stop() == 0
        finally:
            for monitor in monitors:
                monitor.kill()
                monitor.communicate()
                os.unlink(monitor.job_file)


# ---- the C client's job ----


@pytest.mark.parametrize("job, says", [
    ('{"task": "conect", "names": ["a"]}', "unknown task 'conect'"),
    ('{"task": "connect", "names": []}', "no PV names"),
    ('{"task": "connect", "names": ["a", 5]}', "every name must be a string"),
    ('{"task": "connect", "names_file": "/no/such/file"}', "cannot read /no/such/file"),
    ('{"task": "connect", "names": ["a"], "gets": -1}', "negative"),
    ('{"task": "connect", "names": ["a"], "put": {"name": "a"}}', "put"),
    ('{"names": ["a"]}', "task"),
    ('{"task": ', "at line 1"),
])
def test_a_wrong_job_is_an_error_in_the_line(tmp_path, job, says):
    path = tmp_path / "job.json"
    path.write_text(job)
    result = subprocess.run([cahelp.LIBCA, path], capture_output=True, text=True, timeout=60)
    line = json.loads(result.stdout)
    assert result.returncode == 1 and line["ok"] is False
    assert says in line["error"]


# ---- the repeater ----


def start_repeater(port):
    return subprocess.Popen([cahelp.LIBCA, "--repeater"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=os.environ | {"EPICS_CA_REPEATER_PORT": str(port)})


def test_the_repeater_confirms_clients_once_it_is_ready_and_ends_on_sigterm():
    port = cahelp.free_port()
    with start_repeater(port) as repeater, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        assert repeater.stdout.readline() == f"ready udp={port}\n"
        client.settimeout(30)
        client.sendto(b"", ("127.0.0.1", port))
        assert client.recv(64).hex() == "0011000000000000000000007f000001"
        repeater.terminate()
        assert repeater.wait(30) == 0


def test_a_second_repeater_says_that_the_port_is_taken():
    port = cahelp.free_port()
    with start_repeater(port) as first:
        first.stdout.readline()
        with start_repeater(port) as second:
            assert second.wait(30) == 5
            assert f"UDP port {port}" in second.stderr.read() and second.stdout.read() == ""
        first.terminate()
