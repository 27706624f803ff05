"""`caplay sim FILE.db` beside `caplay ioc FILE.db`: a client reads and writes all fields of tests/db/all-types.db, in both, and
must get the same bytes.

Bytes that mean nothing are masked as in test_conversions.py.
"""
import pathlib
import struct

import pytest

import cahelp
import rawca
import test_conversions as rules
from test_conversions import CHAR, CLASS_NAME, CTRL, DOUBLE, ENUM, LONG, NORMAL, SHORT, STRING, TIME

DB = pathlib.Path(__file__).resolve().parent / "db" / "all-types.db"


class Server:
    """A server and one circuit to it."""

    def __init__(self, *args):
        self.server = cahelp.server(*args)
        self.circuit = rawca.Circuit("127.0.0.1", self.server.tcp)

    def close(self):
        self.circuit.close()
        self.server.stop()
        self.server.kill()

    def create(self, name):
        """The channel, or None where the server refuses."""
        try:
            return self.circuit.create(name)
        except KeyError:
            return None


@pytest.fixture(scope="module")
def ioc():
    server = Server("ioc", DB)
    yield server
    server.close()


@pytest.fixture(scope="module")
def sim():
    server = Server("sim", DB)
    yield server
    server.close()


def scenario_fields():
    """(record, [fields]) of the database, as caplay-db tells them."""
    import subprocess

    text = subprocess.run([cahelp.BUILD / "libexec" / "caplay-db", DB], capture_output=True, text=True, check=True).stdout
    types, records, type = {}, [], None
    for line in text.splitlines():
        if line.startswith("  ") and line.endswith(":") and line[2] != " ":
            type = types.setdefault(line.strip(" :"), [])
        elif line.startswith("    - {name: "):
            type.append(line.split()[2].strip(",}"))
        elif line.startswith("  - name: "):
            records.append([line.split('"')[1]])
        elif line.startswith("    type: "):
            records[-1].append(types[line.split()[1]])
    return records


RECORDS = scenario_fields()


def masked(type, asked, status, count, payload):
    data = bytearray(rules.masked(type, count, asked == 0, payload))
    if TIME <= type < TIME + 7 and data[4:12] != bytes(8):
        data[4:12] = b"a stamp."
    return status, count, bytes(data)


def answer(server, channel, type, asked):
    return masked(type, asked, *server.circuit.read(channel, type, asked))


def differences(ioc, sim, name, types=None, counts=(0,)):
    """What differs between the two in a PV: channel or read."""
    theirs, ours = ioc.create(name), sim.create(name)
    if theirs is None or ours is None:
        if theirs is not ours:
            yield f"{name}: {theirs}, ours {ours}"
        return
    if theirs[1:] != ours[1:]:
        yield f"{name}: {theirs}, ours {ours}"
    native = theirs.native
    for type in types or sorted({native, TIME + native, CTRL + native, STRING, CTRL + STRING, DOUBLE, CTRL + DOUBLE, LONG,
                                 *([CTRL + ENUM] if native != STRING else []), CLASS_NAME, 37}):
        for asked in counts:
            a, b = answer(ioc, theirs, type, asked), answer(sim, ours, type, asked)
            if a != b:
                yield f"{name} type {type} x {asked}: {a[0]} x {a[1]} {a[2].hex()}\n  ours {b[0]} x {b[1]} {b[2].hex()}"


@pytest.mark.parametrize("record,fields", RECORDS, ids=[r[0] for r in RECORDS])
def test_every_field_reads_as_in_the_ioc(ioc, sim, record, fields):
    rows = [row for field in fields for row in differences(ioc, sim, f"{record}.{field}")]
    assert "\n".join(rows) == ""
