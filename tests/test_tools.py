"""caplay anonymise, diff and stats on the small trace of tests/session_tool.c."""
import json
import subprocess

import pytest

import cahelp
import tracefile

TOOL = cahelp.BUILD / "tests" / "session_tool"


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("tools") / "session.catrace"
    subprocess.run([TOOL, path], check=True, timeout=60)
    return path


def run(*args, code=0):
    done = cahelp.caplay(*args)
    assert done.returncode == code, done.stderr
    return done.stdout


def rows(path):
    return [row for row in map(json.loads, run("dump", "--format", "jsonl", path).splitlines()) if "loss" not in row]


def secrets(path):
    """All names, hosts and users, and the texts that only one facility has."""
    names = {word for row in tracefile.read(path) if (word := row.pv)}
    who = {word for line in run("info", path).splitlines() if line.startswith("circuit ")
           for word in line.split()[5].split("@") if word != "?"}
    return {name.split(".")[0] for name in names | who}


def test_nothing_of_the_original_is_left_and_the_rest_is_as_it_was(trace, tmp_path):
    key, out, again = tmp_path / "my.key", tmp_path / "a.catrace", tmp_path / "b.catrace"
    key.write_bytes(bytes(range(32)))
    run("anonymise", "--key", key, trace, "-o", out)
    left = out.read_bytes()
    assert len(secrets(trace)) > 3
    for word in secrets(trace):
        assert word.encode(errors="surrogateescape") not in left, word
    assert b"no write, \nhere" in trace.read_bytes() and b"no write" not in left  # an exception's text
    kept = ("t_ns", "circuit", "peer", "count", "size", "command", "type", "flags")
    assert [[getattr(e, key) for key in kept] for e in tracefile.read(out)] == \
        [[getattr(e, key) for key in kept] for e in tracefile.read(trace)]
    assert [e.pv and len(e.pv) for e in tracefile.read(out)] == [e.pv and len(e.pv) for e in tracefile.read(trace)]
    run("anonymise", "--key", key, trace, "-o", again)
    assert left == again.read_bytes()


def test_values_are_replaced_only_if_asked_for(trace, tmp_path):
    def numbers(path):
        return [row["value"] for row in rows(path) if row.get("value") is not None and "STRING" not in row["type"]]
    run("anonymise", trace, "-o", tmp_path / "names.catrace")
    run("anonymise", "--values", trace, "-o", tmp_path / "all.catrace")
    assert numbers(tmp_path / "names.catrace") == numbers(trace)
    assert len(numbers(tmp_path / "all.catrace")) == len(numbers(trace))
    assert numbers(tmp_path / "all.catrace") != numbers(trace)


def test_a_key_that_is_none_is_refused(trace, tmp_path):
    short = tmp_path / "short"
    short.write_bytes(b"abc")
    done = cahelp.caplay("anonymise", "--key", short, trace, "-o", tmp_path / "x.catrace")
    assert done.returncode == 2 and "has 3 bytes, and a key 16 to 512" in done.stderr
    done = cahelp.caplay("anonymise", "--key", tmp_path / "none", trace, "-o", tmp_path / "x.catrace")
    assert done.returncode == 2 and "No such file" in done.stderr
    assert not (tmp_path / "x.catrace").exists()


# ---- traces with little in them ----

def without_circuits(trace):
    """The text of a trace, of which only what went over UDP is left."""
    first, *lines = [json.loads(line) for line in run("dump", "--format", "twin", trace).splitlines()]
    tcp = {line["circuit"] for line in lines if line.get("tcp")}
    kept = [line for line in lines if "circuit" in line and line["circuit"] not in tcp and "loss" not in line]
    assert any(line.get("command") == "SEARCH" for line in kept)
    return "".join(json.dumps(line) + "\n" for line in [{**first, "missing": {}}, *kept])


@pytest.mark.parametrize("kind", ["no messages", "only UDP"])
def test_every_tool_takes_a_trace_of(trace, tmp_path, kind):
    text, path, out = tmp_path / "x.jsonl", tmp_path / "x.catrace", tmp_path / "out.catrace"
    start = '{"catrace":1,"start_ns":0,"end_ns":0,"source":"x","missing":{}}\n'
    text.write_text(without_circuits(trace) if kind == "only UDP" else start)
    run("compile", text, "-o", path)
    for form in ("text", "jsonl", "csv", "twin"):
        assert len(run("dump", "--format", form, path).splitlines()) == {"csv": 1, "twin": 1}.get(form, 0) or kind == "only UDP"
    assert run("info", path).count("\npvs ") == 1 and "pvs            0 with" in run("stats", path)
    assert run("diff", path, path) == "" and run("diff", path, trace, code=1) != "" and run("diff", trace, path, code=1) != ""
    for words in (("cut",), ("merge", path), ("merge", trace), ("rename", "-e", "s/SIM/X/"), ("anonymise", "--values")):
        run(*words, path, "-o", out)
        run("info", out)
    run("export", path, "-o", tmp_path / "x.pcapng")
    done = cahelp.caplay("replay", path)
    assert done.returncode == 2 and "nothing to serve: no client connected to a PV in its" in done.stderr


