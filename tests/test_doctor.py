"""`caplay doctor`, and what --cpu and --realtime do for servers and tell of it."""
import json
import os
import sys

import pytest

import cahelp

GOOD, USAGE = 0, 2

SHOW_CORES = "import os; print(sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0))"


def test_a_doctor_finds_and_measures():
    done = cahelp.caplay("doctor", "--json")
    assert done.returncode == GOOD, done.stderr
    said = json.loads(done.stdout)
    findings = {finding["what"]: finding for finding in said["findings"]}
    assert {"cores", "steal", "clock source", "SCHED_FIFO", "search buffer", "receive stamps", "address list"} <= set(findings)
    assert all(finding["good"] == (finding["mend"] == "") for finding in findings.values())
    assert said["bad"] == sum(not finding["good"] for finding in findings.values())
    for name in ("wake_asleep", "wake_spinning", "send_614400", "round_trip_614400"):
        quantiles = said["floor"][name]
        assert 0 <= quantiles["p50_ns"] <= quantiles["p99_ns"] <= quantiles["max_ns"]


@pytest.mark.parametrize("command", [["sim", "ten-thousand"], ["ioc", cahelp.BENCH_DB], ["doctor"]])
def test_a_core_beyond_the_machine_is_refused(command):
    done = cahelp.caplay(*command, "--cpu", "1023")
    assert done.returncode == USAGE
    assert "--cpu: this machine has no core 1023, its cores are " in done.stderr and "example: --cpu" in done.stderr


def test_a_server_tells_what_it_was_granted_and_leaves_its_core_to_nobody(tmp_path):
    report = tmp_path / "report.json"
    allowed = sorted(os.sched_getaffinity(0))
    done = cahelp.caplay("sim", "ten-thousand", "--count", "1", "--port", "0", "--cpu", allowed[-1], "--realtime", "--report", report,
                         "--", sys.executable, "-c", SHOW_CORES)
    assert done.returncode == GOOD, done.stderr
    others = allowed[:-1] or allowed
    assert f"{others} {os.SCHED_OTHER}\n" in done.stdout
    told = json.loads(report.read_text())["isolation"]
    assert told["core"] == {"granted": True, "number": allowed[-1]}
    assert told["spins"] == (os.cpu_count() > 1)
    line = next(line for line in done.stderr.splitlines() if line.startswith("caplay: isolation: "))
    for part, shown in (("sched_fifo", "SCHED_FIFO"), ("memory_lock", "memory lock")):
        answer = told[part]
        assert answer["granted"] == ("error" not in answer)
        assert f"{shown} granted" in line if answer["granted"] else f"{shown} refused ({answer['error']})" in line
