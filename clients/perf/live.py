"""Does being looked at make a server late? 120 Hz images to libca, with nobody looking, with --status, and with a page and Prometheus
at --http; fresh servers, all ways in each round, in an order drawn by the round.

    .venv/bin/python clients/perf/live.py [ROUNDS]      # default 12: about three minutes"""
import random
import re
import statistics
import sys
import threading
import urllib.request

import perf_machine as machine

SECONDS = 3
WAYS = {"nobody looks": [], "--status": ["--status"], "--http, polled": ["--http", "0"]}
FIGURES = {"p50": "p50_ns", "p99": "p99_ns", "most": "max_ns"}


class Poller:
    """What a page asks for once a second, and Prometheus beside it, until stop()."""

    def __init__(self, url):
        self.url, self.answers, self.done = url, 0, threading.Event()
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def poll(self):
        while True:
            for path in ("state", "metrics"):
                with urllib.request.urlopen(self.url + path, timeout=machine.PATIENCE) as answer:
                    self.answers += answer.status == 200 and len(answer.read()) > 0
            if self.done.wait(1):
                return

    def stop(self):
        self.done.set()
        self.thread.join()


def lateness(options):
    """The server's own, of one run in us: {figure: value}."""
    job = {"task": "monitor", "names": [machine.IMAGE], "name": machine.IMAGE, "seconds": SECONDS, "timeout_s": 60}
    with machine.reporting("sim", "area-detector", *options) as (server, report):
        url = re.search(r"http://[^#]+/", server.said())
        poller = Poller(url[0]) if url else None
        machine.client_job("libca", server, job)
        if poller:
            poller.stop()
            assert poller.answers >= 2 * SECONDS, poller.answers
    return {figure: report["lateness"]["self"][key] / 1000 for figure, key in FIGURES.items()}


def spread(values):
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return f"{median:.1f} [{q1:.1f}, {q3:.1f}]"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    seen = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in random.Random(number).sample(list(WAYS), len(WAYS)):
            seen[way].append(lateness(WAYS[way]))
    print(f"own lateness of the server in us: median [quartiles] of {rounds} runs of {SECONDS} s\n")
    print(f"| {'':14} | " + " | ".join(f"{figure:>22}" for figure in FIGURES) + " |\n| --- | --- | --- | --- |")
    for way, runs in seen.items():
        print(f"| {way:14} | " + " | ".join(f"{spread([run[figure] for run in runs]):>22}" for figure in FIGURES) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
