"""`caplay bench SCENARIO -- COMMAND`: what the server sees of any command, and how its failures are told apart."""
import json
import os
import sys

import pytest

import cahelp

READER = f"""
import os, sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import rawca
port = rawca.search("127.0.0.1", int(os.environ["EPICS_CA_SERVER_PORT"]), "ten-thousand:00000")
with rawca.Circuit("127.0.0.1", port) as circuit:
    for i in range(3):
        circuit.read(circuit.create(f"ten-thousand:{{i:05d}}"), 20, 1)
    if len(sys.argv) > 1:
        print("first", file=sys.stderr)
        print("last", file=sys.stderr, flush=True)
        sys.exit(7) if sys.argv[1] == "fail" else __import__("time").sleep(1000)
"""

SEARCHER = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
import rawca
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    request = rawca.message(0, 1, 13, 1) + rawca.message(rawca.SEARCH, 5, 13, 1, 1, b"ten-thousand:00000\\0")
    s.settimeout(30)
    s.sendto(request, ("127.0.0.1", int(os.environ["EPICS_CA_SERVER_PORT"])))
    s.recv(65536)
"""


@pytest.fixture
def observe(tmp_path):
    def run(*command, runs=1, timeout="60s"):
        done = cahelp.caplay("bench", "ten-thousand", "--runs", runs, "--warmup", 0, "--timeout", timeout, "--output",
                             tmp_path / "report", "--", *command)
        path = tmp_path / "report" / "observed.json"
        return done, json.loads(path.read_text()) if path.exists() else None
    return run


def test_what_a_command_asked_for_is_counted_and_repeats_exactly(observe):
    done, result = observe(sys.executable, "-c", READER, runs=6)
    assert done.returncode == 0, done.stdout + done.stderr
    for run in result["runs"]:
        if run["repeated"]:
            continue
        seen = run["observed"]
        assert (seen["reads"], seen["puts"], seen["channels"], seen["circuits_closed"]) == (3, 0, 3, 1)
        assert 0 <= seen["search_to_first_channel_s"] <= seen["search_to_last_channel_s"]
        assert seen["messages_in.READ_NOTIFY"] == seen["messages_out.READ_NOTIFY"] == 3 and "messages_in.WRITE" not in seen
        assert run["process"]["faults_minor"] > 0
        assert 6 <= seen["round_trips"] <= 7  # a channel and a read, three times; the greeting may be one of its own
    for name in ("in_bytes", "out_bytes", "messages_in", "messages_out", "messages_in.CREATE_CHAN", "reads"):
        assert result["repeat"][name] == "exact", name


def test_libca_says_the_same_on_the_wire_each_time(observe, tmp_path):
    if not cahelp.LIBCA.exists():
        pytest.skip("no EPICS Base")
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"task": "connect", "names": [f"ten-thousand:{i:05d}" for i in range(50)], "order": "together",
                               "gets": 2, "get_names": 1, "put": None, "timeout_s": 30}))
    done, result = observe(cahelp.LIBCA, job, runs=6)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {run["observed"]["channels"] for run in result["runs"] if not run["repeated"]} == {50}
    for name in ("messages_in", "messages_out", "in_bytes", "out_bytes", "reads"):
        assert result["repeat"][name] == "exact", name


@pytest.mark.parametrize("command, timeout, outcome, says", [
    ([sys.executable, "-c", READER, "fail"], "60s", "failed", "exit code 7"),
    ([sys.executable, "-c", READER, "hang"], "5s", "hung", "killed after 5.0 s | first | last"),
    ([sys.executable, "-c", SEARCHER, os.path.dirname(os.path.abspath(__file__))], "60s", "never connected", "exit code 0"),
    (["sleep", "1000"], "300ms", "never connected", "killed after 0.3 s"),
    (["sh", "-c", "echo one >&2; echo two >&2; exit 3"], "60s", "ended at once", "| one | two"),
])
def test_failures_are_told_apart_with_their_last_words(observe, command, timeout, outcome, says):
    done, result = observe(*command, timeout=timeout)
    assert done.returncode == 4, done.stdout + done.stderr
    run = result["runs"][-1]  # those before it, if any, were invalid and done again
    assert run["outcome"] == outcome
    assert says in run["why"]
    assert f"runs: {outcome}" in done.stdout


def test_a_command_that_does_not_exist_is_a_missing_part(observe):
    done, _ = observe("./no-such-program")
    assert done.returncode == 5
    assert "./no-such-program" in done.stderr


@pytest.mark.parametrize("args, says", [
    (["--", "true"], "needs a scenario"),
    (["ten-thousand", "--client", "libca", "--", "true"], "--client libca"),
    (["ten-thousand", "--server", "127.0.0.1:5064", "--", "true"], "--server 127.0.0.1:5064"),
    (["ten-thousand", "--resume", "--", "true"], "--resume"),
    (["ten-thousand", "--pvs", "5", "--", "true"], "--pvs does not go with a command"),
])
def test_what_does_not_go_with_a_command_is_refused(args, says, tmp_path):
    done = cahelp.caplay("bench", "--output", tmp_path / "report", *args)
    assert done.returncode == 2
    assert says in done.stderr
