"""The report as one HTML page that needs nothing beside it: tables, and charts that Plotly draws in the browser.

Every text of a file is escaped; the page's policy lets it load nothing."""
import collections
import html
import importlib.util
import json
import pathlib
import shlex

import report_charts
import report_result
import report_text

HERE = pathlib.Path(__file__).resolve().parent
MARKS = {"faster": "▲", "slower": "▼", "equivalent": "=", "undecided": "?"}


class Missing(Exception):
    """A part that the page needs is not installed."""


def plotly():
    """Plotly's JavaScript, from the Python package that carries it."""
    spec = importlib.util.find_spec("plotly")
    path = pathlib.Path(spec.submodule_search_locations[0], "package_data", "plotly.min.js") if spec else None
    if path is None or not path.is_file():
        raise Missing("plotly is not installed: `make setup` brings it")
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def esc(value):
    return html.escape(str(value))


def table(head, body, kind=""):
    """body: rows of texts, or of Cell, which brings HTML of its own."""
    cells = "".join(f"<th scope=col>{esc(h)}</th>" for h in head)
    rows = "".join("<tr>" + "".join(c.html if isinstance(c, Cell) else f"<td>{esc(c)}</td>" for c in row) + "</tr>" for row in body)
    return f'<div class="scroll"><table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>'


class Cell:
    """HTML that is ours."""

    def __init__(self, text, kind=""):
        self.html = f'<td class="{kind}">{text}</td>'


def section(title, body, name=""):
    return f'<section id="{name}"><h2>{esc(title)}</h2>{body}</section>'


# ---- verdicts ----

def word(verdict):
    text, more = verdict["verdict"], verdict.get("needs_more_runs")
    told = []
    if None not in (verdict.get("low"), verdict.get("high")):
        told.append(f"{verdict['low'] * 1e6:.3g} to {verdict['high'] * 1e6:.3g} µs a PV")
    if verdict.get("near_the_limit"):
        told.append("near the limit")
    elif more:
        told.append(f"about {int(more)} more run{'s' if more > 1 else ''}")
    small = "".join(f"<small>{line}</small>" for line in told)
    return Cell(f'<span class="word {esc(text)}">{MARKS.get(text, "")} {esc(text)}</span>{small}')


def matrix(pairs):
    """Each client beside each, of one server: the application's word."""
    clients = list(dict.fromkeys(name for v in pairs for name in (v["first"], v["second"])))
    words = {(v["second"], v["first"]): word(v["application"]) for v in pairs}
    body = [[row] + [words.get((row, column), "") for column in clients[:-1]] for row in clients[1:]]
    return table(["beside"] + clients[:-1], body, "matrix")


def verdicts(result):
    if not result["verdicts"]:
        return "<p>This result compares no pair of clients.</p>"
    servers = {v["server"]: [w for w in result["verdicts"] if w["server"] == v["server"]] for v in result["verdicts"]}
    matrices = "".join(f"<h3>{esc(server)}</h3>{matrix(pairs)}" for server, pairs in servers.items())
    body = [[v["server"], v["second"], v["first"]] + [word(v[stage]) for stage in ("connect", "get", "application")]
            for v in result["verdicts"]]
    note = ("<p>What an application of 10,000 PVs that reads 1% of them is with the client of the row, beside that of the column: slower "
            "or faster if it surely takes 1 s more or less, equivalent if it surely takes neither. Below each word is the 95% interval "
            "of the difference. Near the limit, within 10%, another day may say otherwise, however many runs there are.</p>")
    parts = "<p>By the field's rule also 1e-4 s a PV to connect and 1e-2 s a PV to read.</p>"
    return (note + matrices + "<details><summary>By part: connect, get, both</summary>" + parts +
            table(["server", "client", "beside", "connect", "get", "application"], body) + "</details>")


# ---- runs, figures, counts ----

def outcome(run):
    return (run["outcome"] + (", died at exit" if run["died_at_exit"] else "") + (", done again" if run["repeated"] else "") +
            (", warm-up" if run["warmup"] else ""))


def bad_runs(result):
    """Each way to be no sample, and how many runs had it; then how many runs each client had."""
    tally = table(["step", "server", "client", "samples", "failed", "invalid", "died at exit", "warm-up"],
                  [[c["step"]["name"], c["server"], c["client"]] +
                   [c["runs"][k] for k in ("good", "failed", "invalid", "died_at_exit", "warmup")] for c in result["cells"]])
    bad = collections.Counter((r["step"], r["server"], r["client"], outcome(r), r["why"]) for r in report_result.bad_runs(result))
    told = table(["step", "server", "client", "outcome", "runs", "why"], [[*run[:4], n, run[4]] for run, n in bad.items()])
    missing = [[c["client"], c["not_installed"]] for c in result["clients"] if c.get("not_installed")]
    stopped = "<p><strong>This bench was interrupted: it lacks runs.</strong></p>" if result.get("interrupted") else ""
    return (stopped + (told if bad else "<p>No run failed, none was invalid, none died at exit.</p>") +
            (table(["client", "not installed"], missing) if missing else "") +
            f"<details><summary>How many runs each client had</summary>{tally}</details>")


def figures(results):
    titled = [(r, *report_result.titled(r["figure"], r["by"])) for r in report_text.all_rows(results)]
    body = [[r["step"], r["server"], r["client"], title, r["n"], report_text.spread(r, unit)] for r, title, unit in titled]
    return ("<details><summary>All medians with their 95% intervals (extremes where there are under 6 runs)</summary>" +
            table(["step", "server", "client", "figure", "n", "median"], body) + "</details>")


