#!/usr/bin/env python3
"""Print the EPICS database that the benchmark's real IOC serves: bench_db.py [FILE] (default: standard output).

ten-thousand:00000 ... ten-thousand:09999   still scalars, their kinds in turn: ai, mbbo, stringin, bo, longout
moving:0 ... moving:9                       ai at 10 Hz: up by 1 from its VAL to HOPR, then from LOPR again; alarms at both ends
area-detector:image, image-680              640x480 and 680x480 SHORT at 120 Hz
area-detector:image-10hz                    640x480 SHORT at 10 Hz

The info tags are for clients/ioc/source.c: it moves the records that bear one, at the rate that the tag gives.
"""
import sys

LIMITS = {"HHSV": "MAJOR", "HSV": "MINOR", "LSV": "MINOR", "LLSV": "MAJOR"}
STATES = "ZR ON TW TH FR FV SX SV EI NI TE EL TV TT FT FF".split()


def record(kind, name, fields, info=None):
    lines = [f'record({kind}, "{name}") {{']
    lines += [f'    field({field}, "{value}")' for field, value in fields.items()]
    lines += [f'    info({tag}, "{value}")' for tag, value in (info or {}).items()]
    return "\n".join(lines) + "\n}\n"


def analog():
    """Alarm limits that the first and the last of the 10^4 values violate, so that still PVs with alarms exist."""
    return {"HOPR": 10000, "LOPR": 0, "HIHI": 9900, "HIGH": 9800, "LOW": 20, "LOLO": 10, **LIMITS}


def scalar(i):
    name = f"ten-thousand:{i:05d}"
    still = {"PINI": "YES"}  # processed once, at start: that sets the time stamp and the alarm
    if i % 5 == 0:
        return record("ai", name, {"VAL": i + 0.5, "PREC": 3, "EGU": "mm", **analog(), **still})
    if i % 5 == 1:
        labels = {f"{state}ST": f"state {n}" for n, state in enumerate(STATES)}
        values = {f"{state}VL": n for n, state in enumerate(STATES)}
        return record("mbbo", name, {"VAL": i % 16, **labels, **values, **still})
    if i % 5 == 2:
        return record("stringin", name, {"VAL": f"s{i}", **still})
    if i % 5 == 3:
        return record("bo", name, {"VAL": i // 5 % 2, "ZNAM": "Off", "ONAM": "On", **still})
    return record("longout", name, {"VAL": i, "EGU": "counts", **analog(), **still})


def moving(i):
    """Each a tenth of the way round ahead of the one before, so that within 10 s some enter and some leave each alarm."""
    fields = {"VAL": 100 * i, "PREC": 1, "EGU": "counts", "HOPR": 999, "LOPR": 0, "HIHI": 950, "HIGH": 900, "LOW": 20, "LOLO": 10}
    return record("ai", f"moving:{i}", {**fields, **LIMITS, "TSE": -2}, {"caplay:count": "10Hz"})


def image(name, width, rate):
    fields = {"FTVL": "SHORT", "NELM": width * 480, "EGU": "counts", "HOPR": 32767, "LOPR": -32768, "TSE": -2}
    return record("waveform", f"area-detector:{name}", fields, {"caplay:frames": rate})


def database():
    yield from (scalar(i) for i in range(10000))
    yield from (moving(i) for i in range(10))
    yield image("image", 640, "120Hz")
    yield image("image-680", 680, "120Hz")
    yield image("image-10hz", 640, "10Hz")


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] == ["--help"]:
        sys.exit(__doc__)
    out = open(sys.argv[1], "w", encoding="ascii") if len(sys.argv) == 2 else sys.stdout
    with out:
        out.writelines(database())


if __name__ == "__main__":
    main()
