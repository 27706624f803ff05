"""The measures' statistics and the table that `make perf` prints."""
import dataclasses
import json

import numpy

RESAMPLES = 2000


@dataclasses.dataclass
class Measure:
    """One line: what was measured in each pair, beside what, and what it should reach.

    ours, beside: a number a pair, in `unit`; floor: the same for the bare machine, where it is not what stands beside. A ratio is
    ours / beside of the same pair. at_most or at_least: for the median ratio; interval: for the bootstrap interval of that median;
    absolute: for the median of ours itself; beside is shown then. holds: what must hold besides, as (text, bool)."""
    row: str
    what: str
    unit: str
    ours: list
    beside: list = dataclasses.field(default_factory=list)
    peer: str = "real IOC"
    floor: list = dataclasses.field(default_factory=list)
    at_most: float = None
    at_least: float = None
    interval: bool = False
    absolute: bool = False
    worst: float = None  # ours at its worst, as a multiple of the median beside
    holds: tuple = ()
    note: str = ""
    missing: str = ""  # why it could not be measured

    def ratios(self):
        pairs = [(a, b) for a, b in zip(self.ours, self.beside) if b]
        return numpy.array([a / b for a, b in pairs])

    def confidence(self):
        """95% of the medians of pairs drawn anew."""
        ratios, random = self.ratios(), numpy.random.default_rng(1)
        medians = numpy.median(random.choice(ratios, (RESAMPLES, len(ratios))), axis=1)
        return numpy.quantile(medians, [0.025, 0.975])

    def failures(self):
        """Texts; none: reached."""
        if self.missing:
            return [f"not measured: {self.missing}"]
        failed = [text for text, is_good in self.holds if not is_good]
        value = numpy.median(self.ours) if self.absolute else numpy.median(self.ratios()) if self.beside else None
        if self.interval:
            value = self.confidence()[0]
        if self.at_most is not None and value > self.at_most:
            failed.append(f"{value:.3g} > {self.at_most:g}")
        if self.at_least is not None and value < self.at_least:
            failed.append(f"{value:.3g} < {self.at_least:g}")
        if self.worst is not None and max(self.ours) > self.worst * numpy.median(self.beside):
            failed.append(f"worst run {max(self.ours) / numpy.median(self.beside):.3g} > {self.worst:g}x the median beside")
        return failed

    def target(self):
        words = []
        kind = self.unit if self.absolute else "x"
        if self.at_most is not None:
            words.append(f"<= {self.at_most:g}{' ' if self.absolute else ''}{kind}")
        if self.at_least is not None:
            words.append(f">= {self.at_least:g}{' ' if self.absolute else ''}{kind}")
        words += [f"worst <= {self.worst:g}x"] if self.worst is not None else []
        return ", ".join(words + [text for text, _ in self.holds]) or "-"

    def spread(self):
        """The median ratio and its quartiles, or its interval."""
        if self.missing or not self.beside:
            return "-"
        ratios = self.ratios()
        low, high = self.confidence() if self.interval else numpy.quantile(ratios, [0.25, 0.75])
        ends = f"<{low:.3g}, {high:.3g}>" if self.interval else f"[{low:.3g}, {high:.3g}]"
        return f"{numpy.median(ratios):.3g} {ends} {ratios.min():.3g}..{ratios.max():.3g}"

    def cells(self):
        failed = self.failures()
        verdict = "reached" if not failed else "not reached: " + "; ".join(failed)
        if not failed and self.interval and self.at_most is not None and numpy.median(self.ratios()) > self.at_most:
            verdict += " by its interval only: the median is above"
        if self.target() == "-" and not failed:
            verdict = "for information"
        if self.missing:
            verdict = failed[0]
        return [self.row, self.what, shown(self.ours), f"{shown(self.beside)} {self.peer}" if self.beside else "-",
                shown(self.floor), self.unit, str(len(self.ours)), self.spread(), self.target(),
                verdict + (f" ({self.note})" if self.note else "")]

    def record(self):
        """What goes into report/perf.jsonl."""
        record = {key: value for key, value in dataclasses.asdict(self).items() if value not in (None, [], "", ())}
        if self.beside and not self.missing:
            ratios = self.ratios()
            record |= {"median_ratio": numpy.median(ratios), "quartiles": list(numpy.quantile(ratios, [0.25, 0.75])),
                       "interval_of_median": list(self.confidence())}
        return record | {"reached": not self.failures(), "failures": self.failures()}


def shown(values):
    if len(values) == 0:
        return "-"
    median = float(numpy.median(values))
    return f"{median:,.0f}" if abs(median) >= 1000 else f"{median:.4g}"


HEADS = ["row", "measure", "ours", "beside it", "floor", "unit", "runs", "ratio [quartiles] or <interval>, least..most", "to reach", ""]


def table(measures):
    rows = [HEADS] + [measure.cells() for measure in measures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0])] + lines[1:])


def plain(value):
    return value.item() if isinstance(value, numpy.generic) else str(value)


def json_line(record):
    return json.dumps(record, default=plain)