def test_standard_input_is_a_trace_too(trace):
    for words in (("info",), ("stats",), ("diff", trace)):
        done = subprocess.run([cahelp.CAPLAY, *words, "-"], input=trace.read_bytes(), capture_output=True, timeout=60)
        assert done.returncode == 0 and done.stdout.decode() == run(*words, trace)


@pytest.mark.parametrize("content, words", [
    (b"hello\n", 'is not a trace: offset 0: expected "catrace" (636174726163651a), found 68656c6c6f0a'),
    (b'{"catrace":1}\n', "is text: run `caplay compile "),
    (None, "is not a regular file: it is a directory"),
])
def test_what_is_no_trace_is_told_from_what_it_is(tmp_path, content, words):
    path = tmp_path / "x"
    path.write_bytes(content) if content is not None else path.mkdir()
    for command in ("info", "dump", "stats"):
        done = cahelp.caplay(command, path)
        assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert "FILE.part" in cahelp.caplay("recover", tmp_path, "-o", tmp_path / "y").stderr


# ---- snapshots ----

@pytest.fixture
def snapshot(trace, tmp_path):
    """As `caplay snapshot` would have made it of one PV that the trace has and one that it has not."""
    lines = run("dump", "--format", "twin", trace).replace('"source":"session"', '"source":"snapshot"')
    (tmp_path / "snapshot.jsonl").write_text(lines.replace("SIM:IMAGE", "ONLY:IMAGE"))
    run("compile", tmp_path / "snapshot.jsonl", "-o", tmp_path / "snapshot.catrace")
    return tmp_path / "snapshot.catrace"


def types(path):
    return {words[1]: words[2] for line in run("info", "--pvs", "0", path).splitlines() if (words := line.split())[:1] == ["pv"]}


def filled(path):
    return next((int(line.split()[1]) for line in run("info", path).splitlines() if line.startswith("filled ")), 0)


def test_a_part_keeps_pvs_that_only_a_snapshot_told(trace, snapshot, tmp_path):
    whole, part = tmp_path / "whole.catrace", tmp_path / "part.catrace"
    run("merge", trace, snapshot, "-o", whole)
    assert types(whole)["ONLY:IMAGE"] == "SHORT[307200]" and filled(whole) > 0
    run("cut", "--from", "20us", whole, "-o", part)
    assert types(part)["ONLY:IMAGE"] == "SHORT[307200]" and filled(part) == filled(whole)
    run("cut", "--pv", "ONLY:*", whole, "-o", part)
    assert types(part) == {"ONLY:IMAGE": "SHORT[307200]"} and 0 < filled(part) < filled(whole)
    run("cut", "--pv", "SIM:*", whole, "-o", part)
    assert "ONLY:IMAGE" not in types(part)


def test_an_anonymised_snapshot_fills_in_an_anonymised_trace(trace, snapshot, tmp_path):
    key, out = tmp_path / "my.key", tmp_path / "out.catrace"
    key.write_bytes(bytes(range(32)))
    for path in trace, snapshot:
        run("anonymise", "--key", key, path, "-o", tmp_path / f"anonymised-{path.name}")
    run("merge", tmp_path / f"anonymised-{trace.name}", tmp_path / f"anonymised-{snapshot.name}", "-o", out)
    assert filled(out) > 0 and len(types(out)) == len(types(trace)) + 1


def test_several_snapshots_are_one(trace, snapshot, tmp_path):
    run("merge", snapshot, snapshot, "-o", tmp_path / "both.catrace")
    run("merge", trace, tmp_path / "both.catrace", "-o", tmp_path / "out.catrace")
    assert filled(tmp_path / "out.catrace") > 0


# ---- diff ----

def test_a_trace_differs_from_a_part_of_it_and_not_from_itself(trace, tmp_path):
    part = tmp_path / "part.catrace"
    assert run("diff", trace, trace) == ""
    run("cut", "--from", "10us", trace, "-o", part)
    out = run("diff", trace, part, code=1)
    assert "complete  circuits-midway                  1 -> 2\n" in out
    assert "messages  HOST_NAME-from-clients           1 -> 0\n" in out
    assert "No such file" in cahelp.caplay("diff", trace, tmp_path / "none").stderr
    assert cahelp.caplay("diff", trace, tmp_path / "none").returncode == 2


# ---- stats ----

def test_stats_as_a_table(trace):
    out = run("stats", trace)
    assert "\npv SIM:IMAGE                        1000000.000Hz         3     1\n" in out
    assert "\nservice    create             3     2.0us     3.0us     3.0us     3.0us\n" in out
    assert out[out.index("\nmessages"):] in run("info", trace)


def test_stats_as_a_picture(trace, tmp_path):
    pytest.importorskip("matplotlib")
    run("stats", trace, "--plot", tmp_path / "s.svg")
    picture = (tmp_path / "s.svg").read_text()
    assert "<!-- SIM:IMAGE -->" in picture and "<!-- create (3) -->" in picture
    assert [path.name for path in tmp_path.iterdir()] == ["s.svg"]
    done = cahelp.caplay("stats", trace, "--plot", tmp_path / "s.gif")
    assert done.returncode == 2 and "ends in neither .svg nor .png" in done.stderr


def test_a_python_without_matplotlib_is_told(trace, tmp_path, monkeypatch):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = cahelp.caplay("stats", trace, "--plot", tmp_path / "s.svg")
    assert done.returncode == 5 and "--plot needs matplotlib (none here)" in done.stderr
