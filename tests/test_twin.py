"""The text twin of a trace: both ways without loss, edited by hand, and refused with its line."""
import json
import subprocess

import pytest

import cahelp

SHIPPED = sorted((cahelp.ROOT / "traces" / "recorded").glob("*.jsonl"))


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("twin") / "session.catrace"
    subprocess.run([cahelp.BUILD / "tests" / "session_tool", path], check=True, timeout=60)
    return path


def run(*args, **keywords):
    done = cahelp.caplay(*args, **keywords)
    assert done.returncode == 0, done.stderr
    return done.stdout


def twin(path):
    return run("dump", "--format", "twin", path)


def compiled(text, folder):
    (folder / "edited.jsonl").write_text(text)
    run("compile", folder / "edited.jsonl", "-o", folder / "edited.catrace")
    return folder / "edited.catrace"


def rows(path):
    return [row for row in map(json.loads, run("dump", "--format", "jsonl", path).splitlines()) if "loss" not in row]


def test_a_trace_comes_back_from_its_text_byte_by_byte(trace, tmp_path):
    assert compiled(twin(trace), tmp_path).read_bytes() == trace.read_bytes()


def test_so_do_traces_made_of_traces(trace, tmp_path):
    made = [("rename", trace, "-e", "s/SIM/VERY:LONG:NAME/"), ("cut", trace, "--from", "8us", "--to", "30us"),
            ("merge", trace, trace, "--offset", "-4500ns"), ("cut", trace, "--pv", "SIM:AI")]
    for i, words in enumerate(made):
        path = tmp_path / f"{i}.catrace"
        run(*words, "-o", path)
        assert compiled(twin(path), tmp_path).read_bytes() == path.read_bytes(), words


def test_the_text_is_plain_and_values_are_readable(trace):
    text = twin(trace)
    assert text.isascii() and text.isprintable() is False and all(line.isprintable() for line in text.splitlines())
    read = next(json.loads(line) for line in text.splitlines() if '"READ_NOTIFY"' in line and '"server"' in line)
    assert (read["value"], read["stamp"], read["pv"], read["status"]) == (1.5, [1164407287, 228299483], "SIM:AI", "ECA_NORMAL")
    assert [line.count('"hex"') for line in text.splitlines() if "EVENT_ADD" in line and '"SIM:IMAGE"' in line].count(1) == 1


def test_standard_input_is_text_too(trace, tmp_path):
    run("compile", "-", "-o", tmp_path / "x.catrace", input=twin(trace))
    assert (tmp_path / "x.catrace").read_bytes() == trace.read_bytes()


