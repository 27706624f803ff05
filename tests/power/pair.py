"""What the two measurements of `caplay compare` share: one bench of libca, one comparison, and a load beside them."""
import argparse
import contextlib
import json
import multiprocessing
import os
import pathlib
import random
import subprocess
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CAPLAY = pathlib.Path(os.environ.get("CAPLAY", ROOT / "build" / "caplay"))
SHIM = CAPLAY.parent / "tests" / "slow_connect.so"
PVS = 1000
RUNS = 40


def client():
    """libca, whose connect CAPLAY_SLOW can make slower: the same name whether it does or not."""
    return f"cmd:env LD_PRELOAD={SHIM} {CAPLAY.parent}/libexec/caplay-libca"


@contextlib.contextmanager
def folder(keep):
    """Where result files go: a temporary folder, or the one that keeps them."""
    if keep is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield pathlib.Path(temporary)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep


def bench(folder, name, slow=None, seed=1):
    """The path of a result; a whole one that is there already is taken as it is."""
    path = folder / f"{name}.json"
    if path.exists() and not json.loads(path.read_text())["interrupted"]:
        return path
    env = {key: value for key, value in os.environ.items() if key != "CAPLAY_SLOW"} | ({"CAPLAY_SLOW": slow} if slow else {})
    for _ in range(3):  # 5: what it needs did not start in time, or lost its port to somebody
        done = subprocess.run([CAPLAY, "bench", "ten-thousand", "--client", client(), "--pvs", str(PVS), "--runs", str(RUNS), "--seed",
                               str(seed), "--output", folder / "report", "--save", path], env=env, capture_output=True, text=True)
        if done.returncode in (0, 3):
            return path
        if done.returncode != 5:
            break
    raise SystemExit(f"caplay bench: exit code {done.returncode}: {done.stderr}{done.stdout[-2000:]}")


def compare(folder, base, new):
    """Exit code, how many rows say slower, and the first line."""
    junit = folder / "compare.xml"
    done = subprocess.run([CAPLAY, "compare", base, new, "--junit", junit], capture_output=True, text=True)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"caplay compare: exit code {done.returncode}: {done.stderr}")
    failures = int(xml.etree.ElementTree.parse(junit).getroot().get("failures"))
    return done.returncode, failures, done.stdout.splitlines()[0]


def _spells(seed):
    rng = random.Random(seed)
    os.nice(5)
    while os.getppid() != 1:
        until = time.monotonic() + rng.uniform(0.05, 1.5)
        while time.monotonic() < until:
            pass
        time.sleep(rng.uniform(0.05, 1.5))


@contextlib.contextmanager
def load(processes):
    """So many processes beside it, each busy in spells of 0.05 to 1.5 s about half of the time."""
    busy = [multiprocessing.Process(target=_spells, args=(seed,), daemon=True) for seed in range(processes)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.terminate()
            process.join()


class LoadSeen:
    """The least and the most load average that was looked at."""

    def __init__(self):
        self.seen = []

    def look(self):
        self.seen.append(os.getloadavg()[0])

    def __str__(self):
        return f"load average {min(self.seen):.1f} to {max(self.seen):.1f}"


def arguments(description, comparisons):
    """A parser of what both measurements take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--comparisons", type=int, default=comparisons)
    parser.add_argument("--load", type=int, default=2, help="processes that are busy beside it (default 2)")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER",
                        help="keep all result files there; those that are there are compared again, not measured again")
    return parser


def share(hits, n, level=0.95):
    """Clopper and Pearson's interval, by bisection on the binomial tail."""
    import math

    def tail(p, low, high):
        return sum(math.comb(n, k) * p**k * (1 - p)**(n - k) for k in range(low, high + 1))

    def solve(wanted, grows):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if (grows(middle) < wanted) else (low, middle)
        return low
    edge = (1 - level) / 2
    lower = 0.0 if hits == 0 else solve(edge, lambda p: tail(p, hits, n))
    upper = 1.0 if hits == n else solve(1 - edge, lambda p: 1 - tail(p, 0, hits))
    return lower, upper
