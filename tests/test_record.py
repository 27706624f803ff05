"""clients/bench/record.py: the recording that the benchmark replays, and that nothing is left behind."""
import os
import pathlib
import signal
import subprocess

import cahelp
import pytest

GOOD, DROPPED, NOT_ALLOWED, INTERRUPTED = 0, 3, 5, 130


def start_record(*args):
    command = [cahelp.ROOT / "clients" / "bench" / "record.py", *args]
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=os.environ | {"CAPLAY": str(cahelp.CAPLAY)})


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def test_three_clients_are_recorded(tmp_path):
    trace = tmp_path / "ioc.catrace"
    record = start_record(cahelp.BENCH_DB, trace, "--seconds", "2")
    _, said = record.communicate(timeout=120)
    if record.returncode == NOT_ALLOWED and "permission" in said:
        pytest.skip(said)
    assert record.returncode in (GOOD, DROPPED), said
    assert "10013 PVs" in said
    assert trace.stat().st_size > 100e6, "two seconds of images"


def test_an_interrupted_recording_leaves_no_process(tmp_path):
    record = start_record(cahelp.BENCH_DB, tmp_path / "ioc.catrace", "--seconds", "60")
    if not any("watching" in line for line in record.stderr):
        pytest.skip("not allowed to capture")
    started = children(record.pid)
    record.send_signal(signal.SIGINT)
    record.communicate(timeout=60)
    assert record.returncode == INTERRUPTED
    assert started and not [pid for pid in started if os.path.exists(f"/proc/{pid}")]


def test_a_database_that_is_missing_is_one_clear_line(tmp_path):
    record = start_record(tmp_path / "none.db", tmp_path / "ioc.catrace")
    _, said = record.communicate(timeout=60)
    assert record.returncode == 2
    assert "none.db: No such file or directory" in said
