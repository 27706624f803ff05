"""`caplay bench --save`, `--resume` and `caplay compare` with a client that answers at once what FAKE_* says."""
import json
import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree

import pytest

import cahelp

# Connects to nothing. FAKE_NS: what its connect took, with some of its process number on top; FAKE_EXIT: it fails.
FAKE = """#!/bin/sh
[ -z "$FAKE_EXIT" ] || exit "$FAKE_EXIT"
[ -z "$FAKE_SLEEP" ] || sleep "$FAKE_SLEEP"
echo "{\\"client\\": \\"fake\\", \\"version\\": \\"1\\", \\"task\\": \\"connect\\", \\"ok\\": true, \\"error\\": null, \\"setup_ns\\": 1000, \\
 \\"connect_ns\\": $((${FAKE_NS:-10000000} + $$ % 100 * ${FAKE_SPREAD:-1000})), \\"connected\\": 100, \\"get_ns\\": [400000, 300000], \\
 \\"values\\": [0.5, 0.5], \\"put_ns\\": 200000}"
"""
TIMES = ["--gate", "ratio:1.10", "--gate", "field-rule"]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("client") / "fake"
    path.write_text(FAKE)
    path.chmod(0o755)
    return f"cmd:{path}"


def arguments(folder, client, save, *args):
    return ["bench", "ten-thousand", "--client", client, "--pvs", "100", "--output", folder / "report", "--save", save, *args]


@pytest.fixture(scope="module")
def measure(tmp_path_factory, client):
    folder = tmp_path_factory.mktemp("bench")

    def run(name, *args, runs=8, **env):
        done = cahelp.caplay(*arguments(folder, client, folder / name, "--runs", runs, *args), env=env)
        return done.returncode, folder / name
    return run


@pytest.fixture(scope="module")
def base(measure):
    code, path = measure("base.json")
    assert code == 0
    return path


def compare(*args):
    done = cahelp.caplay("compare", *args)
    return done.returncode, done.stdout.splitlines()[0] if done.stdout else done.stderr


@pytest.fixture
def edited(tmp_path, base):
    """A copy of the base after `change(its JSON)`."""
    def edit(change, name="edited.json"):
        result = json.loads(base.read_text())
        change(result)
        (tmp_path / name).write_text(json.dumps(result))
        return tmp_path / name
    return edit


def test_a_client_is_equivalent_to_itself(measure, base, tmp_path):
    _, new = measure("same.json", "--seed", "2")
    code, line = compare(base, new, *TIMES, "--junit", tmp_path / "j.xml", "--markdown", tmp_path / "m.md")
    assert (code, line) == (0, "equivalent: all 8 rows")
    assert (tmp_path / "m.md").read_text().startswith("**equivalent: all 8 rows**\n")
    suite = xml.etree.ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("8", "0", "0")


def test_a_slower_client_is_called_slower_and_a_faster_one_faster(measure, base, tmp_path):
    _, slow = measure("slow.json", FAKE_NS="20000000")
    code, line = compare(base, slow, "--junit", tmp_path / "j.xml")
    assert code == 1 and line.startswith("slower: cmd:") and re.search(r"connect 100 PVs: connect_s x(1\.9|2\.0)", line)
    failure = xml.etree.ElementTree.parse(tmp_path / "j.xml").getroot().find("testcase/failure")
    assert failure.get("message").startswith("slower x")
    code, line = compare(slow, base, "--gate", "ratio:1.10")
    assert code == 0 and line.startswith("faster: ")


def test_few_runs_are_undecided(measure, base):
    _, few = measure("few.json", runs=3)
    code, line = compare(base, few, "--gate", "field-rule")
    assert code == 3 and line.startswith("undecided (needs about 3 more runs): ")


def test_a_broken_client_is_no_slow_one(measure, base):
    code, broken = measure("broken.json", FAKE_EXIT="9")
    assert code == 4
    code, line = compare(base, broken, "--gate", "ratio:1.10")
    assert code == 3 and line.startswith("undecided")  # nothing is known of its times, and 3 comes before 4


def spoil(outcome):
    return lambda result: result["runs"][-1].update(outcome=outcome, why="on purpose")


def lose(result):
    result["clients"][0]["not_installed"] = "no wheel"


@pytest.mark.parametrize("changes, code, says", [
    ([spoil("crashed")], 4, "broken: "),
    ([spoil("invalid")], 3, "invalid: "),
    ([lambda result: result.update(interrupted=True)], 3, "--resume goes on"),
    ([spoil("invalid"), lose], 5, "is not installed: no wheel"),
    ([spoil("crashed"), lambda result: result.update(interrupted=True)], 3, "invalid: "),
])
def test_what_went_wrong_comes_before_slower(edited, base, changes, code, says):
    new = edited(lambda result: [change(result) for change in changes])
    seen, line = compare(base, new, *TIMES)
    assert seen == code and says in line


