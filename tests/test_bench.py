"""`caplay bench` end to end: clients that fail in every way, clients that are not installed, and real ones on the fake server."""
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import pytest

import cahelp

# A client that never connects to anything: it answers its job as its first argument says.
FAKE = """#!{python}
import json, os, sys, time
how, job = sys.argv[1], json.load(open(sys.argv[2]))


def frame_sum(n, serial):
    import numpy
    j = numpy.arange(n // 2, dtype=numpy.uint64)
    words = ((serial * 0x9e3779b1) ^ (j * 0x85ebca6b)) & 0xffffffff
    elements = numpy.stack([words >> 16, words & 0xffff], axis=1).reshape(-1).astype(numpy.uint16)
    elements[:4] = [serial >> 48 & 0xffff, serial >> 32 & 0xffff, serial >> 16 & 0xffff, serial & 0xffff]
    return int(elements.view(numpy.int16).sum())


def frames(serials, stamps):
    ticks = [1_000_000_000 * 10**9 + k * 10**9 // 120 for k in stamps]
    return {{"serial": serials, "sum": [frame_sum(307200, s) for s in serials], "seconds": [t // 10**9 for t in ticks],
             "nanoseconds": [t % 10**9 for t in ticks], "arrived_ns": ticks}}


def starve(image):
    # Subscribed, let the server stand still for 30 periods: its own fault as far as anybody can tell.
    import rawca, signal, struct
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_server(pid)]
    with rawca.Circuit("127.0.0.1", int(os.environ["EPICS_CA_SERVER_PORT"])) as c:
        channel = c.create(image)
        c.send(rawca.message(rawca.EVENT_ADD, 1, 4, channel.sid, 7, struct.pack(">3fHH", 0, 0, 0, 1, 0)))
        c.receive(), c.receive()
        for number in signal.SIGSTOP, signal.SIGCONT:
            for pid in pids:
                os.kill(pid, number)
            time.sleep(0.25)
        c.receive()


def is_server(pid):
    try:
        parent = open("/proc/" + pid + "/stat").read().rsplit(")", 1)[1].split()[1]
        return int(parent) == os.getppid() and b"--late-budget" in open("/proc/" + pid + "/cmdline", "rb").read()
    except OSError:
        return False


answer = {{"client": "fake", "version": "1", "task": job["task"], "ok": True, "error": None, "setup_ns": 1000}}
if job["task"] == "connect":
    answer |= {{"connect_ns": 2_000_000 + 3000 * len(job["names"]), "connected": len(job["names"]), "get_ns": [400_000, 300_000],
               "values": [0.5, 0.5], "put_ns": 200_000}}
else:
    answer |= {{"native_count": 307200, "frames": frames([5, 6, 7], [5, 6, 7])}}

if how == "wrong-value":
    answer["values"][1] = 0.75
elif how == "not-all":
    answer["connected"] -= 1
elif how == "crash":
    os.kill(os.getpid(), 11)
elif how == "exit":
    sys.exit("it went wrong")
elif how == "hang":
    print("one\\ntwo", file=sys.stderr, flush=True)
    time.sleep(1000)
elif how == "garbage":
    print("hello", flush=True)
    sys.exit(0)
elif how == "failed":
    answer |= {{"ok": False, "error": "TimeoutError: nobody there"}}
elif how == "missing":
    answer |= {{"ok": False, "error": "not installed: no wheel for it"}}
elif how == "lossy":
    answer["frames"] = frames([5, 6, 9, 12], [5, 6, 9, 11])  # 7, 8 and 10 lost, 11 merged
elif how == "starve" and not os.path.exists(sys.argv[0] + ".starved"):
    open(sys.argv[0] + ".starved", "w").close()
    starve(job["name"])
elif how == "disturbed" and "FAKE_STARVE" in os.environ:
    starve(job["name"])
elif how == "wrong-sum":
    answer["frames"]["sum"][1] += 1
elif how == "cut":
    answer["native_count"] = 8192
print(json.dumps(answer), flush=True)
if how == "two-lines":
    print(json.dumps(answer), flush=True)
if how == "crash-after":
    os.abort()
"""


