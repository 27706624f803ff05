"""How often `caplay compare` finds a client that connects 20% slower: by a busy loop, and by a sleep.

    .venv/bin/python tests/power/found.py [--comparisons 20] [--slower 20] [--load 2] [--keep FOLDER]

Exit code 0: each was found (exit code 1 of compare) in at least 19 of 20. About 5 minutes in all.
"""
import json
import sys

import pair


def connect_ns(path):
    return json.loads(path.read_text())["cells"][0]["figures"]["connect_s"]["median"] * 1e9


def count_found(args, folder, how, more):
    """How many comparisons with a client that is slower in this way exit with 1."""
    found, seen = 0, pair.LoadSeen()
    for i in range(args.comparisons):
        seen.look()
        base = pair.bench(folder, f"{how}-{i}-base", seed=2 * i)
        new = pair.bench(folder, f"{how}-{args.slower:g}-{i}-new", slow=f"{how}:{more}:{pair.PVS}", seed=2 * i + 1)
        code, _, line = pair.compare(folder, base, new)
        found += code == 1
        if code != 1:
            print(f"{how} {i + 1}: exit code {code}: {line}", flush=True)
    low, high = pair.share(found, args.comparisons)
    print(f"{how}, {more / 1e6:.2f} ms more ({args.slower:g}%): found {found} of {args.comparisons} "
          f"(95% interval {100 * low:.1f} to {100 * high:.1f}%), {seen}", flush=True)
    return found


def main():
    parser = pair.arguments(__doc__.splitlines()[0], 20)
    parser.add_argument("--slower", type=float, default=20, help="percent (default 20)")
    args = parser.parse_args()
    with pair.folder(args.keep) as folder, pair.load(args.load):
        more = int(connect_ns(pair.bench(folder, "base")) * args.slower / 100)
        found = [count_found(args, folder, how, more) for how in ("busy", "sleep")]
    return 0 if min(found) >= 0.95 * args.comparisons else 1


sys.exit(main())
