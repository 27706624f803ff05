"""caplay report: the page in a real browser, the other forms, and what is refused. The results are made here, by the schema."""
import csv
import json
import random
import subprocess
import sys

import pytest

import browser
import cahelp

sys.path.insert(0, str(cahelp.ROOT / "clients" / "report"))
import report_charts  # noqa: E402

HOSTILE = "<img src=x onerror=alert(1)></script>|=1+1"
CLIENTS = ["libca", "pyepics", HOSTILE]
DRAWN = "new Promise(ok => { const look = () => document.documentElement.dataset.drawn ? ok(1) : setTimeout(look, 50); look(); })"


def figure(draw, middle):
    values = sorted(middle * draw.uniform(0.9, 1.1) for _ in range(8))
    return {"n": 8, "median": (values[3] + values[4]) / 2, "q1": values[2], "q3": values[5], "min": values[0], "max": values[7],
            "low": values[1], "high": values[6], "samples": values}


def run(step, client, **more):
    lateness = {owner: {"count": 100, "p50_ns": 900, "p99_ns": 5000, "max_ns": 20000} for owner in ("self", "peer")}
    return {"step": step["name"], "client": client, "server": "sim", "round": 0, "attempt": 0, "server_start": 1, "warmup": False,
            "outcome": "good", "why": "", "died_at_exit": False, "repeated": False, "exit_code": 0, "udp_drops": 0, "setup_s": 0.1,
            "cpu_s": 0.2, "server_report": {"lateness": lateness}, "counts": {"system_calls": 12}, **more}


def seen(ms):
    """What the server saw of a run whose adapter says 10 ms to connect and 1 ms to get."""
    return {"connect": {"connect_s": 0.010, "get_1_s": 0.001},
            "observed": {"search_to_last_channel_s": ms / 1000, "search_to_first_value_s": None}}


def under_tool(count, by, client, n):
    return {"step": "connect 100 PVs", "client": client, "server": "sim", "round": n, "count": count, "by": by, "outcome": "good", "why": "",
            "total": 9000 + n, "stages": {"start": 7000, "connect": 1000 + n, "get_1": 50} if client == "libca" else {}}


def make(seed=1, begun="2026-11-25T13:00:00.5Z", by="callgrind"):
    """A result with every kind of part that the report shows."""
    draw = random.Random(seed)
    steps = [{"name": f"connect {n} PVs", "kind": "connect", "runs": 8, "pvs": n, "order": "together", "get_pvs": 1} for n in (1, 100)]
    steps.append({"name": "monitor", "kind": "monitor", "runs": 2})
    tally = {"good": 8, "failed": 1, "invalid": 0, "died_at_exit": 0, "warmup": 1}
    counted = ["instructions", "connect_instructions", "system_calls"]
    cells = [{"step": step, "server": "sim", "client": client, "runs": tally, "instructions_by": by,
              "figures": {name: figure(draw, 0.01 * (1 + step.get("pvs", 1))) for name in names}}
             for step, names in zip(steps, (["connect_s", "get_1_s"], ["connect_s", "get_1_s", *counted], ["cpu_percent"])) for client in CLIENTS]
    series = [draw.uniform(1, 9) for _ in range(3)]
    runs = [run(step, c, **({"monitor": {"cpu_percent": series, "rss_bytes": series}} if step["kind"] == "monitor" else {}))
            for step in steps for c in CLIENTS for _ in range(2)]
    runs.append(run(steps[0], "pyepics", outcome="failed", why=HOSTILE))
    runs += [run(steps[0], "libca", **seen(ms)) for ms in (2, 3, 4)]
    word = {"difference_s_per_pv": 1e-6, "low": -1e-6, "high": 2e-6, "verdict": "equivalent", "near_the_limit": False,
            "needs_more_runs": None}
    slope = {"server": "sim", "client": "libca", "order": "together", "start_s": 0.01, "s_per_pv": 1e-4, "low": 9e-5, "high": 1.1e-4, "freedom": 6.0}
    return {"format": "caplay-bench", "version": 2, "caplay": "0.1.0", "begun": begun, "interrupted": False, "command": ["caplay", "bench", HOSTILE],
            "machine": {"host": "here", "cores": 2}, "configuration": {"seed": 1}, "repeater": {"port": 1, "udp_drops": 0},
            "steps": steps, "servers": ["sim"], "cells": cells, "runs": runs,
            "counting": [under_tool(*what, client, n) for what in (("instructions", "callgrind"), ("system_calls", "strace"))
                         for client in CLIENTS for n in range(2)],
            "clients": [{"client": c, "version": "1", "not_installed": None, "asked_for": True} for c in CLIENTS],
            "slopes": [slope, {**slope, "client": "pyepics", "low": None, "high": None}],
            "verdicts": [{"server": "sim", "first": "libca", "second": "pyepics", "connect": word, "get": word, "application": word}]}


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(make()))
    return path


