"""What the two measurements of `caplay compare` share: one bench of libca, one comparison, and a load beside them."""
import contextlib
import multiprocessing
import os
import pathlib
import random
import subprocess
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


def bench(folder, name, slow=None, seed=1):
    path = folder / f"{name}.json"
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