def test_counts_that_repeat_exactly_must_be_equal(edited):
    def count(n):
        return lambda result: [run.update(counts={"requests": n, "wakeups": i}) for i, run in enumerate(result["runs"])]
    seven, eight = edited(count(7), "7.json"), edited(count(8), "8.json")
    assert compare(seven, seven, "--gate", "counts") == (0, "equivalent: all 2 rows")
    code, line = compare(seven, eight, "--gate", "counts")
    assert code == 1 and ": requests x1.143" in line
    assert compare(eight, seven, "--gate", "counts")[0] == 0


def test_instructions_stand_for_cpu_time_where_both_were_counted_alike(edited):
    def count(name, factor, by="callgrind"):
        def change(result):
            samples = [factor * (5_000_000 + 1000 * i) for i in range(6)]
            result["cells"][0]["instructions_by"] = by
            for figure in "instructions", "connect_instructions":
                result["cells"][0]["figures"][figure] = result["cells"][0]["figures"]["connect_s"] | {"samples": samples}
        return edited(change, name)

    def rows(*results):
        done = cahelp.caplay("compare", *results, "--gate", "interval")
        return done.returncode, set(re.findall(r"  (\w*(?:instructions|cpu_s))  ", done.stdout)), done.stdout.splitlines()[0]
    base, more = count("i.json", 1), count("j.json", 1.2)
    both = {"instructions", "connect_instructions"}
    assert rows(base, base)[:2] == (0, both)
    code, names, line = rows(base, more)
    assert (code, names) == (1, both) and "instructions x1.200 [1." in line
    assert rows(base, count("k.json", 1.2, "perf"))[1] == {"cpu_s"}


def test_a_result_file_that_is_none_is_refused_by_name(edited, base, tmp_path):
    def version(result):
        result["version"] = 1

    def step(result):
        for s in result["steps"] + [cell["step"] for cell in result["cells"]]:
            s["name"] = "connect 7 PVs"
    cut = tmp_path / "cut.json"
    cut.write_text(base.read_text()[:5000])
    rubbish = tmp_path / "rubbish.json"
    rubbish.write_text("[1, 2]")
    for path, says in [(edited(version), "version 1 of the format"), (cut, "cut, or no JSON: line "), (rubbish, "no result of"),
                       (tmp_path / "none.json", "cannot read"), (edited(step, "other.json"), "different scenarios"),
                       (edited(lambda result: result["runs"][0].pop("why"), "runs.json"), '"runs" is not as')]:
        code, text = compare(base, path)
        assert code == 2 and says in text and path.name in text and len(text.splitlines()) == 1


def test_other_clients_need_force(edited, base):
    def rename(result):
        for item in result["clients"] + result["cells"] + result["runs"]:
            item["client"] = "other"
    other = edited(rename)
    code, text = compare(base, other, *TIMES)
    assert code == 2 and "--force compares different clients" in text
    assert compare(base, other, *TIMES, "--force") == (0, "equivalent: all 8 rows")


@pytest.mark.parametrize("command, says", [
    (["compare", "a", "b", "--gate", "ratio:1"], "--gate"),
    (["bench", "five-thousand"], "unknown scenario 'five-thousand'"),
    (["bench", "area-detector", "--only", "connect"], "--only: area-detector has nothing of that kind"),
    (["bench", "--precision", "5"], "--precision: '5' is no share"),
    (["bench", "--max-runs", "9"], "--max-runs needs --precision"),
])
def test_a_wrong_command_line_is_one_clear_line(command, says, tmp_path, base):
    command = [str(base) if word in "ab" else word for word in command]
    done = cahelp.caplay(*command, *(["--output", tmp_path / "report"] if command[0] == "bench" else []))
    assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1


def test_runs_go_on_until_the_median_is_known_well_enough(measure):
    def samples(path):
        return json.loads(path.read_text())["cells"][0]["figures"]["connect_s"]["n"]
    assert samples(measure("precise.json", "--precision", "5%", runs=6)[1]) == 6
    wild = measure("wild.json", "--precision", "0.001%", "--max-runs", "9", runs=6)[1]
    assert samples(wild) == 9
    assert json.loads(wild.read_text())["cells"][0]["runs"] == {"good": 9, "failed": 0, "invalid": 0, "died_at_exit": 0, "warmup": 1}