def counts(result):
    body = [[step, server, client, name, len(values), f"{report_result.middle(values):g}", f"{min(values):g} to {max(values):g}"]
            for (step, server, client, name), values in report_result.counts(result).items()]
    if not body:
        return "<p>This result holds no counts.</p>"
    return "<details><summary>Counts: system calls, messages, bytes and so on, with their extremes</summary>" + table(
        ["step", "server", "client", "count", "runs", "median", "extremes"], body) + "</details>"


def extremes(values, unit):
    middle, least, most = (report_text.show(v, unit) for v in (report_result.middle(values), min(values), max(values)))
    return Cell(esc(f"{middle} [{least}, {most}]"), "figure")


def observed(result):
    """What the server saw of each client, beside what its adapter said."""
    rows = report_result.beside(result)
    if not rows:
        return ("<p>No run of this result had a server of ours to itself, hence none was observed. Monitors have one, and a benchmark "
                "of one client at one connect step (<code>--client NAME --pvs N</code>).</p>")
    body = [[step, server, client, name, len(pairs), extremes([a for a, _ in pairs], unit), extremes([s for _, s in pairs], unit),
             extremes([a - s for a, s in pairs], unit)] for step, server, client, name, unit, _, pairs in rows]
    why = "".join(f"<li><b>{esc(name)}</b>: {esc(text)}.</li>" for name, text in dict((row[3], row[5]) for row in rows).items())
    return ("<p>Medians [extremes] of the runs; the difference is taken run by run. Why they differ:</p><ul>" + why + "</ul>" +
            table(["step", "server", "client", "figure", "runs", "adapter", "server", "difference"], body))


# ---- machine ----

def machine(result, doctor):
    about = {**result["machine"], **{k: v for k, v in result["configuration"].items() if v is not None}, "caplay": result["caplay"]}
    versions = [[c["client"], c["version"] or "not told"] for c in result["clients"] if not c.get("not_installed")]
    found = doctor_table(doctor) if doctor else (
        "<p>No findings of <code>caplay doctor</code> were given (<code>--doctor FILE</code>, made by "
        "<code>caplay doctor --json</code> on the machine).</p>")
    return (f"<pre>{esc(shlex.join(result['command']))}</pre>" +
            table(["what", "value"], [[k.replace("_", " "), v] for k, v in about.items()]) +
            table(["client", "version"], versions) + "<h3>What spoils timing on this machine</h3>" + found)


def doctor_table(doctor):
    body = [[Cell(f'<span class="word {"faster" if f.get("good") else "slower"}">{"good" if f.get("good") else "bad"}</span>')] +
            [f.get(k) or "" for k in ("what", "found", "mend")] for f in doctor]
    return table(["", "what", "found", "how to mend it"], body)


# ---- the page ----

def figure_html(chart):
    names = [c["name"] for c in chart["choices"]]
    options = "".join(f'<option value="{i}">{esc(n)}</option>' for i, n in enumerate(names))
    pick = f'<select data-for="{chart["id"]}" aria-label="which">{options}</select>' if len(names) > 1 else f"<b>{esc(names[0])}</b>"
    return (f'<figure><figcaption><h3>{esc(chart["title"])}</h3>{pick}</figcaption>'
            f'<div class="chart" id="{chart["id"]}" role="img" aria-label="{esc(chart["title"])}"></div><p>{esc(chart["note"])}</p></figure>')


def charts_html(charts):
    return "".join(map(figure_html, charts)) or "<p>This result holds nothing that could be charted: no run is a sample.</p>"


def absent(charts):
    """What could have been charted and is not in the file."""
    wanted = {"over-time-cpu_percent": "CPU and memory over time (no good monitor runs)", "owners": "the server's own lateness",
              "ecdf": "the distribution of lateness", "against-connect_s": "time against the number of PVs"}
    lacking = [text for name, text in wanted.items() if all(c["id"] != name for c in charts)]
    return f"<p>Not in this file, hence not shown: {esc('; '.join(lacking))}.</p>" if lacking else ""


def parts(results, doctor):
    results, is_dated = report_result.in_order(results)
    path, result = results[-1]
    past = report_charts.history(results, is_dated) if len(results) > 1 else []
    charts = report_charts.charts(result)
    head = section("History", charts_html(past)) + f"<p>Below: the last file, <code>{esc(path)}</code>.</p>" if past else ""
    body = (head + section("Verdicts", verdicts(result), "verdicts") + section("Invalid and failed", bad_runs(result), "bad") +
            section("Charts", charts_html(charts) + absent(charts), "charts") +
            section("Seen by the server, beside the adapters' own figures", observed(result), "observed") +
            section("Figures", figures(results[-1:]) + counts(result), "figures") +
            section("Machine, versions, and how to repeat it", machine(result, doctor), "machine"))
    return body, past + charts


def page(results, doctor):
    body, charts = parts(results, doctor)
    data = json.dumps(charts, allow_nan=False).replace("<", "\\u003c")
    read = lambda name: (HERE / name).read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<title>caplay: benchmark of Channel Access clients</title><style>{read("report.css")}</style></head>
<body><header><h1>Channel Access clients, measured</h1><button id="scheme" type="button">dark or light</button></header>
<p class="files">{esc(", ".join(path for path, _ in results))}</p>
<main>{body}</main>
<script type="application/json" id="charts-data">{data}</script>
<script>{plotly()}</script><script>{read("report.js")}</script></body></html>
"""
