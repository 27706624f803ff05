"""caplay snapshot of real IOCs: values and metadata are in the trace, who does not answer is named, and the trace replays at once."""
import os
import re

import cahelp
import pytest
import rawca

GOOD, DIFFERENCE, USAGE, ENVIRONMENT = 0, 1, 2, 5

DATABASE = """
record(ai, "snap:analog") { field(VAL, "1.5") field(EGU, "mm") field(PREC, "3") field(HIHI, "1") field(HHSV, "MAJOR") field(PINI, "YES") }
record(mbbo, "snap:states") { field(ZRST, "off") field(ONST, "on") field(ONVL, "1") field(VAL, "1") field(PINI, "YES") }
record(ai, "snap:count") { field(HOPR, "1000") field(EGU, "turns") field(TSE, "-2") info(caplay:count, "20Hz") }
"""


@pytest.fixture(scope="module")
def iocs(tmp_path_factory):
    """Two, at two ports."""
    folder = tmp_path_factory.mktemp("iocs")
    (folder / "a.db").write_text(DATABASE)
    (folder / "b.db").write_text('record(stringin, "other:text") { field(VAL, "hello") field(PINI, "YES") }')
    with cahelp.server("ioc", folder / "a.db") as a, cahelp.server("ioc", folder / "b.db") as b:
        yield a, b


def snapshot(iocs, *args):
    where = " ".join(f"127.0.0.1:{ioc.udp}" for ioc in iocs)
    return cahelp.caplay("snapshot", *args, env={"EPICS_CA_ADDR_LIST": where, "EPICS_CA_AUTO_ADDR_LIST": "NO",
                                                      "EPICS_CA_REPEATER_PORT": str(cahelp.REPEATER_PORT)})


def test_what_pvs_of_two_iocs_are_is_recorded_and_replays(iocs, tmp_path):
    trace, names = tmp_path / "now.catrace", ["snap:analog", "snap:states", "other:text"]
    done = snapshot(iocs, "-w", trace, *names)
    assert done.returncode == GOOD, done.stderr
    assert f"{trace}: 3 of 3 PVs\n" in done.stderr
    job = {"task": "read", "names": names, "timeout_s": 30}
    env = iocs[0].env | {"EPICS_CA_ADDR_LIST": " ".join(f"127.0.0.1:{ioc.udp}" for ioc in iocs)}
    with cahelp.server("replay", trace) as replay:
        live, replayed = (cahelp.run_job("libca", job, each)["pvs"] for each in (env, replay.env))
    for pv in names:
        moved = ("seconds", "nanoseconds")
        assert {k: v for k, v in live[pv].items() if k not in moved} == {k: v for k, v in replayed[pv].items() if k not in moved}


def test_names_of_a_file_and_those_that_do_not_answer_are_listed(iocs, tmp_path):
    trace, names = tmp_path / "now.catrace", tmp_path / "names.txt"
    names.write_text("snap:analog   # the first\n\n# nothing\n  snap:none\nsnap:states\n")
    done = snapshot(iocs, "-l", names, "-w", trace, "--timeout", "500ms")
    assert done.returncode == DIFFERENCE, done.stderr
    assert "caplay: snap:none: no answer\n" in done.stderr and f"{trace}: 2 of 3 PVs\n" in done.stderr
    assert {line.split()[1] for line in cahelp.caplay("info", trace).stdout.splitlines() if line.startswith("pv ")} >= {"snap:analog", "snap:states"}


def test_with_for_updates_are_recorded_too(iocs, tmp_path):
    trace = tmp_path / "now.catrace"
    done = snapshot(iocs, "-w", trace, "snap:count", "--for", "500ms")
    assert done.returncode == GOOD, done.stderr
    assert cahelp.caplay("dump", trace).stdout.count("EVENT_ADD") >= 5


def test_a_snapshot_fills_in_what_no_client_asked_while_it_was_recorded(iocs, tmp_path):
    night, now, whole = tmp_path / "night.catrace", tmp_path / "now.catrace", tmp_path / "whole.catrace"
    with cahelp.server("proxy", "--to", f"127.0.0.1:{iocs[0].udp}", "-w", night) as proxy:
        job = {"task": "monitor", "name": "snap:count", "seconds": 0.3, "warmup_s": 0, "timeout_s": 30}
        assert cahelp.run_job("libca", job, proxy.env)["ok"]
        with rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", proxy.udp, "snap:states")) as circuit:
            circuit.create("snap:states")
        assert proxy.stop() == GOOD
    assert snapshot(iocs, "-w", now, "snap:count", "other:text").returncode == GOOD
    done = cahelp.caplay("merge", night, now, "-o", whole)
    assert done.returncode == GOOD
    assert done.stderr == "caplay: snap:states still lacks labels of its states, a value\n"
    updates = [cahelp.caplay("dump", "--command", "EVENT_ADD", trace).stdout for trace in (night, whole)]
    assert updates[0] == updates[1] and updates[0]
    info = [cahelp.caplay("info", trace).stdout for trace in (night, whole)]
    assert [line for line in info[0].splitlines() if line.startswith(("duration", "source", "messages", "service"))] == \
           [line for line in info[1].splitlines() if line.startswith(("duration", "source", "messages", "service"))]
    with cahelp.server("replay", whole, "--loop", "0") as replay:
        pvs = cahelp.run_job("libca", {"task": "read", "names": ["snap:count", "other:text"], "timeout_s": 30}, replay.env)["pvs"]
        assert "snap:count" not in replay.stderr()
    assert pvs["snap:count"]["units"] == "turns" and pvs["other:text"]["value"] == "hello"


def test_where_nobody_answers_no_trace_is_left(iocs, tmp_path):
    done = snapshot(iocs, "-w", tmp_path / "x.catrace", "snap:none", "--timeout", "200ms")
    assert done.returncode == ENVIRONMENT
    assert "none of 1 PVs answered within 0.2 s" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options, code, words", [
    ("-w {}/x.catrace", USAGE, "no PV is named"),
    ("snap:a", USAGE, "-w FILE"),
    ("-l {}/none -w {}/x.catrace", USAGE, "none: cannot be read"),
    ("-l {}/names -w {}/names", USAGE, "is the list of names: take another name"),
    ("-w /nowhere/x.catrace snap:a", ENVIRONMENT, "/nowhere/x.catrace"),
])
def test_bad_input_is_one_clear_line(iocs, tmp_path, options, code, words):
    (tmp_path / "names").write_text("snap:a\n")
    done = snapshot(iocs, *options.replace("{}", str(tmp_path)).split())
    assert done.returncode == code, done.stderr
    assert re.fullmatch(f"caplay: .*{words}.*\n", done.stderr), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["names"]
    assert (tmp_path / "names").read_text() == "snap:a\n"


def test_an_empty_address_list_is_told():
    done = cahelp.caplay("snapshot", "-w", "x.catrace", "a", env={"EPICS_CA_ADDR_LIST": "", "EPICS_CA_AUTO_ADDR_LIST": "NO",
                                                      "EPICS_CA_REPEATER_PORT": str(cahelp.REPEATER_PORT)})
    assert done.returncode == ENVIRONMENT and "nowhere to search" in done.stderr
    assert not os.path.exists("x.catrace")
