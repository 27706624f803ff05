#!/usr/bin/env python3
"""What `caplay stats --plot` starts: JSON on standard input (clients/stats/plot.c) -> a picture, SVG or PNG by its suffix."""
import json
import os
import pathlib
import sys

ENVIRONMENT = 5


def load_matplotlib():
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot
        import matplotlib.ticker
        return matplotlib.pyplot, matplotlib.ticker
    except ImportError as error:
        sys.exit(give_up(f"--plot needs matplotlib ({error}): scripts/setup, or pip install -r requirements.txt, or set "
                         f"CAPLAY_PYTHON to a Python that has it; this one is {sys.executable}"))


def give_up(text):
    print(f"caplay: {text}", file=sys.stderr)
    return ENVIRONMENT


def draw_rates(axes, picture):
    """Steps: a bin's rate holds for the whole bin."""
    for pv in picture["pvs"]:
        edges = [i * picture["bin_s"] for i in range(len(pv["rates"]) + 1)]
        shown = ("\u200b" if pv["name"].startswith("_") else "") + pv["name"]  # matplotlib hides labels that begin with _
        axes.stairs(pv["rates"], edges, label=shown, linewidth=1.4)
    axes.set(title="Updates a second by PV, as one subscription saw them", xlabel="time since the recording's begin (s)",
             ylabel="updates a second")
    axes.set_ylim(bottom=0)
    finish(axes, picture["pvs"], "no PV changed twice", "upper left")


def draw_services(axes, ticker, picture):
    for service in picture["services"]:
        times = [max(time, 1e-9) for time, _ in service["shares"]]
        shares = [share for _, share in service["shares"]]
        axes.step([times[0], *times], [0, *shares], where="post", label=f"{service['name']} ({service['count']})", linewidth=1.4)
    axes.set(title="Service times by class of request", xlabel="from a request's last byte to its reply's first", ylabel="share that took at most so long", xscale="log",
             ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(ticker.EngFormatter(unit="s"))
    finish(axes, picture["services"], "no request was answered", "upper left")


def finish(axes, what, nothing, place):
    axes.grid(True, alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if what:
        axes.legend(fontsize="small", loc=place, bbox_to_anchor=(1.01, 1), borderaxespad=0, frameon=False)
    else:
        axes.text(0.5, 0.5, nothing, transform=axes.transAxes, ha="center", va="center", color="gray")


def save(figure, path):
    """The file appears whole or not at all."""
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        figure.savefig(aside, dpi=120, bbox_inches="tight")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def main(path):
    picture = json.load(sys.stdin)
    pyplot, ticker = load_matplotlib()
    pyplot.rcParams["text.parse_math"] = False  # a $ in a PV's name is a $
    figure, (rates, services) = pyplot.subplots(2, 1, figsize=(10, 8), layout="constrained")
    draw_rates(rates, picture)
    draw_services(services, ticker, picture)
    try:
        save(figure, pathlib.Path(path))
    except OSError as error:
        return give_up(f"cannot write {path}: {error.strerror}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
