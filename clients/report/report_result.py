"""Result files of `caplay bench`: read, checked, and laid out as rows. Rule: docs/bench.schema.json."""
import datetime
import json
import statistics

FORMAT, VERSION = "caplay-bench", 2
PARTS = {"command": list, "machine": dict, "configuration": dict, "steps": list, "servers": list, "clients": list,
         "cells": list, "verdicts": list, "runs": list}
FIGURES = {
    "connect_s": ("connect", "s"), "get_1_s": ("first get", "s"), "get_2_s": ("second get", "s"), "put_s": ("put", "s"),
    "cpu_s": ("CPU time of the whole process", "s"), "cpu_percent": ("CPU of a core", "%"),
    "rss_peak_bytes": ("peak memory", "bytes"), "instructions": ("instructions of the whole process", ""),
    "connect_instructions": ("instructions to connect", ""), "system_calls": ("system calls of the whole process", ""),
    "connect_system_calls": ("system calls to connect", ""),
}
COUNTED = {"instructions": "callgrind", "system_calls": "strace"}  # by what runs of their own count it
STAGES = ["start", "setup", "connect", "get_1", "get_2", "put"]  # start: until set-up begins


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
        _ = (cell.get("instructions_by") or "") + ""
    for run in result["runs"]:
        _ = run["step"] + run["client"] + run["server"] + run["outcome"] + run["why"]
        _ = run["warmup"], run["repeated"], run["died_at_exit"], run["server_report"].get("lateness", {}).items()
    for run in result.get("counting", []):
        _ = run["step"] + run["client"] + run["server"] + run["outcome"] + run["why"] + run["count"] + run["by"]
        _ = [0.0 + value for value in run["stages"].values()]
    for verdict in result["verdicts"]:
        _ = verdict["server"] + verdict["first"] + verdict["second"]
        _ = [verdict[stage]["verdict"] + "" for stage in ("connect", "get", "application")]
    for slope in result.get("slopes", []):
        _ = slope["server"] + slope["client"] + slope["order"]
        _ = [0.0 + slope[name] for name in ("start_s", "s_per_pv", "low", "high") if slope[name] is not None]
    _ = [client["client"] + client["version"] for client in result["clients"]]
    _ = [word + "" for word in result["command"]], [server + "" for server in result["servers"]]
    begun(result)


def begun(result):
    """When its first run began, or None: older files do not tell."""
    text = result.get("begun")
    return None if text is None else datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc)


def in_order(results):
    """Oldest first, and whether that is told: where a file does not tell when it began, all stay as they were named."""
    if any(begun(result) is None for _, result in results):
        return results, False
    return sorted(results, key=lambda named: begun(named[1])), True


def samples(figure):
    return [value for value in figure["samples"] if value is not None]


def good_runs(result):
    """Runs that are samples."""
    return [run for run in result["runs"] if run["outcome"] == "good" and not run["warmup"]]


def bad_runs(result):
    """Runs that are no samples and were meant to be, and those that died after their last stage."""
    counted = [{**run, "why": f"under {run['by']}: {run['why']}", "died_at_exit": False, "repeated": False, "warmup": False}
               for run in result.get("counting", []) if run["outcome"] != "good"]
    return [run for run in result["runs"] if run["outcome"] != "good" or run["died_at_exit"]] + counted


def counted_by(cell, figure):
    """What counted this figure of a cell, or None: one processor's counter and valgrind do not count alike."""
    return cell.get("instructions_by") if figure == "instructions" else COUNTED.get(figure.removeprefix("connect_"))


def titled(figure, by):
    """(title, unit) of a figure, with what counted it."""
    title, unit = FIGURES.get(figure, (figure, ""))
    return title + (f", by {by}" if by else ""), unit


def rows(path, result):
    """One dict a figure of a cell: what CSV, JSON and Markdown hold."""
    for cell in result["cells"]:
        for name, figure in cell["figures"].items():
            yield {"file": path, "step": cell["step"]["name"], "server": cell["server"], "client": cell["client"],
                   "figure": name, "by": counted_by(cell, name), **{k: figure[k] for k in ("n", "median", "low", "high", "q1", "q3", "min", "max")},
                   **{k: cell["runs"][k] for k in ("failed", "invalid")}}


def counts(result):
    """{(step, server, client, name): [values]} of the runs that are samples."""
    found = {}
    for run in good_runs(result):
        for name, value in {**(run.get("process") or {}), **(run.get("counts") or {})}.items():
            if isinstance(value, (int, float)):
                found.setdefault((run["step"], run["server"], run["client"], name), []).append(value)
    return found


# What an adapter says and what the server saw of the same, where a run had a server of its own: (name, unit, adapter's, server's,
# why they differ). A run is {"stage": its connect or monitor part, "seen": its observed part}.
BESIDE = [
    ("connect", "s", lambda r: r["stage"]["connect_s"], lambda r: r["seen"]["search_to_last_channel_s"],
     "the server's begins when the first search arrives and ends when it made the last channel: it lacks what the client does before "
     "and after (libca waits 32 ms before it searches), and has a rehearsal in it, where there is one (caj)"),
    ("connect, and first get", "s", lambda r: r["stage"]["connect_s"] + r["stage"]["get_1_s"],
     lambda r: r["seen"]["search_to_first_value_s"],
     "the server's ends with the first value that it sends; the adapter's when the last PV of the first get was read"),
    ("frames", "", lambda r: r["stage"]["frames"]["delivered"], lambda r: r["seen"]["updates_sent"],
     "the client's first frame answers its subscription and is no update; what was still on its way when the client left (a client "
     "that is behind leaves much) was sent and is not delivered"),
    ("frames merged", "", lambda r: r["stage"]["frames"]["merged"], lambda r: r["seen"]["updates_merged"],
     "the client tells by serials and stamps; the server's are of the whole subscription, also before the first and after the last "
     "frame that counts"),
]


def pair(run, adapters, servers):
    """(adapter's, server's) of one run, or None where either is not told."""
    told = {"stage": run.get("connect") or run.get("monitor") or {}, "seen": run.get("observed") or {}}
    try:
        both = adapters(told), servers(told)
    except (KeyError, TypeError):
        return None
    return None if None in both else both


def beside(result):
    """[(step, server, client, name, unit, why, [(adapter's, server's) a run])] of the runs that are samples and were observed."""
    found = {}
    for run in good_runs(result):
        for i, (_, _, adapters, servers, _) in enumerate(BESIDE):
            if (both := pair(run, adapters, servers)) is not None:
                found.setdefault((run["step"], run["server"], run["client"], i), []).append(both)
    return [(step, server, client, BESIDE[i][0], BESIDE[i][1], BESIDE[i][4], pairs)
            for (step, server, client, i), pairs in found.items()]


def middle(values):
    return statistics.median(values) if values else None