@pytest.fixture
def fake(tmp_path):
    path = tmp_path / "fake"
    path.write_text(FAKE.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return lambda how: f"cmd:{path} {how}"


def bench(tmp_path, *args, timeout=240, env=None):
    """Exit code, tables, bench.json as a dict."""
    done = cahelp.caplay("bench", "--output", tmp_path / "report", "--runs", "1", *args, timeout=timeout, env=env)
    report = json.loads((tmp_path / "report" / "bench.json").read_text())
    assert (tmp_path / "report" / "tables.txt").read_text() == done.stdout
    return done.returncode, done.stdout, report


def test_every_way_to_fail_is_shown_and_is_no_sample(tmp_path, fake):
    ways = {"wrong-value": ("wrong value", "get 2 of ten-thousand:00000: 0.75, not 0.5"), "not-all": ("wrong value", "PVs connected"),
            "crash": ("crashed", "killed by signal 11"), "exit": ("crashed", "exit code 1 without an answer: it went wrong"),
            "hang": ("time-out", "no answer within 4.5 s: one | two"), "garbage": ("unreadable answer", "hello"),
            "two-lines": ("unreadable answer", "more than one line"), "failed": ("failed", "TimeoutError: nobody there")}
    code, tables, report = bench(tmp_path, "--server", "sim", "--only", "connect", "--pvs", "10", "--timeout", "3s", "--client",
                                 ",".join(fake(how) for how in ["good", *ways]))
    assert code == 4
    runs = {how: [run for run in report["runs"] if run["client"] == fake(how)] for how in ["good", *ways]}
    assert {run["outcome"] for run in runs["good"]} == {"good"}
    for how, (outcome, why) in ways.items():
        assert len(runs[how]) == len(runs["good"]), how
        for run in runs[how]:
            assert run["outcome"] == outcome and why in run["why"], (how, run)
        assert f"{outcome}: " in tables
    assert [v for v in report["verdicts"]] == []  # only one of them has samples


def test_a_crash_after_the_answer_keeps_the_sample(tmp_path, fake):
    code, tables, report = bench(tmp_path, "--server", "sim", "--only", "connect", "--client", fake("crash-after"))
    assert code == 0
    assert all(run["outcome"] == "good" and run["died_at_exit"] and run["exit_code"] == 134 for run in report["runs"])
    assert all(run["connect"]["connect_s"] > 0 for run in report["runs"])
    assert "died at exit: crashed, exit code 134" in tables


def test_what_became_of_frames_is_told_from_serial_stamp_and_sum(tmp_path, fake):
    code, _, report = bench(tmp_path, "--server", "sim", "--only", "monitor", "--client",
                            ",".join(fake(how) for how in ("good", "lossy", "wrong-sum", "cut")))
    assert code == 4
    at_120 = {run["client"]: run for run in report["runs"] if run["monitor"]["hertz"] == 120}
    assert at_120[fake("good")]["outcome"] == "good"
    frames = at_120[fake("lossy")]["monitor"]["frames"]
    assert (frames["delivered"], frames["lost"], frames["merged"]) == (4, 3, 1)
    assert at_120[fake("wrong-sum")]["outcome"] == "wrong value"
    assert "8192 elements" in at_120[fake("cut")]["why"]


def test_a_server_that_was_late_is_shown_as_invalid_and_its_run_done_again(tmp_path, fake):
    code, tables, report = bench(tmp_path, "--server", "sim", "--only", "monitor", "--client", fake("starve"),
                                 env={"PYTHONPATH": str(cahelp.ROOT / "tests")})
    first, *others = [run for run in report["runs"] if run["monitor"]["hertz"] == 120]
    assert (first["outcome"], first["repeated"], first["attempt"]) == ("invalid", True, 0)
    assert "the server: own lateness p99 " in first["why"] and "is over the budget of 8.33 ms" in first["why"]
    assert any(run["outcome"] == "good" and run["attempt"] > 0 for run in others)
    assert code == 0 and re.search(r"(\d+) runs invalid, \1 of them repeated", tables)


def test_a_result_that_was_disturbed_on_purpose_is_called_invalid_and_not_slower(tmp_path, fake):
    wish = ["area-detector", "--server", "sim", "--client", fake("disturbed"), "--save"]
    assert bench(tmp_path, *wish, tmp_path / "base.json")[0] == 0
    starved = {"PYTHONPATH": str(cahelp.ROOT / "tests"), "FAKE_STARVE": "1"}
    code, _, report = bench(tmp_path, *wish, tmp_path / "new.json", env=starved)
    assert code == 3 and [(run["outcome"], run["repeated"]) for run in report["runs"]] == [("invalid", True)] * 3 + [("invalid", False)]
    done = cahelp.caplay("compare", tmp_path / "base.json", tmp_path / "new.json")
    assert done.returncode == 3 and done.stdout.startswith(f"invalid: {tmp_path}/new.json: {fake('disturbed')} on sim, monitor ")
    assert "own lateness p99 " in done.stdout.splitlines()[0]


def test_what_is_not_installed_is_shown_and_fails_only_what_asked_for_it(tmp_path, fake):
    code, tables, report = bench(tmp_path, "--server", "sim", "--only", "connect", env={"CAPLAY_PYTHON": "/usr/bin/python3"})
    missing = {client["client"]: client["not_installed"] for client in report["clients"]}
    assert code == 0
    assert missing["libca"] is None and all(missing[name] for name in ("pyca", "psp", "pyepics", "caproto"))
    assert {run["client"] for run in report["runs"]} == {"libca"}
    assert "not installed: " in tables

    code, tables, _ = bench(tmp_path, "--server", "sim", "--only", "connect", "--client",
                            ",".join([fake("good"), fake("missing"), "cmd:/no/such/client"]))
    assert code == 5
    assert "not installed: no wheel for it" in tables and "(not installed: exit code 127 without an answer: " in tables


def test_real_clients_connect_to_the_fake_server(tmp_path):
    code, tables, report = bench(tmp_path, "--server", "sim", "--only", "connect", "--client", "libca,caproto")
    assert code == 0, tables
    assert all(run["outcome"] == "good" and run["server_report"]["udp_drops"] == 0 for run in report["runs"])
    assert sorted({run["connect"]["pvs"] for run in report["runs"]}) == [1, 10, 100, 1000, 10000]
    assert {run["connect"]["put_s"] is not None for run in report["runs"] if run["connect"]["pvs"] == 1} == {True}
    assert [verdict["first"] for verdict in report["verdicts"]] == ["libca"]


def test_a_real_client_gets_every_frame(tmp_path):
    shell = {"EPICS_CA_AUTO_ARRAY_BYTES": "NO", "EPICS_CAS_INTF_ADDR_LIST": "192.0.2.1"}  # means nothing to a benchmark
    code, tables, report = bench(tmp_path, "--server", "sim", "--only", "monitor", "--client", "libca", env=shell)
    assert code == 0, tables
    for run in report["runs"]:
        monitor = run["monitor"]
        frames = monitor["frames"]
        assert len(monitor["cpu_percent"]) == monitor["seconds"] and len(monitor["rss_bytes"]) == monitor["seconds"] + 1
        assert all(percent > 0 for percent in monitor["cpu_percent"])
        assert frames["lost"] == frames["doubled"] == frames["wrong_sums"] == 0
        assert frames["delivered"] + frames["merged"] >= monitor["hertz"] * monitor["seconds"]
        assert (run["server_report"]["events_off"] > 0) == (monitor["max_array_bytes"] is None)


@pytest.mark.parametrize("args, says", [
    (["--client", "aiocca"], "unknown client 'aiocca': there are libca, libca_nopreempt, caj"),
    (["--server", "sim:twenty"], "unknown scenario 'twenty'"),
    (["--server", "twenty"], "unknown server 'twenty'"),
    (["--server", "replay:/no/such.catrace"], "cannot read '/no/such.catrace'"),
    (["--server", "replay:"], "a file must follow the colon"),
    (["--timeout", "0"], "--timeout: '0'"),
    (["--profile", "slow"], "one of quick, full"),
    (["--runs", "0"], "0 is outside 1 to 1000"),
])
def test_a_wrong_command_line_is_one_clear_line(args, says, tmp_path):
    done = cahelp.caplay("bench", "--output", tmp_path / "report", *args)
    assert done.returncode == 2
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_a_server_that_does_not_serve_is_the_environments_fault(tmp_path):
    (tmp_path / "bad.db").write_text("record(nothing, x) {}\n")
    done = cahelp.caplay("bench", "--output", tmp_path / "report", "--server", f"ioc:{tmp_path / 'bad.db'}", "--client", "libca")
    assert done.returncode == 5
    assert "does not serve (exit code 2)" in done.stderr


def test_an_output_that_is_no_folder_is_told_before_anything_runs(tmp_path):
    (tmp_path / "report").write_text("mine")
    done = cahelp.caplay("bench", "--output", tmp_path / "report", "--client", "libca")
    assert done.returncode == 5
    assert done.stderr == f"caplay: --output: {tmp_path}/report exists, and is no folder\n"
    assert done.stdout == "" and (tmp_path / "report").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_of_the_whole_terminal_ends_it_and_keeps_what_was_measured(tmp_path, fake, number):
    process = subprocess.Popen([str(cahelp.CAPLAY), "bench", "--output", str(tmp_path / "report"), "--only", "connect", "--client",
                                f"{fake('good')},{fake('hang')}"], stdout=subprocess.PIPE, text=True, start_new_session=True,
                               env=os.environ | {"TMPDIR": str(tmp_path)})
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("caplay-*/job-1.json")):  # the hanging one runs
            assert time.monotonic() < deadline, "the hanging client was not started"
            time.sleep(0.01)
        os.killpg(process.pid, number)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 3
    assert "(interrupted: not all runs were made)" in out
    assert json.loads((tmp_path / "report" / "bench.json").read_text())["interrupted"] is True
    assert not list(tmp_path.glob("caplay-*"))