def write(path, *results):
    done = cahelp.caplay("report", *results, "-o", path)
    assert done.returncode == 0, done.stderr
    return path


def refused(tmp_path, *arguments):
    done = cahelp.caplay("report", *arguments, "-o", tmp_path / "out.html")
    assert done.returncode == 2 and not (tmp_path / "out.html").exists()
    return done.stderr


# ---- the page ----

@pytest.fixture
def chromium(tmp_path):
    running = browser.start(tmp_path / "profile")
    if running is None:
        pytest.skip("no chromium here that runs")
    yield running
    running.close()


def test_the_page_draws_its_charts_in_a_browser_light_and_dark_wide_and_on_a_phone(tmp_path, result, chromium):
    second = tmp_path / "later.json"
    second.write_text(json.dumps(make(2)))
    page = write(tmp_path / "page.html", result, second)
    for width, dark in ((1200, False), (390, True)):
        chromium.open(page.as_uri(), width, dark)
        chromium.value(DRAWN)
        look_at(chromium, width, dark)


def look_at(chromium, width, dark):
    charts = chromium.value("document.querySelectorAll('.chart').length")
    # History, 2 against N, 5 distributions, 2 of stages, 2 over time, lateness by owner.
    assert charts == 13
    assert chromium.value("[...document.querySelectorAll('.chart')].filter(c => c.querySelector('svg.main-svg')).length") == charts
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value("document.documentElement.dataset.scheme") == ("dark" if dark else "light")
    before = chromium.value("document.querySelector('.chart .xtick text').style.fill")
    chromium.value("document.getElementById('scheme').click()")
    assert chromium.value("document.documentElement.dataset.scheme") == ("light" if dark else "dark")
    chromium.value("Promise.all(charts.map(draw)).then(() => 1)")
    assert chromium.value("document.querySelector('.chart .xtick text').style.fill") != before
    assert chromium.value("document.querySelectorAll('main img').length") == 0, "a hostile name became markup"
    assert chromium.troubles() == []


def test_a_folder_gets_an_index_and_the_page_names_nothing_outside_itself(tmp_path, result):
    write(tmp_path / "folder", result)
    page = (tmp_path / "folder" / "index.html").read_text()
    assert "default-src 'none'" in page and "<img" not in page.split("<script>")[0]
    assert "Not in this file, hence not shown: the distribution of lateness" in page


def history(tmp_path, *begun):
    """The files' places in a history, as the page has them; file i began at begun[i]."""
    files = []
    for i, when in enumerate(begun):
        files.append(tmp_path / f"file{i}.json")
        files[-1].write_text(json.dumps(make(i, when)))
    page = write(tmp_path / "history.html", *files).read_text()
    shown = json.loads(page.split('id="charts-data">')[1].split("</script>")[0])[0]
    places = shown["choices"][0]["layout"]["xaxis"]["categoryarray"]
    return [int(place.split(".json")[0][-1]) for place in places], shown["note"], page


