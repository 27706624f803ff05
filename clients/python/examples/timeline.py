#!/usr/bin/env python3
"""Plot what a PV was over the time of a recording: numpy and matplotlib, and `caplay dump` for the rest.

    timeline.py TRACE PV PICTURE.png
"""
import json
import os
import subprocess
import sys

import matplotlib

matplotlib.use("agg")  # a picture needs no screen
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402


def timeline(trace, pv):
    """Times in seconds since the recording's first packet, and the first element of each value that a server told of the PV."""
    command = [os.environ.get("CAPLAY", "caplay"), "dump", "--format", "jsonl", "--pv", pv, trace]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    told = [row for row in map(json.loads, lines) if row["from"] == "server" and row.get("value")]
    return np.array([row["t_ns"] for row in told]) * 1e-9, np.array([row["value"][0] for row in told], dtype=float)


def plot(seconds, values, pv, picture):
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    axes.step(seconds, values, where="post", marker=".")
    axes.set(xlabel="time since the first packet (s)", ylabel=pv)
    figure.savefig(picture)
    return figure


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    _, TRACE, PV, PICTURE = sys.argv
    plot(*timeline(TRACE, PV), PV, PICTURE)
