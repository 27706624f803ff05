"""How often `caplay compare` calls a client slower than itself: 200 comparisons of two benches of the same build, under load.

    .venv/bin/python tests/power/self_comparison.py [--comparisons 200] [--load 2]

Exit code 0: at most 2% of them said so (4 of 200). Each bench connects libca to 1,000 PVs, 10 times and on until its median is known to
4%, 60 times at most; 10 minutes in all.
"""
import argparse
import collections
import pathlib
import sys
import tempfile

import pair


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--load", type=int, default=2, help="processes that are busy beside it (default 2)")
    args = parser.parse_args()
    codes, false = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder, pair.load(args.load):
        folder = pathlib.Path(folder)
        for i in range(args.comparisons):
            base, new = pair.bench(folder, "base", seed=2 * i), pair.bench(folder, "new", seed=2 * i + 1)
            code, slower, line = pair.compare(folder, base, new)
            codes[code] += 1
            false += slower > 0
            if code != 0:
                print(f"{i + 1}: exit code {code}: {line}", flush=True)
    low, high = pair.share(false, args.comparisons)
    print(f"{args.comparisons} comparisons of libca with itself: {false} false slower "
          f"({100 * false / args.comparisons:.1f}%, 95% interval {100 * low:.1f} to {100 * high:.1f}%); exit codes "
          + ", ".join(f"{code}: {n}" for code, n in sorted(codes.items())))
    return 0 if false <= 0.02 * args.comparisons else 1


sys.exit(main())