def test_a_history_is_in_the_order_of_time_where_all_files_tell_it(tmp_path):
    places, note, page = history(tmp_path, "2026-11-25T13:00:00Z", "2026-11-24T13:00:00.000000001Z", "2026-11-25T13:00:00+01:00")
    assert places == [1, 2, 0] and "the time at which each began" in note
    assert f"Below: the last file, <code>{tmp_path}/file0.json</code>" in page
    places, note, _ = history(tmp_path, "2026-11-25T13:00:00Z", None, "2026-11-24T13:00:00Z")
    assert places == [0, 1, 2] and "not all of them tell when they began" in note


def test_what_was_counted_otherwise_is_another_history():
    results = [(f"{by}{i}.json", make(i, by=by)) for i in range(2) for by in ("perf", "callgrind")]
    [history] = report_charts.history(results, is_dated=True)
    found = {choice["name"]: choice["data"] for choice in history["choices"] if "instructions of" in choice["name"]}
    assert sorted(found) == [f"instructions of the whole process, by {by}: connect 100 PVs, sim" for by in ("callgrind", "perf")]
    for name, data in found.items():
        assert len(data) == len(CLIENTS) and all(len(line["x"]) == 2 for line in data)
        assert all(name.split("by ")[1].split(":")[0] in x for line in data for x in line["x"])


def test_what_tools_counted_is_shown_by_stage_where_it_is_told():
    charts = {chart["id"]: chart for chart in report_charts.charts(make())}
    for count, by in ("instructions", "callgrind"), ("system_calls", "strace"):
        assert [choice["name"] for choice in charts[count]["choices"]] == [f"connect 100 PVs, by {by}"]
        [choice] = charts[f"stages-{count}"]["choices"]
        [box] = choice["data"]  # the others tell no stages
        assert box["name"] == "libca" and list(zip(box["x"], box["y"]))[:2] == [("start", 7000), ("connect", 1000)]
    assert "connect_instructions" not in charts
    bare = make()
    for cell in bare["cells"]:
        cell["figures"] = {name: of for name, of in cell["figures"].items() if name.endswith(("_s", "percent"))}
    charts = report_charts.charts({**bare, "counting": []})
    assert not any("instructions" in chart["id"] or "calls" in chart["id"] for chart in charts)


def test_what_the_server_saw_stands_beside_the_adapters_figures(tmp_path, result):
    page = write(tmp_path / "page.html", result).read_text()
    shown = page.split('id="observed"')[1].split("</section>")[0]
    assert "10 ms [10 ms, 10 ms]" in shown and "3 ms [2 ms, 4 ms]" in shown and "7 ms [6 ms, 8 ms]" in shown
    assert "first get" not in shown  # the server did not see a value


def test_slopes_are_the_files_and_bear_their_interval(tmp_path, result):
    page = write(tmp_path / "page.html", result).read_text()
    assert "libca: 100 [90, 110] \\u00b5s a PV" in page and "pyepics: 100 \\u00b5s a PV" in page


def test_verdicts_are_a_matrix_of_each_server_and_say_what_an_undecided_one_lacks(tmp_path):
    result = make()
    word = {**result["verdicts"][0]["application"], "verdict": "undecided"}
    result["verdicts"][0] |= {"application": {**word, "near_the_limit": True}, "connect": {**word, "needs_more_runs": 1}}
    path = tmp_path / "undecided.json"
    path.write_text(json.dumps(result))
    shown = write(tmp_path / "page.html", path).read_text().split('id="verdicts"')[1].split("</section>")[0]
    matrix, parts = shown.split("<details>")
    assert "<h3>sim</h3>" in matrix and "near the limit</small>" in matrix and "about" not in matrix.split("<h3>")[1]
    assert "about 1 more run<" in parts and "equivalent" in parts


# ---- do several agree? ----

def agree(tmp_path, *words):
    """What tests/power/agree.py says of files whose application has these words."""
    paths = []
    for i, word in enumerate(words):
        result = make(i)
        result["verdicts"][0]["application"] = {**result["verdicts"][0]["application"], "verdict": word}
        paths.append(tmp_path / f"bench{i}.json")
        paths[-1].write_text(json.dumps(result))
    return run_agree(*paths)


