"""How often `caplay compare` finds a client that connects 20% slower: by a busy loop, and by a sleep.

    .venv/bin/python tests/power/found.py [--comparisons 20] [--slower 20] [--load 2]

Exit code 0: each was found (exit code 1 of compare) in at least 19 of 20. About 5 minutes in all.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import pair


def connect_ns(path):
    return json.loads(path.read_text())["cells"][0]["figures"]["connect_s"]["median"] * 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=20)
    parser.add_argument("--slower", type=float, default=20, help="percent (default 20)")
    parser.add_argument("--load", type=int, default=2, help="processes that are busy beside it (default 2)")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder, pair.load(args.load):
        folder = pathlib.Path(folder)
        more = int(connect_ns(pair.bench(folder, "base")) * args.slower / 100)
        for how in "busy", "sleep":
            found = 0
            for i in range(args.comparisons):
                base = pair.bench(folder, "base", seed=2 * i)
                new = pair.bench(folder, "new", slow=f"{how}:{more}:{pair.PVS}", seed=2 * i + 1)
                code, _, line = pair.compare(folder, base, new)
                found += code == 1
                if code != 1:
                    print(f"{how} {i + 1}: exit code {code}: {line}", flush=True)
            low, high = pair.share(found, args.comparisons)
            print(f"{how}, {more / 1e6:.2f} ms more ({args.slower:g}%): found {found} of {args.comparisons} "
                  f"(95% interval {100 * low:.0f} to {100 * high:.0f}%)", flush=True)
            good &= found >= 0.95 * args.comparisons
    return 0 if good else 1


sys.exit(main())
