"""The arrows and doors of ARCHITECTURE.md: who may include whom, and in which room a third party stands."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

ARROWS = {
    "base": {"base"},
    "wire": {"wire"},
    "traces": {"traces", "wire", "base"},
    "capture": {"capture", "traces", "wire", "base"},
    "sim": {"sim", "traces", "wire", "base"},
    "replay": {"replay", "sim", "traces", "wire", "base"},
    "clients": {"clients", "replay", "sim", "traces", "wire", "base"},
}

# What stands at one door: the pattern, and the files (by prefix) where it may stand.
DOORS = {
    r"#include *[<\"]event2/": ["sim/loop", "sim/server_", "sim/http", "replay/proxy"],
    r"#include *[<\"]pcap": ["capture/source", "clients/perf/floor_decode"],
    r"#include *[<\"](cadef|caerr|db_access|dbAccess|dbStaticLib|iocInit|iocsh|epics\w+)\.h": ["clients/ioc/", "clients/db/", "clients/libca/"],
    r"#include *[<\"]yaml\.h": ["traces/scenario_yaml", "clients/perf/floor_yaml"],
    r"#include *<openssl/": ["traces/keyed", "capture/digest"],
    r"#include *<gsl/": ["clients/bench/infer", "clients/bench/stats", "clients/compare/"],
    r"\bclock_gettime\(": ["base/clock.c"],
    r"\bgettimeofday\(": [],
}


def sources(room):
    return sorted(p for p in (ROOT / room).rglob("*.[ch]"))


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_includes_only_what_lies_below_it(room):
    for path in sources(room):
        for line in path.read_text().splitlines():
            match = re.match(r'#include "([a-z]+)/', line)
            assert not match or match[1] in ARROWS[room], f"{path.relative_to(ROOT)}: {line}"


@pytest.mark.parametrize("pattern", DOORS)
def test_a_third_party_stays_at_its_door(pattern):
    for room in ARROWS:
        for path in sources(room):
            name = str(path.relative_to(ROOT))
            if not any(name.startswith(door) for door in DOORS[pattern]):
                assert not re.search(pattern, path.read_text()), f"{name}: {pattern}"
