"""What `caplay bench` uses itself while clients run, and whether its looks at a client's process change what the client does.

    .venv/bin/python tests/power/overhead.py [--rounds 3] [--clients libca,pyepics]

A round is four benches: connects of 1,000 PVs (10 runs) and the image at 120 Hz (5 s), each with the looks and without
(--no-looks). Own cost is CPU time of all threads of the orchestrator over the time in which clients ran, and over the whole bench with
what is computed of the answers then: CPU time, since others use the machine, too. Exit code 0: under 2% of a core while clients ran, in
every bench, and the medians of page faults with and without looks within 1%.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import pair

MOST = 0.02
CONNECT, MONITOR = "connect", "monitor"
ARGUMENTS = {CONNECT: ["ten-thousand", "--pvs", "1000", "--runs", "10"], MONITOR: ["area-detector", "--runs", "1"]}
COUNTS = ("faults_minor", "switches_waiting", "switches_forced")


def bench(folder, kind, clients, looks, seed):
    path = folder / "result.json"
    command = [pair.CAPLAY, "bench", *ARGUMENTS[kind], "--client", clients, "--seed", str(seed), "--output", folder / "report", "--save",
               path, *([] if looks else ["--no-looks"])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"caplay bench: exit code {done.returncode}: {done.stderr}{done.stdout[-2000:]}")
    return json.loads(path.read_text())


def samples(results, client, value):
    return [value(run) for result in results for run in result["runs"]
            if run["client"] == client and run["outcome"] == "good" and not run["warmup"]]


def spread(values, digits=0):
    q1, middle, q3 = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{middle:,.{digits}f} [{q1:,.{digits}f}, {q3:,.{digits}f}]"


def tell_cost(results):
    print("| own cost, percent of a core | while clients ran, least to most | of the whole bench |\n| --- | --- | --- |")
    worst = 0
    for (kind, looks), of in results.items():
        own = [r["orchestrator"] for r in of]
        shares, whole = [[100 * o[name + "cpu_s"] / o[name + "wall_s"] for o in own] for name in ("", "all_")]
        print(f"| {kind}, {'looked at' if looks else 'not looked at'} | {min(shares):.2f} to {max(shares):.2f} | "
              f"{min(whole):.2f} to {max(whole):.2f} |")
        worst = max(worst, *shares)
    return worst < 100 * MOST


def tell_counts(results, clients):
    """True: looking changes no page faults."""
    print("\n| median [quartiles] | looked at | not looked at |\n| --- | --- | --- |")
    good = True
    for kind in CONNECT, MONITOR:
        for client in clients:
            of = [results[kind, looks] for looks in (True, False)]
            for name in COUNTS:
                pair_of = [samples(results, client, lambda run: run["process"][name]) for results in of]
                print(f"| {kind}: {client}, {name} | " + " | ".join(map(spread, pair_of)) + " |")
                a, b = map(statistics.median, pair_of)
                good &= name != "faults_minor" or abs(a - b) <= 0.01 * b
            cpu = [samples(results, client, lambda run: 1e3 * run["cpu_s"]) for results in of]
            print(f"| {kind}: {client}, CPU (ms) | " + " | ".join(spread(values, 1) for values in cpu) + " |")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="libca,pyepics")
    args = parser.parse_args()
    results = {(kind, looks): [] for kind in (CONNECT, MONITOR) for looks in (True, False)}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.rounds):
            for kind, looks in results:
                results[kind, looks].append(bench(pathlib.Path(folder), kind, args.clients, looks, i))
    cheap = tell_cost(results)
    return 0 if tell_counts(results, args.clients.split(",")) and cheap else 1


sys.exit(main())
