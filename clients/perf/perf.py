#!/usr/bin/env python3
"""Measures our server beside a real IOC and beside what the bare machine can do, in one run, in interleaved pairs.

    build/libexec/perf.py [--quick] [--row NAME]... [--output DIR]      (make perf, make perf PERF=--quick)

Prints a table: medians over all pairs, the ratio of each pair with its spread, what is to be reached, and whether it is. The pairs
themselves go to DIR/perf.jsonl, a line a measure. Exit code 0: all reached; 1: some are not; 5: something is missing here."""
import argparse
import pathlib
import platform
import subprocess
import sys
import time

import perf_capture
import perf_connect
import perf_decode
import perf_machine as machine
import perf_proxy
import perf_replay
import perf_reply
import perf_scale
import perf_stream
import perf_trace
import perf_valid
from perf_table import Measure, json_line, table

ROWS = {"connect": perf_connect.libca, "caproto": perf_connect.caproto, "search": perf_connect.search, "get": perf_reply.get,
        "stream": perf_stream.to_one, "fan-out": perf_stream.to_ten, "fast": perf_stream.fast, "delay": perf_reply.delay,
        "million": perf_scale.million, "validity": perf_valid.validity, "replay": perf_replay.replay,
        "proxy": perf_proxy.proxy, "capture": perf_capture.capture, "decode": perf_decode.decode,
        "open": perf_trace.opening}


class Run:
    """How thorough, and whose turn is next."""

    def __init__(self, full):
        self.full, self.swapped = full, False

    def pairs(self, full, quick):
        return range(full if self.full else quick)

    def turns(self, a, b):
        """Who is first changes from pair to pair."""
        self.swapped = not self.swapped
        return (a, b) if self.swapped else (b, a)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter pairs: for orientation")
    parser.add_argument("--row", action="append", choices=ROWS, help="only this one; may be repeated")
    parser.add_argument("--output", default="report", metavar="DIR", help="where perf.jsonl goes (default report)")
    return parser.parse_args()


def head(options):
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    return {"machine": f"{model}, {len(machine.CORES)} cores, Linux {platform.release()}",
            "pinning": f"servers: core {machine.SERVER_CORES[0]}, {'SCHED_FIFO' if machine.REALTIME else 'no SCHED_FIFO'}; "
                       f"clients: core {', '.join(map(str, machine.CLIENT_CORES))}",
            "limits": f"nofile {machine.NOFILE}; one CA repeater of our own",
            "profile": "quick" if options.quick else "full",
            "load": pathlib.Path("/proc/loadavg").read_text().split()[0]}


def row(run, name):
    """Its measures; a server or client that fails ends this row and no other."""
    try:
        yield from ROWS[name](run)
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        yield Measure(name, "what is left of the row", "", [], missing=str(error))


def measure_row(run, name, measures, out):
    begin = time.monotonic()
    for measure in row(run, name):
        measures.append(measure)
        print(json_line(measure.record()), file=out, flush=True)
        print("  ".join(measure.cells()), file=sys.stderr, flush=True)
    print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)


def main():
    options, measures = parse_options(), []
    output = pathlib.Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    told, begin, steal = head(options), time.monotonic(), machine.stolen()
    run = Run(not options.quick)
    with open(output / "perf.jsonl", "w") as out:
        print(json_line(told), file=out)
        for name in options.row or ROWS:
            measure_row(run, name, measures, out)
    stolen, spent = (now - before for now, before in zip(machine.stolen(), steal))
    told |= {"steal": f"{stolen:.1f} s of {spent:.0f} s", "took": f"{time.monotonic() - begin:.0f} s"}
    print("\n".join(f"{name:10}{text}" for name, text in told.items()), end="\n\n")
    print(table(measures))
    return 1 if any(measure.failures() for measure in measures) else 0


if __name__ == "__main__":
    sys.exit(main())
