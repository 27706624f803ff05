#!/usr/bin/env python3
"""What `caplay report` starts: results of `caplay bench` as a page, CSV, JSON or Markdown, by the suffix of --output."""
import argparse
import json
import os
import pathlib
import sys

import report_page
import report_result
import report_text

USAGE, ENVIRONMENT = 2, 5


def read_doctor(path):
    """The findings of `caplay doctor --json`, or None where none were given."""
    if path is None:
        return None
    try:
        findings = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["findings"]
        return [dict(finding) for finding in findings]
    except OSError as error:
        raise report_result.Refused(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise report_result.Refused(f"{path}: no output of `caplay doctor --json`, or cut short") from None


def render(suffix, results, doctor):
    writers = {".csv": report_text.as_csv, ".json": report_text.as_json, ".md": report_text.as_markdown}
    return writers[suffix](results) if suffix in writers else report_page.page(results, doctor)


def rendered(suffix, results, doctor):
    """The text; what a file holds in a place where the schema has something else is its fault, not ours."""
    try:
        return render(suffix, results, doctor)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ZeroDivisionError) as error:
        names = ", ".join(path for path, _ in results)
        raise report_result.Refused(f"{names}: not as docs/bench.schema.json has it: {error!r}") from None


def write_whole(path, text):
    """The file appears whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def target(output):
    """The file to write: a name with a known suffix, or index.html in the folder."""
    path = pathlib.Path(output)
    if path.suffix in (".html", ".csv", ".json", ".md"):
        return path
    path.mkdir(parents=True, exist_ok=True)
    return path / "index.html"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    parser.add_argument("--doctor")
    parser.add_argument("results", nargs="+")
    args = parser.parse_args()
    try:
        results = [(path, report_result.read(path)) for path in args.results]
        doctor, path = read_doctor(args.doctor), target(args.output)
        write_whole(path, rendered(path.suffix, results, doctor))
    except report_result.Refused as error:
        print(f"caplay: {error}", file=sys.stderr)
        return USAGE
    except (report_page.Missing, OSError) as error:
        print(f"caplay: {error}", file=sys.stderr)
        return ENVIRONMENT
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
