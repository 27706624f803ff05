"""A million PVs, each named in a file: how long a server takes to be ready, and its memory then."""
import perf_machine as machine
from perf_table import Measure

COUNT = 1_000_000


def names():
    return (f"BL{i % 100:02d}:DEV{i // 100:05d}:SIG{i % 37:02d}" for i in range(COUNT))


def scenario():
    path = machine.folder / "million.yaml"
    path.write_text("pvs:\n" + "".join(f"- {name}\n" for name in names()))
    return path


def started(*command):
    """(s until ready, MB then)."""
    with machine.caplay(*command) as server:
        return server.ready_s, server.memory_bytes() / 1e6


def ioc():
    """The real IOC with the same names, as the smallest records that hold a DOUBLE."""
    return started("ioc", machine.database("million", *(f'record(ai,"{name}"){{}}\n' for name in names())))


def million(run):
    """A million names; the real IOC, which needs a minute and 2 GB, in a full run only."""
    file, mine, bare = scenario(), [], []
    for _ in run.pairs(5, 3):
        for measure in run.turns(lambda: mine.append(started("sim", file)),
                                 lambda: bare.append(machine.floor("yaml", "--file", file)["for_ns"] / 1e9)):
            measure()
    seconds, megabytes = ([values[k] for values in mine] for k in (0, 1))
    yield Measure("million", "10^6 names: until ready", "s", seconds, bare, peer="libyaml's events alone", at_most=5)
    if not run.full:
        yield Measure("million", "10^6 names: memory", "MB", megabytes, at_most=176, absolute=True,
                      note="a tenth of the real IOC's 1.76 GB; that runs in a full run")
        return
    ioc_seconds, ioc_megabytes = ioc()
    yield Measure("million", "10^6 names: until ready", "s", seconds, [ioc_seconds] * len(seconds))
    yield Measure("million", "10^6 names: memory", "MB", megabytes, [ioc_megabytes] * len(megabytes), at_most=0.1)
