"""How often `caplay compare` calls a client slower than itself: 200 comparisons of two benches of the same build, under load.

    .venv/bin/python tests/power/self_comparison.py [--comparisons 200] [--load 2] [--keep FOLDER]

Exit code 0: at most 2% of them said so (4 of 200). Each bench connects libca to 1,000 PVs 40 times; about 20 minutes in all. An
interrupt ends it with what is known by then; with --keep it goes on later.
"""
import collections
import sys

import pair


def tell(codes, false, seen):
    n = sum(codes.values())
    if n == 0:
        return
    low, high = pair.share(false, n)
    print(f"{n} comparisons of libca with itself: {false} false slower ({100 * false / n:.1f}%, 95% interval {100 * low:.1f} to "
          f"{100 * high:.1f}%); exit codes " + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())) + f"; {seen}", flush=True)


def compare_all(folder, comparisons):
    """Exit codes with their numbers, and how many said slower in any row."""
    codes, false, seen = collections.Counter(), 0, pair.LoadSeen()
    try:
        for i in range(comparisons):
            seen.look()
            base, new = pair.bench(folder, f"{i}-base", seed=2 * i), pair.bench(folder, f"{i}-new", seed=2 * i + 1)
            code, slower, line = pair.compare(folder, base, new)
            codes[code] += 1
            false += slower > 0
            if code != 0:
                print(f"{i + 1}: exit code {code}: {line}", flush=True)
            if i % 20 == 19 and i + 1 < comparisons:
                tell(codes, false, seen)
    except KeyboardInterrupt:
        pass
    tell(codes, false, seen)
    return codes, false


def main():
    args = pair.arguments(__doc__.splitlines()[0], 200).parse_args()
    with pair.folder(args.keep) as folder, pair.load(args.load):
        codes, false = compare_all(folder, args.comparisons)
    return 0 if false <= 0.02 * sum(codes.values()) else 1


sys.exit(main())
