"""`caplay bench --count`: instructions by callgrind and system calls by strace, in runs that are no time samples."""
import json
import os
import shutil

import pytest

import cahelp

SANITIZED = os.environ.get("CAPLAY_SANITIZE") == "1"
STAGES = ["setup", "connect", "get_1", "get_2"]


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if SANITIZED:
        pytest.skip("neither valgrind nor a leak check under ptrace goes with a sanitizer")
    if not cahelp.LIBCA.exists():
        pytest.skip("no EPICS Base")


def bench(tmp_path, *args, env=None):
    return cahelp.caplay("bench", "ten-thousand", "--pvs", 5, "--runs", 1, "--warmup", 0, "--output", tmp_path / "report", *args, env=env)


def test_instructions_and_system_calls_are_counted_by_stage_and_are_no_time_samples(tmp_path):
    needs("valgrind", "strace")
    done = bench(tmp_path, "--client", "libca", "--count", "callgrind:1", "--count", "syscalls:1")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "report" / "bench.json").read_text())
    assert [run["outcome"] for run in result["runs"] if not run["repeated"]] == ["good"]
    instructions, calls = result["counting"]
    assert (instructions["by"], instructions["count"], calls["by"], calls["count"]) == ("callgrind", "instructions", "strace", "system_calls")
    for counted in instructions, calls:
        assert list(counted["stages"]) == ["start", *STAGES] and all(n > 0 for n in counted["stages"].values())
        assert counted["total"] >= sum(counted["stages"].values())
    assert instructions["stages"]["connect"] > 10000 and calls["stages"]["get_1"] < calls["stages"]["start"]
    figures = result["cells"][0]["figures"]
    assert figures["instructions"]["samples"] == [instructions["total"]] and figures["connect_s"]["n"] == 1
    assert figures["connect_system_calls"]["samples"] == [calls["stages"]["connect"]]
    assert result["cells"][0]["instructions_by"] == "callgrind"
    used = result["runs"][-1]["stages"]
    assert list(used) == STAGES and all(stage["cpu_s"] >= 0 for stage in used.values())


def test_a_command_that_becomes_another_is_counted(tmp_path):
    needs("valgrind")
    done = bench(tmp_path, "--client", f"cmd:env X=1 {cahelp.LIBCA}", "--count", "callgrind:1")
    assert done.returncode == 0, done.stdout + done.stderr
    counted, = json.loads((tmp_path / "report" / "bench.json").read_text())["counting"]
    assert counted["total"] > 10**6 and counted["stages"]["connect"] > 10000


def test_a_tool_that_is_missing_is_named_with_its_package(tmp_path):
    for what, program in ("callgrind", "valgrind"), ("syscalls", "strace"):
        done = bench(tmp_path, "--count", what, env={"PATH": str(tmp_path)})
        assert done.returncode == 5 and f"apt-get install {program}" in done.stderr and len(done.stderr.splitlines()) == 1
    done = bench(tmp_path, "--count", "cycles")
    assert done.returncode == 2 and "as in --count callgrind:6" in done.stderr


def observe(tmp_path, *args):
    done = cahelp.caplay("bench", "ten-thousand", "--runs", 1, "--warmup", 0, "--output", tmp_path / "report", *args)
    return done, json.loads((tmp_path / "report" / "observed.json").read_text())


def test_a_command_is_counted_with_what_it_starts_in_runs_of_their_own(tmp_path):
    needs("valgrind", "strace")
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"task": "connect", "names": ["ten-thousand:00000"], "order": "together", "gets": 1, "get_names": 1, "put": None,
                               "timeout_s": 600}))
    done, result = observe(tmp_path, "--status", "--count", "callgrind:1", "--count", "syscalls:1", "--", "sh", "-c", f"{cahelp.LIBCA} {job}; exit $?")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [run["outcome"] for run in result["runs"] if not run["repeated"]] == ["good"]
    instructions, calls = result["counting"]
    assert (instructions["by"], calls["by"], instructions["outcome"], calls["outcome"]) == ("callgrind", "strace", "good", "good")
    assert instructions["total"] > 2 * 10**6 and calls["total"] > 400  # a shell alone has a tenth of that
    assert "instructions, by callgrind" in done.stdout and "1 runs are samples" in done.stdout
    assert " | step 1/3 any command | run 1/1 sh | " in done.stderr
    refuses = f"grep -q '^TracerPid:[[:space:]]0$' /proc/$$/status || {{ echo not while you look >&2; exit 9; }}; exec {cahelp.LIBCA} {job}"
    done, result = observe(tmp_path, "--count", "syscalls:1", "--", "sh", "-c", refuses)
    assert done.returncode == 3, done.stdout + done.stderr
    [counted] = result["counting"]
    assert (counted["outcome"], counted["exit_code"], counted["total"] > 0) == ("not counted", 9, True)
    assert counted["why"].startswith("under strace: ended at once: exit code 9 ") and counted["why"].endswith(" | not while you look")
    assert "1 of 1 runs that were to count: not counted; first: under strace: " in done.stdout


def test_a_command_that_fails_anyhow_is_not_counted(tmp_path):
    needs("strace")
    done, result = observe(tmp_path, "--count", "syscalls", "--", "false")
    assert done.returncode == 4 and result["counting"] == [] and "Nothing was counted: no run is a sample" in done.stdout


def test_no_looks_leaves_the_clients_process_alone(tmp_path):
    client = tmp_path / "fake"
    client.write_text("#!/bin/sh\necho '{\"client\": \"f\", \"version\": \"1\", \"task\": \"connect\", \"ok\": true, \"error\": null, "
                      "\"setup_ns\": 1, \"connect_ns\": 9, \"connected\": 5, \"get_ns\": [4, 3], \"values\": [0.5, 0.5], \"put_ns\": 2}'\n")
    client.chmod(0o755)
    for args, looked in ([], True), (["--no-looks"], False):
        done = bench(tmp_path, "--client", f"cmd:{client}", *args)
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads((tmp_path / "report" / "bench.json").read_text())
        run = result["runs"][-1]
        assert result["configuration"]["looks"] is looked
        assert looked or run["process"]["threads"] is None and run["udp_drops"] is None
        assert run["process"]["faults_minor"] > 0 and "stages" not in run  # this client tells none
        assert 0 <= result["orchestrator"]["cpu_s"] and 0 < result["orchestrator"]["wall_s"]
