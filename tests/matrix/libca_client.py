"""libca in C, as the program caplay-libca: a process a job (clients/libca/job.h), so a connection is made anew for each step."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import harness
import adapter

NAME, PACKAGE = "libca", "epicscorelibs"
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("CAPLAY", ROOT / "build" / "caplay")).parent / "libexec" / "caplay-libca"
RESTART_SECONDS = 14  # libca searches again for what it has lost within 10 s


def setup():
    if not PROGRAM.exists():
        raise adapter.NotInstalled(f"{PROGRAM} was not built")


def start(**job):
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(job, file)
    process = subprocess.Popen([PROGRAM, file.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.job = file.name
    return process


def finish(process):
    out, _ = process.communicate()
    os.unlink(process.job)
    answer = json.loads(out)
    if answer["error"]:
        raise RuntimeError(answer["error"])
    return answer


def connect(names, timeout):
    finish(start(task="connect", names=names, gets=0, timeout_s=timeout))
    return names


def read(pv, timeout):
    return finish(start(task="read", names=[pv], timeout_s=timeout))["pvs"][pv]


def get(pv, timeout):
    known = read(pv, timeout)
    return [known["value"], known["sum"]] if "sum" in known else known["value"]


def put(pv, value, timeout):
    finish(start(task="connect", names=[pv], gets=0, put={"name": pv, "value": value}, timeout_s=timeout))


def rights(pv):
    return read(pv, harness.TIMEOUT_S)["access"]


def watching(process):
    """Wait until its first update was there."""
    assert any(line == "monitoring\n" for line in process.stderr), "no update came"
    return process


def monitor_step(run):
    watcher = watching(start(task="watch", names=["m:watched"], seconds=1.5))
    for value in harness.WATCHED:
        put("m:watched", value, harness.TIMEOUT_S)
    return [[value, status, severity] for _, _, value, status, severity in finish(watcher)["updates"]["m:watched"]]


def restart_step(run):
    watcher = watching(start(task="monitor", name="m:watched", seconds=RESTART_SECONDS))
    asked_ns = time.monotonic_ns()
    run.ask("restart")
    again = [ns for ns in finish(watcher)["frames"]["arrived_ns"] if ns > asked_ns]
    if not again:
        raise TimeoutError(f"no update within {RESTART_SECONDS} s")
    run.answer["reconnected_ns"] = again[0]
    return [get("m:watched", harness.TIMEOUT_S), run.put("m:long", 7)]


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