def test_an_interrupted_bench_goes_on_where_it_was(tmp_path, client):
    command = arguments(tmp_path, client, tmp_path / "a.json", "--runs", "6")
    journal = tmp_path / "report" / "runs.jsonl"
    process = subprocess.Popen([str(cahelp.CAPLAY), *map(str, command)], stdout=subprocess.DEVNULL, start_new_session=True,
                               env=os.environ | {"FAKE_SLEEP": "1"})
    try:
        deadline = time.monotonic() + 60
        while not (journal.exists() and journal.read_text().count("\n") >= 4):
            assert time.monotonic() < deadline, "three runs take a minute"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 3
    finally:
        process.kill()
    before = journal.read_text().splitlines()
    with journal.open("a") as file:
        file.write('{"client_version": "1", "ru')  # as a crash leaves it
    refused = cahelp.caplay(*command, "--resume", "--seed", "7")
    assert refused.returncode == 2 and "seed was 1, and is 7 now" in refused.stderr
    assert cahelp.caplay(*command, "--resume").returncode == 0
    result = json.loads((tmp_path / "a.json").read_text())
    runs, own = result["runs"], result["orchestrator"]
    assert sorted((run["warmup"], run["round"]) for run in runs if not run["repeated"]) == [(False, i) for i in range(6)] + [(True, 0)]
    assert [json.loads(line)["run"] for line in before[1:]] == runs[:len(before) - 1]
    assert journal.read_text().count("\n") == 1 + len(runs)
    first = json.loads(before[-1])["orchestrator"]  # three runs and more that slept for a second each; what came later slept not
    assert first["wall_s"] >= 2.9 and all(own[name] >= first[name] for name in own)
    told = [json.loads(line)["orchestrator"]["all_cpu_s"] for line in journal.read_text().splitlines()[1:]]
    assert told == sorted(told)


def test_a_resume_needs_something_to_go_on_from(tmp_path, client):
    done = cahelp.caplay(*arguments(tmp_path, client, tmp_path / "a.json", "--resume"))
    assert done.returncode == 2 and "--resume: nothing to go on from" in done.stderr


def test_a_result_is_as_its_schema_says(base, edited):
    schema = cahelp.ROOT / "docs" / "bench.schema.json"
    check = ["/usr/bin/python3", "-c", "import json, sys, jsonschema; jsonschema.validate(*[json.load(open(f)) for f in sys.argv[1:]])"]
    if subprocess.run(["/usr/bin/python3", "-c", "import jsonschema"], capture_output=True).returncode != 0:
        pytest.skip("no jsonschema: apt-get install python3-jsonschema")
    subprocess.run([*check, base, schema], check=True)
    wrong = edited(lambda result: result["runs"][0].update(outcome="so so"))
    assert subprocess.run([*check, wrong, schema], capture_output=True).returncode != 0


# The commands of a CI file, as they stand there.
READ_YAML = """
import json, sys, yaml
file = yaml.safe_load(open(sys.argv[1]))
if "jobs" in file:
    print(json.dumps([step["run"] for step in file["jobs"]["compare"]["steps"] if step.get("name") in ("measure", "compare", "summary")]))
else:
    print(json.dumps(file["benchmark"]["script"] + file["benchmark"]["after_script"]))
"""


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_commands_of_the_ci_files_run(name, tmp_path, client):
    done = subprocess.run(["/usr/bin/python3", "-c", READ_YAML, cahelp.ROOT / "docs" / "ci" / name], capture_output=True, text=True)
    if "No module named 'yaml'" in done.stderr:
        pytest.skip("no yaml: apt-get install python3-yaml")
    (tmp_path / "caplay" / "build").mkdir(parents=True)
    (tmp_path / "caplay" / "build" / "caplay").symlink_to(cahelp.CAPLAY.resolve())
    for side in "base", "new":
        (tmp_path / f"venv-{side}").symlink_to(cahelp.ROOT / ".venv")
    env = os.environ | {"CLIENT": client, "BENCH": "--pvs 100 --runs 6", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    for command in json.loads(done.stdout):
        ran = subprocess.run(["bash", "-e", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert ran.returncode in (0, 1) if "compare base.json" in command else ran.returncode == 0, ran.stderr
    first = (tmp_path / ("summary.md" if name == "github.yml" else "compare.md")).read_text().splitlines()[0]
    assert first.startswith(("**equivalent", "**faster", "**slower"))  # a shell's CPU time may be anything on a busy machine
    assert int(xml.etree.ElementTree.parse(tmp_path / "compare.xml").getroot().get("tests")) >= 5
