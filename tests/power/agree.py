"""Do the verdicts of several benchmarks agree? Each pair of clients, its words in each file, and which of them flip.

    make bench && cp report/bench.json a.json        # thrice
    .venv/bin/python tests/power/agree.py a.json b.json c.json

A pair *flips* if two files decide it and say different words; it *wavers* if some files decide it and others call it undecided, which
is no contradiction. Exit code 0: none flips; 1: one does; 2: a file is no result of a benchmark, or of other clients or servers.
"""
import argparse
import collections
import json
import sys

PARTS = ("connect", "get", "application")
UNDECIDED = "undecided"


class Refused(Exception):
    """A file that cannot be compared; the text names it and says why."""


def read(path):
    """{(server, first, second, part): word} of a result file, in its order."""
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        if result["format"] != "caplay-bench":
            raise Refused(f"{path}: no result of `caplay bench`")
        words = {(v["server"], v["first"], v["second"], part): v[part]["verdict"] for v in result["verdicts"] for part in PARTS}
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"{path}: no result of `caplay bench`: {error!r}") from None
    if not words:
        raise Refused(f"{path}: it compares no pair of clients")
    return words


def check_alike(files):
    first, *others = files
    for path in others:
        if files[path].keys() != files[first].keys():
            lacking = next(iter(files[path].keys() ^ files[first].keys()))
            raise Refused(f"{path}: other clients or servers than in {first}: {lacking[2]} beside {lacking[1]} on {lacking[0]} is in one alone")


def classify(words):
    """What the words of one pair in all files are to each other."""
    decided = set(words) - {UNDECIDED}
    if len(decided) > 1:
        return "FLIPS"
    if UNDECIDED not in words:
        return "agrees"
    return "wavers" if decided else UNDECIDED


def rows(files):
    """(server, second beside first, part, words, kind) of each pair."""
    for key in next(iter(files.values())):
        server, first, second, part = key
        words = [of[key] for of in files.values()]
        yield server, f"{second} beside {first}", part, words, classify(words)


def show(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="RESULT.json", help="results of `caplay bench`, two or more")
    paths = parser.parse_args().files
    if len(set(paths)) < 2:
        parser.error("two files or more, as in: agree.py a.json b.json c.json")
    try:
        files = {path: read(path) for path in paths}
        check_alike(files)
    except Refused as error:
        print(f"agree.py: {error}", file=sys.stderr)
        return 2
    all_rows = list(rows(files))
    show([["server", "pair", "", *files, ""]] + [[server, pair, part, *words, kind] for server, pair, part, words, kind in all_rows])
    kinds = collections.Counter(kind for *_, kind in all_rows)
    print(f"\n{len(all_rows)} words of {len(files)} benchmarks: {kinds['agrees']} decided alike in all, {kinds['FLIPS']} flip, "
          f"{kinds['wavers']} decided in some and undecided in others, {kinds[UNDECIDED]} undecided in all")
    return 1 if kinds["FLIPS"] else 0


sys.exit(main())
