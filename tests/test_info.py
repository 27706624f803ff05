"""caplay info and caplay dump on a small trace that holds whatever they have a form for (tests/session_tool.c)."""
import csv
import io
import json
import os
import re
import struct
import subprocess

import pytest

import cahelp

TOOL = cahelp.BUILD / "tests" / "session_tool"


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("info") / "session.catrace"
    subprocess.run([TOOL, path], check=True, timeout=60)
    return path


def run(*args):
    done = cahelp.caplay(*args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(text, first_word):
    return [line.split() for line in text.splitlines() if line.split()[:1] == [first_word]]


def refused(*args):
    """The one line that a refused command prints."""
    done = cahelp.caplay(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("caplay: ")
    return done.stderr


# ---- info ----

def test_info_tells_source_time_and_what_is_missing(trace):
    out = run("info", trace)
    assert "\nstart          2023-11-14T22:13:20.123456789Z\n" in out
    assert "\nduration       0.000037000s\n" in out
    assert ("\nincomplete     packets dropped by the kernel: 2, circuits joined midway: 1, "
            "messages that could not be decoded: 1\n") in out
    assert re.search(r"^payload +1843456 bytes, stored as 614656$", out, re.M)


LOSSES = [  # when, until, circuit, sender, kind, number, bytes, PVs
    ["0.000020500", "0.000024500", "-", "-", "dropped", "2", "0", "all"],
    ["0.000026000", "0.000026000", "2", "-", "midway", "1", "0", "?"],
    ["0.000037000", "0.000037000", "2", "server", "malformed", "1", "0", "1", r"A\x20b\x20\x22\xe9\x22\x5c\x0a"],
]


def test_info_tells_each_loss_with_its_place_and_the_pvs_that_it_concerns(trace):
    out = run("info", trace)
    assert "\nlosses         3\n" in out and "unplaced" not in out
    assert [row[1:] for row in lines(out, "loss")] == LOSSES
    out = run("info", "--losses", "1", trace)
    assert [row[1:] for row in lines(out, "loss")] == LOSSES[:1] and "\n... and 2 more (--losses 0 lists all)\n" in out
    assert len(lines(run("info", "--losses", "0", trace), "loss")) == 3


def test_dump_has_each_loss_at_its_time(trace):
    out = run("dump", trace).splitlines()
    assert [float(line.split()[0]) for line in out] == sorted(float(line.split()[0]) for line in out)
    assert [line for line in out if " LOSS " in line] == [
        "0.000020500 #- -- LOSS - kind=dropped count=2 bytes=0 until=0.000024500",
        "0.000026000 #2 -- LOSS - kind=midway count=1 bytes=0 until=0.000026000",
        "0.000037000 #2 <- LOSS - kind=malformed count=1 bytes=0 until=0.000037000"]
    rows = [row for row in map(json.loads, run("dump", "--format", "jsonl", trace).splitlines()) if "loss" in row]
    assert rows[0] == {"loss": "dropped", "t_ns": 20500, "until_ns": 24500, "circuit": None, "from": None, "count": 2, "bytes": 0}
    assert [row["loss"] for row in rows] == ["dropped", "midway", "malformed"]
    assert "LOSS" not in run("dump", "--command", "READ_NOTIFY", trace)
    assert [line.split()[5] for line in run("dump", "--pv", "SIM:*", trace).splitlines() if " LOSS " in line] == ["kind=dropped"]
    assert run("dump", "--circuit", "2", trace).count(" LOSS ") == 3


def test_a_cut_lacks_what_was_lost_in_its_time(trace, tmp_path):
    out = tmp_path / "cut.catrace"
    run("cut", "--from", "10us", "--to", "20us", trace, "-o", out)
    assert "\nincomplete     circuits joined midway: 1\n" in run("info", out)
    run("cut", "--to", "20us", trace, "-o", out)
    assert "\ncomplete       nothing is missing\n" in run("info", out)
    run("merge", trace, trace, "--offset", "-5us", "-o", out)
    assert [row[1:6] for row in lines(run("info", out), "loss")][:2] == [
        ["0.000020500", "0.000024500", "-", "-", "dropped"], ["0.000025500", "0.000029500", "-", "-", "dropped"]]


def test_an_incomplete_recording_is_replayed_only_on_request(trace):
    done = cahelp.caplay("replay", trace, "--port", "0", "--", "true")
    assert done.returncode == 2 and "is incomplete" in done.stderr and "--allow-incomplete" in done.stderr
    done = cahelp.caplay("replay", trace, "--allow-incomplete", "--port", "0", "--", "true")
    assert done.returncode == 0, done.stderr
    assert "is incomplete: 2 packets that the kernel dropped, 1 circuits joined midway, 1 messages" in done.stderr
    assert "updates of any PV may be missing" in done.stderr and "created before a circuit was joined" in done.stderr
    done = cahelp.caplay("bench", "--server", f"replay:{trace}", "--client", "libca", "--output", trace.parent / "out")
    assert done.returncode == 2 and f"{trace} is incomplete" in done.stderr


def test_info_tells_circuits_and_pvs(trace):
    out = run("info", trace)
    circuits = lines(out, "circuit")
    assert [row[2] for row in circuits] == ["udp", "tcp", "tcp"]
    assert circuits[1][3:] == ["10.0.0.1:40000", "10.0.0.2:15314", "opi@ws1", "4.13", "0", "2", "24", "1843280", "closed"]
    assert circuits[2][-1] == "midway"
    assert lines(out, "pv") == [
        ["pv", "SIM:IMAGE", "SHORT[307200]", "read+write", "1", "3", "1000000.000Hz", "13"],
        ["pv", r"A\x20b\x20\x22\xe9\x22\x5c\x0a", "STRING[1]", "read", "0", "0", "-", "9"],
        ["pv", "SIM:AI", "DOUBLE[1]", "read+write", "0", "0", "-", "9"]]


def test_info_lists_the_busiest_pvs_and_says_how_many_more(trace):
    out = run("info", "--pvs", "1", trace)
    assert [row[1] for row in lines(out, "pv")] == ["SIM:IMAGE"]
    assert "\n... and 2 more (--pvs 0 lists all)\n" in out
    assert len(lines(run("info", "--pvs", "0", trace), "pv")) == 3


def test_info_counts_messages_and_service_times(trace):
    out = run("info", trace)
    assert ["messages", "EVENT_ADD", "1", "5", "16", "1843208"] in lines(out, "messages")
    assert ["messages", "UNKNOWN", "0", "1", "0", "0"] in lines(out, "messages")
    assert ["service", "create", "3", "2.0us", "3.0us", "3.0us"] in lines(out, "service")
    assert [row[1] for row in lines(out, "service")] == ["search", "create", "read", "write", "subscribe", "cancel", "clear",
                                                         "echo"]


# ---- dump ----

def test_dump_is_one_line_a_message_in_order(trace):
    out = [line for line in run("dump", trace).splitlines() if " LOSS " not in line]
    assert len(out) == 41
    times = [float(line.split()[0]) for line in out]
    assert times == sorted(times)
    assert out[1] == "0.000001000 #0 -> SEARCH SIM:AI minor=13 cid=1"
    assert out[14] == ("0.000011000 #1 <- READ_NOTIFY SIM:AI type=TIME_DOUBLE count=1 status=ECA_NORMAL ioid=1 value=1.5 "
                       "alarm=NO_ALARM/NO_ALARM stamp=2026-11-24T22:28:07.228299483Z service=1.0us")
    assert out[18].endswith(" EVENT_ADD SIM:IMAGE type=SHORT count=307200 sid=1 subid=2 mask=VALUE|ALARM")
    assert " role=first value=[0 0 0 0 0 0 0 0 ...] service=" in out[19]
    assert " sid=1 subid=2 role=cancelled service=" in out[23]
    assert out[39].endswith(r'cid=5 status=ECA_NOWTACCESS about=WRITE text="no write, \x0ahere" service=1.0us')


def test_a_channel_whose_name_was_not_heard_is_a_question_mark(trace):
    unheard = [line for line in run("dump", trace).splitlines() if line.split()[4] == "?"]
    assert [line.split(maxsplit=1)[1] for line in unheard] == [
        "#2 <- EVENT_ADD ? type=DOUBLE count=1 status=ECA_NORMAL subid=7 role=update value=1.5"]


def test_dump_lets_nothing_through_that_could_steer_a_terminal(trace):
    for form in ("text", "jsonl"):
        assert re.fullmatch(r"[\x20-\x7e\n]+", run("dump", "--format", form, trace))


def test_dump_filters_by_name_and_circuit(trace):
    names = {line.split()[4] for line in run("dump", "--pv", "SIM:*", trace).splitlines() if " LOSS " not in line}
    assert names == {"SIM:AI", "SIM:IMAGE"}
    out = [line for line in run("dump", "--pv", "SIM:AI", "--circuit", "0", trace).splitlines() if " LOSS " not in line]
    assert [line.split()[2:4] for line in out] == [["->", "SEARCH"], ["<-", "SEARCH"]]
    assert "none of the 3 PVs matches 'NO*'" in refused("dump", "--pv", "NO*", trace)
    assert "3 is not below 3" in refused("dump", "--circuit", "3", trace)


def test_every_jsonl_line_is_an_object_whose_peer_is_its_request(trace):
    events = [row for row in map(json.loads, run("dump", "--format", "jsonl", trace).splitlines()) if "loss" not in row]
    assert [e["index"] for e in events] == list(range(41))
    reply = events[14]
    assert reply == {"index": 14, "t_ns": 11000, "span_ns": 0, "circuit": 1, "from": "server", "command": "READ_NOTIFY",
                     "pv": "SIM:AI", "peer": 13, "size": 24, "type": "TIME_DOUBLE", "count": 1, "status": "ECA_NORMAL",
                     "ioid": 1, "value": [1.5], "elements": 1, "severity": 0, "alarm": 0, "seconds": 1164407287,
                     "nanoseconds": 228299483, "service_ns": 1000}
    for e in events:
        if e.get("service_ns") is not None:
            assert events[e["peer"]]["from"] == "client"
    assert [e["role"] for e in events if e.get("peer") == 18] == ["first", "update", "update"]
    assert events[37]["value"] == [None, -2.0]
    assert events[38]["value"] == ["ab"]
    assert events[40]["command"] == 153


def test_a_reader_that_goes_away_is_no_error(trace):
    for command in (["info"], ["dump", "--format", "jsonl"]):
        process = subprocess.Popen([str(cahelp.CAPLAY), *command, str(trace)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
        process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_an_error(trace):
    for command in ("info", "dump"):
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(cahelp.CAPLAY), command, str(trace)], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 5
        assert "cannot write" in done.stderr


# ---- bad files ----

@pytest.mark.parametrize("command", ["info", "dump"])
def test_bad_files_each_give_one_line(trace, command, tmp_path):
    good = trace.read_bytes()
    bad = tmp_path / "bad.catrace"

    def words(data):
        bad.write_bytes(data)
        return refused(command, bad)

    assert "No such file" in refused(command, tmp_path / "none")
    assert "not a regular file" in refused(command, tmp_path)
    assert "is empty" in words(b"")
    assert "is not a trace" in words(b"something else entirely")
    assert f"run `caplay capture -r {bad} -w {bad}.catrace` first" in words(b"\x0a\x0d\x0d\x0a" + bytes(100))
    assert f"is cut short: 1000 bytes, it was written with {len(good)}" in words(good[:1000])
    assert "is a trace of version 3.1, this caplay reads 1.0 and 2.x" in words(good[:8] + b"\x03" + good[9:])
    meta, events = (struct.unpack_from("<Q", good, 32 + 32 * kind)[0] for kind in (5, 4))
    for name, at in ("meta", meta), ("events", events):
        assert f"is damaged: section {name} at offset {at} " in words(good[:at + 90] + b"\xff" + good[at + 91:])
    bad.write_bytes(good[:1000] + b"\xff" + good[1001:])
    if command == "dump":
        assert "section pool at offset 512" in refused(command, bad)
    else:
        assert run(command, bad) == run(command, trace)  # it reads no payload
    assert "is unfinished" in words(good[:16] + bytes(8) + good[24:])


def test_help_tells_the_members_of_jsonl(trace):
    page = run("dump", "--help")
    for line in run("dump", "--format", "jsonl", trace).splitlines():
        for member in json.loads(line):
            assert re.search(rf"\b{member}\b", page), member


def test_csv_is_the_same_as_jsonl_in_columns(trace):
    table = list(csv.DictReader(io.StringIO(run("dump", "--format", "csv", trace))))
    for row, event in zip(table, events(trace), strict=True):
        for member in ("index", "t_ns", "circuit", "from", "command", "size", "type", "count", "sid", "status", "elements", "service_ns"):
            assert row[member] == str(event.get(member, "")), member
    assert table[14]["value"] == "1.5" and table[37]["value"] == "nan -2" and table[38]["value"] == '"ab"'


def test_arrays_are_shown_as_far_as_asked(trace):
    image = ["dump", "--pv", "SIM:IMAGE", "--command", "EVENT_ADD", "--from", "16us", "--to", "17us", trace]
    assert " value=[0 0 0 ...]" in run(*image, "--elements", "3")
    assert len(json.loads(run(*image, "--format", "jsonl", "--elements", "all"))["value"]) == 307200
    assert "neither all nor a whole number" in refused(*image, "--elements", "some")


# ---- traces made of traces ----

def events(path):
    return [row for row in map(json.loads, run("dump", "--format", "jsonl", path).splitlines()) if "loss" not in row]


def test_dump_picks_commands_and_times(trace):
    rows = [json.loads(line) for line in run("dump", "--format", "jsonl", "--command", "READ_NOTIFY", "--command", "ECHO",
                                             "--from", "11us", "--to", "36us", trace).splitlines()]
    expected = [row for row in events(trace) if row["command"] in ("READ_NOTIFY", "ECHO") and 11000 <= row["t_ns"] < 36000]
    assert rows == expected and len(rows) > 1
    assert "--command: 'GET' is no command" in refused("dump", "--command", "GET", trace)


def test_a_cut_holds_the_messages_of_its_time_with_their_values_and_knows_its_names(trace, tmp_path):
    out = tmp_path / "cut.catrace"
    run("cut", "--from", "10us", "--to", "30us", trace, "-o", out)
    whole = [row for row in events(trace) if 10000 <= row["t_ns"] < 30000]
    for row, original in zip(events(out), whole, strict=True):
        assert row["t_ns"] == original["t_ns"] - 10000
        assert [row.get(key) for key in ("command", "pv", "value", "text", "size")] == \
            [original.get(key) for key in ("command", "pv", "value", "text", "size")]
    info = run("info", out)
    assert "\nstart          2023-11-14T22:13:20.123466789Z\n" in info
    assert "circuits joined midway: 2" in info


def test_a_cut_by_name_keeps_what_concerns_no_pv(trace, tmp_path):
    out = tmp_path / "cut.catrace"
    run("cut", "--pv", "SIM:AI", trace, "-o", out)
    assert [(row["t_ns"], row["command"]) for row in events(out)] == \
        [(row["t_ns"], row["command"]) for row in events(trace) if row["pv"] in (None, "SIM:AI")]


def test_renaming_changes_tables_and_payloads_alike(trace, tmp_path):
    out = tmp_path / "renamed.catrace"
    run("rename", "-e", r"s/^SIM:(.*)$/A:much:longer:name:\1:of:&/", trace, "-o", out)
    assert [row["pv"] for row in events(out)] == \
        [row["pv"] and re.sub("^SIM:(.*)$", r"A:much:longer:name:\1:of:\g<0>", row["pv"]) for row in events(trace)]
    search = next(row for row in events(out) if row["command"] == "SEARCH" and row["from"] == "client")
    assert search["pv"] == "A:much:longer:name:AI:of:SIM:AI" and search["size"] == 32
    run("rename", "-e", r"s/.*:of:(.*)/\1/", out, "-o", tmp_path / "back.catrace")
    assert events(tmp_path / "back.catrace") == events(trace)


def test_renaming_by_a_map(trace, tmp_path):
    names, out = tmp_path / "names.txt", tmp_path / "renamed.catrace"
    names.write_text("# the simulation\nSIM:AI\tBL:CURRENT:OF:THE:RING\n\nSIM:NONE  OTHER\n")
    done = cahelp.caplay("rename", "-m", names, trace, "-o", out)
    assert done.returncode == 0
    assert done.stderr == f"caplay: warning: 1 of the 2 names in {names} are not in the trace: SIM:NONE\n"
    assert [row["pv"] for row in events(out)] == \
        ["BL:CURRENT:OF:THE:RING" if row["pv"] == "SIM:AI" else row["pv"] for row in events(trace)]


def test_names_that_were_not_renamed_are_told(trace, tmp_path):
    names, out = tmp_path / "names.txt", tmp_path / "renamed.catrace"
    names.write_text("SIM:AI X\n" + "".join(f"NOBODY:{i} {i}\n" for i in range(12)))
    done = cahelp.caplay("rename", "-m", names, trace, "-o", out)
    assert done.returncode == 0 and "12 of the 13 names" in done.stderr
    assert done.stderr.endswith(" in the trace: " + " ".join(f"NOBODY:{i}" for i in range(10)) + " ...\n")
    names.write_text("SIM:AI X\n")
    assert cahelp.caplay("rename", "-m", names, trace, "-o", out).stderr == ""
    done = cahelp.caplay("rename", "-e", "s/^BL1:/BL2:/", trace, "-o", out)
    assert done.returncode == 0 and "no PV's name matches s/^BL1:/BL2:/" in done.stderr
    assert cahelp.caplay("rename", "-e", "s/^SIM:/BL2:/", trace, "-o", out).stderr == ""


def test_names_may_be_long(trace, tmp_path):
    """A header that is not extended has room for 65,527 bytes."""
    names, out, name = tmp_path / "names.txt", tmp_path / "long.catrace", "LONG:" * 12000
    names.write_text(f"SIM:AI {name}\n")
    run("rename", "-m", names, trace, "-o", out)
    assert [row["pv"] == name for row in events(out)] == [row["pv"] == "SIM:AI" for row in events(trace)]
    (tmp_path / "long.jsonl").write_text(run("dump", "--format", "twin", out))
    run("compile", tmp_path / "long.jsonl", "-o", tmp_path / "again.catrace")
    assert (tmp_path / "again.catrace").read_bytes() == out.read_bytes()
    run("rename", "-e", "s/^LONG(.{2000}).*/LONG\\1/", out, "-o", tmp_path / "shorter.catrace")
    run("anonymise", tmp_path / "shorter.catrace", "-o", tmp_path / "other.catrace")
    assert [row["size"] for row in events(tmp_path / "other.catrace")] == [row["size"] for row in events(tmp_path / "shorter.catrace")]
    run("rename", "-e", "s/^LONG.*/SIM:AI/", out, "-o", tmp_path / "back.catrace")
    assert events(tmp_path / "back.catrace") == events(trace)


@pytest.mark.parametrize("text, words", [
    ("A B\nC\n", "names.txt, line 2: expected OLD NEW, found 'C'"), ("A B C\n", "line 1: expected OLD NEW, found 'A B C'"),
    ("A B\nA C\n", "line 2: 'A' has a new name in line 1 already"), ("", "has no line of the form OLD NEW"),
    ("A " + "x" * 65528, "line 1: the new name has 65528 bytes, at most 65527"),
])
def test_a_bad_map_is_refused_with_its_line(trace, tmp_path, text, words):
    (tmp_path / "names.txt").write_text(text)
    assert words in refused("rename", "-m", tmp_path / "names.txt", trace, "-o", tmp_path / "x.catrace")
    assert "not both" in refused("rename", "-m", tmp_path / "names.txt", "-e", "s/a/b/", trace, "-o", tmp_path / "x.catrace")


def test_merged_traces_are_on_one_clock(trace, tmp_path):
    out = tmp_path / "both.catrace"
    run("merge", trace, trace, "--offset", "-5us", "-o", out)
    times = [row["t_ns"] for row in events(trace)]
    assert [row["t_ns"] for row in events(out)] == sorted(times + [t_ns + 5000 for t_ns in times])
    assert "\nincomplete     packets dropped by the kernel: 4, circuits joined midway: 2," in run("info", out)
    rows = events(out)
    for row in rows:
        if row["peer"] is not None:
            assert rows[row["peer"]]["circuit"] == row["circuit"]


def test_bad_input_of_the_tools_is_told_with_an_example(trace, tmp_path):
    out = tmp_path / "x.catrace"
    assert "-o FILE says where" in refused("cut", trace)
    assert "is an input, too" in refused("rename", "-e", "s/a/b/", trace, "-o", trace)
    assert "is not of the form s/RE/TEXT/ (example: " in refused("rename", "-e", "s/a", trace, "-o", out)
    assert "no regular expression" in refused("rename", "-e", "s/(/b/", trace, "-o", out)
    assert "'3' is not a duration" in refused("merge", trace, trace, "--offset", "3", "-o", out)
    assert "is not before --to" in refused("cut", "--from", "20us", "--to", "10us", trace, "-o", out)
    assert "No such file" in refused("recover", tmp_path / "no.part", "-o", out)
    assert not out.exists()


def test_a_part_is_read_without_the_rest(trace, tmp_path):
    all_lines = run("dump", trace).splitlines()
    part = [line for line in all_lines if 0.000005 <= float(line.split()[0]) < 0.000020]
    assert run("dump", "--from", "5us", "--to", "20us", trace).splitlines() == part
    assert run("dump", "--from", "1h", trace) == ""


def test_cut_keeps_the_pvs_that_its_messages_name(trace, tmp_path):
    out = tmp_path / "part.catrace"
    part = [line.split() for line in run("dump", "--from", "20us", "--to", "37us", trace).splitlines()]
    run("cut", "--from", "20us", "--to", "37us", trace, "-o", out)
    assert {row[1] for row in lines(run("info", "--pvs", "0", out), "pv")} == {row[4] for row in part if row[4] not in "-?"}
    assert len(events(out)) == sum(row[3] != "LOSS" for row in part)


def test_an_export_tells_the_drops_of_its_capture(trace, tmp_path):
    capture, again = tmp_path / "x.pcapng", tmp_path / "again.catrace"
    run("export", trace, "-o", capture)
    run("capture", "-r", capture, "-w", again)
    assert "packets dropped by the kernel: 2" in run("info", again)
