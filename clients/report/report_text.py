"""The report as CSV, JSON (docs/report.schema.json) and Markdown: a row a figure of each step, server and client."""
import csv
import io
import json

import report_result

COLUMNS = ["file", "step", "server", "client", "figure", "by", "n", "median", "low", "high", "q1", "q3", "min", "max", "failed", "invalid"]


def all_rows(results):
    return [row for path, result in results for row in report_result.rows(path, result)]


def inert(value):
    """A spreadsheet takes a text that begins with one of these for a formula."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_csv(results):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: inert(value) for name, value in row.items()} for row in all_rows(results))
    return out.getvalue()


def as_json(results):
    files = [{"file": path, "caplay": result["caplay"], "begun": result.get("begun"), "host": result["machine"]["host"], "command": result["command"],
              "interrupted": result["interrupted"], "verdicts": result["verdicts"],
              "bad_runs": [{k: run[k] for k in ("step", "server", "client", "outcome", "why")}
                           for run in report_result.bad_runs(result)]} for path, result in results]
    return json.dumps({"format": "caplay-report", "version": 1, "files": files, "rows": all_rows(results)}, indent=1) + "\n"


def show(value, unit):
    """A figure with three digits and a unit that fits; a count whole."""
    if value is None:
        return "–"
    if unit == "":
        return f"{value:,.0f}"
    if unit == "s":
        for limit, scale, name in ((1e-3, 1e6, "µs"), (1, 1e3, "ms")):
            if abs(value) < limit:
                return f"{value * scale:.3g} {name}"
    if unit == "bytes":
        return f"{value / 1e6:.3g} MB"
    return f"{value:.3g} {unit}"


def spread(row, unit):
    low, high, what = (row["low"], row["high"], "") if row["low"] is not None else (row["min"], row["max"], " (extremes)")
    return f"{show(row['median'], unit)} [{show(low, unit)}, {show(high, unit)}]{what}"


def cell_text(value):
    """Text of a file in a cell of a Markdown table: no markup of its own, and nobody is called by "@"."""
    marks = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@&#8203;", **{mark: "\\" + mark for mark in "\\`*_[]|#~"}}
    return "".join(marks.get(letter, letter) for letter in " ".join(str(value).split()))


def table(head, body):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(cell_text, row)) + " |" for row in body]) + "\n"


def as_markdown(results):
    out = ["# Benchmark of Channel Access clients\n"]
    for path, result in results:
        out.append(f"## {cell_text(path)}\n")
        out.append(table(["step", "server", "client", "figure", "n", "median [95% interval]", "failed", "invalid"],
                         [[r["step"], r["server"], r["client"], r["figure"] + (f" by {r['by']}" if r["by"] else ""), r["n"],
                           spread(r, report_result.titled(r["figure"], r["by"])[1]), r["failed"], r["invalid"]]
                          for r in report_result.rows(path, result)]))
        if result["verdicts"]:
            out.append(table(["server", "second beside first", "connect", "get", "application"],
                             [[v["server"], f"{v['second']} beside {v['first']}"] +
                              [v[stage]["verdict"] for stage in ("connect", "get", "application")] for v in result["verdicts"]]))
        bad = report_result.bad_runs(result)
        out.append(table(["step", "server", "client", "outcome", "why"],
                         [[r[k] for k in ("step", "server", "client", "outcome", "why")] for r in bad])
                   if bad else "No run failed, none was invalid.\n")
    return "\n".join(out)
