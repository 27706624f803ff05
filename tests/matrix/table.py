#!/usr/bin/env python3
"""Print the client matrix as a Markdown table, from the outcomes that tests/test_matrix.py has left.

    tests/matrix/table.py [build/matrix.json]
"""
import json
import pathlib
import sys

from explained import EXPLAINED, LEFT_OUT

COLUMNS = {  # title: the steps' names begin with this
    "get": "get m:",
    "metadata": "metadata ",
    "put": "put m:",
    "614 KB array": "array of 614,400 bytes",
    "monitor": "monitor",
    "access rights": "access rights",
    "refused put": "refused put",
    "missing PV": "PV that does not exist",
    "restart": "restart",
}


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "build" / "matrix.json"
    outcomes = json.loads((pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default).read_text())
    notes = []
    titles = ["client", *COLUMNS, "its own", f"back after a restart: {', '.join(outcomes)}, in s"]
    print("| " + " | ".join(titles) + " |")
    print("|" + " --- |" * len(titles))
    for client in outcomes["ioc"]:
        print("| " + " | ".join(row(outcomes, client, notes)) + " |")
    print()
    for number, note in enumerate(notes, 1):
        print(f"{number}. {note}")


def row(outcomes, client, notes):
    ioc = outcomes["ioc"][client]
    title = f"{ioc['client']} {ioc['version']}"
    if ioc["not_installed"]:
        return [title, ioc["not_installed"], *[""] * (len(COLUMNS) + 1)]
    cells = [cell(outcomes, client, [step for step in ioc["steps"] if step.startswith(prefix)], notes)
             for prefix in COLUMNS.values()]
    own = [step for step in ioc["steps"] if not step.startswith(tuple(COLUMNS.values()))]
    return [title, *cells, cell(outcomes, client, own, notes), ", ".join(back(outcomes[server][client]) for server in outcomes)]


def cell(outcomes, client, steps, notes):
    """Whether the steps came out on our servers as on the IOC; numbers of the notes where one did not."""
    if not steps:
        return ""
    differences = []
    for server in list(outcomes)[1:]:
        ioc, ours = outcomes["ioc"][client]["steps"], outcomes[server][client]["steps"]
        for step in steps:
            if step not in ours:
                differences.append(note(server, LEFT_OUT.get((server, step), f"{step}: left out"), notes))
            elif ours[step] != ioc[step]:
                differences.append(note(server, EXPLAINED.get((server, step), (f"{step}: not explained",))[0], notes))
    return f"same but {', '.join(differences)}" if differences else "same"


def note(server, why, notes):
    text = f"{server}: {why}"
    if text not in notes:
        notes.append(text)
    return str(notes.index(text) + 1)


def back(answer):
    return f"{answer['reconnect_s']:.1f}" if answer.get("reconnect_s") is not None else "never"


if __name__ == "__main__":
    main()