def run_agree(*paths):
    return subprocess.run([sys.executable, cahelp.ROOT / "tests" / "power" / "agree.py", *paths], capture_output=True, text=True)


@pytest.mark.parametrize("words, code, says", [
    (["slower"] * 3, 0, "3 words of 3 benchmarks: 3 decided alike"), (["slower", "equivalent", "slower"], 1, "1 flip"),
    (["slower", "undecided"], 0, "1 decided in some and undecided in others"), (["undecided"] * 2, 0, "1 undecided in all"),
])
def test_words_agree_unless_two_files_decide_a_pair_otherwise(tmp_path, words, code, says):
    done = agree(tmp_path, *words)
    assert (done.returncode, done.stderr) == (code, "") and says in done.stdout


def test_agreement_is_asked_of_results_of_the_same_clients(tmp_path, result):
    other = make()
    other["verdicts"][0]["second"] = "caproto"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    for arguments, says in (([result, path], "other clients or servers"), ([result, tmp_path / "none.json"], "No such file"),
                            ([result, __file__], "no result of `caplay bench`"), ([result], "two files or more")):
        done = run_agree(*arguments)
        assert done.returncode == 2 and says in done.stderr, arguments


# ---- other forms ----

def test_csv_holds_a_row_a_figure_and_no_formula(tmp_path, result):
    rows = list(csv.DictReader(write(tmp_path / "r.csv", result).open()))
    assert len(rows) == 24
    assert float(rows[0]["low"]) <= float(rows[0]["median"]) <= float(rows[0]["high"])
    assert not any(value.startswith("=") for row in rows for value in row.values())


def test_json_holds_the_same_rows_and_what_was_bad(tmp_path, result):
    report = json.loads(write(tmp_path / "r.json", result).read_text())
    assert (report["format"], report["version"], len(report["rows"])) == ("caplay-report", 1, 24)
    assert report["files"][0]["bad_runs"][0]["why"] == HOSTILE


def test_json_has_what_its_schema_requires(tmp_path, result):
    schema = json.loads((cahelp.ROOT / "docs" / "report.schema.json").read_text())
    report = json.loads(write(tmp_path / "r.json", result).read_text())
    assert set(report) == set(schema["required"])
    assert set(report["rows"][0]) == set(schema["properties"]["rows"]["items"]["required"])
    assert set(report["files"][0]) == set(schema["properties"]["files"]["items"]["required"])


def test_markdown_has_tables_and_no_markup_of_the_file(tmp_path, result):
    text = write(tmp_path / "r.md", result).read_text()
    assert "| pyepics beside libca | equivalent |" in text
    assert "<img" not in text


# ---- what is refused ----

@pytest.mark.parametrize("change, says", [
    ({"version": 1}, "version 1 of the format"), ({"format": "other"}, "no result of `caplay bench`"),
    ({"cells": None}, '"cells"'), ({"begun": "yesterday"}, "not as docs/bench.schema.json has it"), ({"runs": [{"step": "x"}]}, "not as docs/bench.schema.json has it"),
])
def test_a_foreign_file_is_refused_by_name(tmp_path, change, says):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({**make(), **change}))
    text = refused(tmp_path, path)
    assert str(path) in text and says in text and text.count("\n") == 1


def test_a_cut_or_missing_file_is_refused_by_name(tmp_path, result):
    cut = tmp_path / "cut.json"
    cut.write_bytes(result.read_bytes()[:-100])
    assert f"{cut}: no JSON, or cut short" in refused(tmp_path, result, cut)
    assert "No such file" in refused(tmp_path, tmp_path / "none.json")


def test_foreign_findings_of_the_doctor_are_refused(tmp_path, result):
    assert "no output of `caplay doctor --json`" in refused(tmp_path, result, "--doctor", result)