def test_tools_read_standard_input_and_write_standard_output(trace, tmp_path):
    def piped(*words):
        done = subprocess.run([cahelp.CAPLAY, *words], input=trace.read_bytes(), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for words in (("rename", "-e", "s/SIM/X/"), ("cut", "--from", "5us"), ("merge", trace)):
        run(*words, trace, "-o", tmp_path / "x.catrace")
        assert piped(*words, "-", "-o", "-") == (tmp_path / "x.catrace").read_bytes(), words
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    run("anonymise", "--key", key, trace, "-o", tmp_path / "x.catrace")
    assert piped("anonymise", "--key", key, "-", "-o", "-") == (tmp_path / "x.catrace").read_bytes()
    assert piped("dump", "-").decode() == run("dump", trace)
    (tmp_path / "x.jsonl").write_text(twin(trace))
    assert piped("compile", tmp_path / "x.jsonl", "-o", "-") == trace.read_bytes()
    piped("export", "-", "-o", tmp_path / "x.pcapng")
    assert (tmp_path / "x.pcapng").stat().st_size > 614400


def test_an_edited_value_has_its_size(trace, tmp_path):
    text = twin(trace).replace('"value":1.5,"stamp":[1164407287,228299483],"bytes":{"15":"03"}', '"value":[1,2.25,3]')
    path = compiled(text.replace('"text":"opi"', '"text":"somebody"').replace('"pv":"SIM:AI"', '"pv":"ANOTHER:NAME"'), tmp_path)
    read = next(row for row in rows(path) if row["command"] == "READ_NOTIFY" and row["from"] == "server")
    assert (read["pv"], read["value"], read["size"], read["count"]) == ("ANOTHER:NAME", [1, 2.25, 3], 40, 3)
    user = next(row for row in rows(path) if row["command"] == "CLIENT_NAME")
    assert (user["text"], user["size"]) == ("somebody", 16)
    search = next(row for row in rows(path) if row["command"] == "SEARCH")
    assert (search["pv"], search["size"]) == ("ANOTHER:NAME", 16)


def test_lines_can_be_taken_out(trace, tmp_path):
    kept = [line for line in twin(trace).splitlines() if '"READ_NOTIFY"' not in line]
    path = compiled("\n".join(kept) + "\n", tmp_path)
    assert [row["command"] for row in rows(path)] == [row["command"] for row in rows(trace) if row["command"] != "READ_NOTIFY"]


START = '{"catrace":1,"start_ns":0,"end_ns":0,"source":"x","missing":{}}\n{"circuit":0,"tcp":true}\n'


@pytest.mark.parametrize("line, words", [
    ("{", "expected one JSON object a line"),
    ("[]", 'line 3: "{": expected a JSON object, found []'),
    ('{"command":"ECHO","from":"client"}', '"t_ns": expected a whole number of nanoseconds since the first packet, found nothing'),
    ('{"t_ns":-1,"command":"ECHO","from":"client"}', '"t_ns": expected a whole number from 0 to 9223372036854775807, found -1'),
    ('{"t_ns":0,"command":"GET","from":"client"}', '"command": expected a command, as READ_NOTIFY, or its number, found "GET"'),
    ('{"t_ns":0,"command":"ECHO","from":"me"}', '"from": expected "client" or "server", found "me"'),
    ('{"t_ns":0,"command":"ECHO","from":"client","circuit":7}', '"circuit": expected the number of a circuit that a line before has, found 7'),
    ('{"t_ns":0,"command":"ECHO","from":"server","peer":7}', '"peer": expected the id of a message, found 7'),
    ('{"t_ns":0,"command":"ECHO","from":"client","valeu":7}', '"valeu": expected no such member here, found 7'),
    ('{"t_ns":0,"command":"WRITE","from":"client","type":"SHORT","value":[1,40000]}',
     '"value": expected a whole number from -32768 to 32767, found 40000'),
    ('{"t_ns":0,"command":"WRITE","from":"client","type":"REAL","value":1}', '"type": expected a DBR type, as TIME_DOUBLE, or its number, found "REAL"'),
    ('{"t_ns":0,"command":"WRITE","from":"client","type":"DOUBLE","value":1,"bytes":{"0":"ff"}}',
     '"bytes": expected places within the payload that the other members leave 0: leave it out, found "ff"'),
    ('{"t_ns":0,"command":"WRITE","from":"client","type":"DOUBLE","body":5}', '"body": expected the number of values that a line before has'),
    ('{"t_ns":0,"command":"WRITE","from":"client","type":"STRING","value":"much too long","size":8}', '"size": expected room for what'),
    ('{"circuit":0}', '"circuit": expected a number that no line before has, found 0'),
    ('{"circuit":1,"client":"nowhere"}', '"client": expected an IPv4 address, as 10.0.0.1, found "nowhere"'),
    ('{"loss":"hole"}', '"loss": expected dropped, cut, gap, beginning, skipped, midway or malformed, found "hole"'),
    ('{"loss":"gap","circuit":7}', '"circuit": expected the number of a circuit that a line before has, found 7'),
    ('{"loss":"gap","t_ns":5,"until_ns":4}', '"until_ns": expected a time that is not before t_ns, found 4'),
    ('{"loss":"gap","from":"me"}', '"from": expected "server", or nothing, found "me"'),
    ('{"pv":"A","type":"REAL"}', '"type": expected STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE or null, found "REAL"'),
])
def test_a_bad_line_is_refused_with_what_was_expected_and_found(tmp_path, line, words):
    path = tmp_path / "bad.jsonl"
    path.write_text(START + line + "\n")
    done = cahelp.caplay("compile", path, "-o", tmp_path / "x.catrace")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "bad.jsonl, line 3" in done.stderr and words in done.stderr, done.stderr
    assert not list(tmp_path.glob("x.catrace*"))


def test_what_is_no_twin_is_told(trace, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(run("dump", "--format", "jsonl", trace))
    done = cahelp.caplay("compile", path, "-o", tmp_path / "x.catrace")
    assert done.returncode == 2 and "a first line that has it, as `caplay dump --format twin` writes" in done.stderr
    assert "is the input" in cahelp.caplay("compile", path, "-o", path).stderr
    assert "-o FILE says where" in cahelp.caplay("compile", path).stderr
    assert "all of a trace" in cahelp.caplay("dump", "--format", "twin", "--pv", "S*", trace).stderr


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_trace_is_its_text(path, tmp_path):
    run("compile", path, "-o", tmp_path / "x.catrace")
    assert twin(tmp_path / "x.catrace") == path.read_text()
    assert path.stat().st_size < 200_000


def test_a_shipped_trace_is_replayed_to_a_real_client(tmp_path):
    run("compile", cahelp.ROOT / "traces" / "recorded" / "alarms.jsonl", "-o", tmp_path / "x.catrace")
    with cahelp.server("replay", tmp_path / "x.catrace") as server:
        answer = cahelp.run_job("libca", {"task": "read", "names": ["recorded:analog"], "timeout_s": 30}, server.env)
    assert answer["ok"], answer
    assert answer["pvs"]["recorded:analog"]["value"] in (0, 8, 10, -8, -10)
