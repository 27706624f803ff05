"""Result files of `caplay bench`: read, checked, and laid out as rows. Rule: docs/bench.schema.json."""
import json
import statistics

FORMAT, VERSION = "caplay-bench", 2
PARTS = {"command": list, "machine": dict, "configuration": dict, "steps": list, "servers": list, "clients": list,
         "cells": list, "verdicts": list, "runs": list}
FIGURES = {
    "connect_s": ("connect", "s"), "get_1_s": ("first get", "s"), "get_2_s": ("second get", "s"), "put_s": ("put", "s"),
    "cpu_s": ("CPU time of the whole process", "s"), "cpu_percent": ("CPU of a core", "%"),
    "rss_peak_bytes": ("peak memory", "bytes"),
}


class Refused(Exception):
    """A file that is no result; the text names it and says why."""


def read(path):
    """The result in a file, checked as far as this report reads it."""
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file, parse_constant=no_number)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path}: no JSON, or cut short: {error}") from None
    check(path, result)
    return result


def no_number(text):
    raise ValueError(f"{text} is no JSON")


def check(path, result):
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise Refused(f'{path}: no result of `caplay bench` ("format" is not "{FORMAT}")')
    if result.get("version") != VERSION:
        raise Refused(f"{path}: version {result.get('version')} of the format, this caplay reads version {VERSION}: measure it again")
    for part, kind in PARTS.items():
        if not isinstance(result.get(part), kind):
            raise Refused(f'{path}: "{part}" is not as docs/bench.schema.json has it')
    try:
        check_parts(result)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Refused(f"{path}: not as docs/bench.schema.json has it: {error!r}") from None


def check_parts(result):
    for cell in result["cells"]:
        _ = cell["step"]["name"] + cell["step"]["kind"] + cell["server"] + cell["client"]
        _ = [cell["runs"][name] + 0 for name in ("good", "failed", "invalid", "died_at_exit", "warmup")]
        for figure in cell["figures"].values():
            _ = [figure[name] for name in ("n", "median", "q1", "q3", "min", "max", "low", "high")]
            _ = [0.0 + value for value in figure["samples"] if value is not None]
    for run in result["runs"]:
        _ = run["step"] + run["client"] + run["server"] + run["outcome"] + run["why"]
        _ = run["warmup"], run["repeated"], run["died_at_exit"], run["server_report"].get("lateness", {}).items()
    for verdict in result["verdicts"]:
        _ = verdict["server"] + verdict["first"] + verdict["second"]
        _ = [verdict[stage]["verdict"] + "" for stage in ("connect", "get", "application")]
    _ = [client["client"] + client["version"] for client in result["clients"]]
    _ = [word + "" for word in result["command"]], [server + "" for server in result["servers"]]


def samples(figure):
    return [value for value in figure["samples"] if value is not None]


def good_runs(result):
    """Runs that are samples."""
    return [run for run in result["runs"] if run["outcome"] == "good" and not run["warmup"]]


def bad_runs(result):
    """Runs that are no samples and were meant to be, and those that died after their last stage."""
    return [run for run in result["runs"] if run["outcome"] != "good" or run["died_at_exit"]]


def rows(path, result):
    """One dict a figure of a cell: what CSV, JSON and Markdown hold."""
    for cell in result["cells"]:
        for name, figure in cell["figures"].items():
            yield {"file": path, "step": cell["step"]["name"], "server": cell["server"], "client": cell["client"],
                   "figure": name, **{k: figure[k] for k in ("n", "median", "low", "high", "q1", "q3", "min", "max")},
                   **{k: cell["runs"][k] for k in ("failed", "invalid")}}


def counts(result):
    """{(step, server, client, name): [values]} of the runs that are samples."""
    found = {}
    for run in good_runs(result):
        for name, value in {**(run.get("process") or {}), **(run.get("counts") or {})}.items():
            if isinstance(value, (int, float)):
                found.setdefault((run["step"], run["server"], run["client"], name), []).append(value)
    return found


def middle(values):
    return statistics.median(values) if values else None
