"""`caplay sim FILE.db` beside `caplay ioc FILE.db`: a client reads and writes the fields of tests/db/all-types.db in both, and must
get the same bytes.

Bytes that mean nothing are masked as in test_conversions.py, and time stamps that are not 0. What is known to differ, and why:

- ENUM types of a STRING field: an IOC gives memory that nobody wrote (tests/dialogues/types-text-as-state.dlg has the rest).
- A number put into a STRING field may post DBE_PROPERTY twice in an IOC, which also compares the bytes behind the NUL.
- `$` of an array of STRING.
- Records whose value is computed (calc, sel, sub, printf, compress...) keep what is put; a bo does not fall back after HIGH.
"""
import pathlib
import random
import re
import struct
import subprocess

import pytest

import cahelp
import rawca
import test_conversions as rules
from test_conversions import CHAR, CLASS_NAME, CTRL, DOUBLE, ENUM, FLOAT, LONG, SHORT, STRING, TIME

DB = pathlib.Path(__file__).resolve().parent / "db" / "all-types.db"
CAPLAY_DB = cahelp.BUILD / "libexec" / "caplay-db"
STSACK_STRING, EVENT_ADD, WRITE_NOTIFY = 37, 1, 19
VALUE, LOG, ALARM, PROPERTY = 1, 2, 4, 8


class Server:
    """A server and one circuit to it."""

    def __init__(self, kind):
        self.server = cahelp.server(kind, DB)
        self.circuit = rawca.Circuit("127.0.0.1", self.server.tcp)
        self.channels = {}
        self.subscribed = []
        self.markers = 0

    def close(self):
        self.circuit.close()
        self.server.stop()
        self.server.kill()

    def create(self, name):
        """The channel, or None where the server refuses."""
        if name not in self.channels:
            try:
                self.channels[name] = self.circuit.create(name)
            except KeyError:
                self.channels[name] = None
        return self.channels[name]

    def subscribe(self, name, mask):
        """Updates in TIME_ of the native type."""
        channel = self.create(name)
        payload = struct.pack(">fffHH", 0, 0, 0, mask, 0)
        self.circuit.send(rawca.message(EVENT_ADD, TIME + channel.native, 0, channel.sid, len(self.subscribed), payload))
        self.subscribed.append((name, mask))

    def put(self, name, type, count, payload):
        """WRITE_NOTIFY's status, and all updates that it brings: [(name, mask, status, count, masked payload)]."""
        updates = []
        status = self._put(self.create(name), type, count, payload, updates)
        self.markers += 1
        self._put(self.create("t:marker"), LONG, 1, struct.pack(">i", self.markers), updates)
        while not updates or self.subscribed[updates[-1].p2][0] != "t:marker":
            reply = self.circuit.receive()
            if reply.command == EVENT_ADD:
                updates.append(reply)
        return status, [self._described(update) for update in updates[:-1]]

    def _put(self, channel, type, count, payload, updates):
        self.circuit.send(rawca.message(WRITE_NOTIFY, type, count, channel.sid, 1, payload))
        while True:
            reply = self.circuit.receive()
            if reply.command == WRITE_NOTIFY:
                return reply.p1
            if reply.command == EVENT_ADD:
                updates.append(reply)

    def _described(self, update):
        return (*self.subscribed[update.p2], *masked(update.type, 0, update.p1, update.count, update.payload))


@pytest.fixture(scope="module")
def ioc():
    server = Server("ioc")
    yield server
    server.close()


@pytest.fixture(scope="module")
def sim():
    server = Server("sim")
    yield server
    server.close()


def caplay_db(*args):
    return subprocess.run([CAPLAY_DB, *map(str, args)], capture_output=True, text=True, timeout=60)


def scenario_fields():
    """{record: [fields]} of the database, as caplay-db tells them."""
    types, records, type = {}, {}, None
    for line in caplay_db(DB).stdout.splitlines():
        if re.match(r"  \w+:$", line):
            type = types.setdefault(line.strip(" :"), [])
        elif line.startswith("    - {name: "):
            type.append(line.split()[2].strip(",}"))
        elif line.startswith("  - name: "):
            record = line.split('"')[1]
        elif line.startswith("    type: "):
            records[record] = types[line.split()[1]]
    return records


FIELDS = scenario_fields()


def masked(type, asked, status, count, payload):
    data = bytearray(rules.masked(type, count, asked == 0, payload))
    if TIME <= type < TIME + 7 and data[4:12] != bytes(8):
        data[4:12] = b"a stamp."
    return status, count, bytes(data).hex()


def read_differences(ioc, sim, name, types=None, counts=(0,)):
    """What differs between the two in a PV: the channel, or what is read in these types."""
    theirs, ours = ioc.create(name), sim.create(name)
    if theirs is None or ours is None or theirs[1:] != ours[1:]:
        if theirs is not None or ours is not None:
            yield f"{name}: {theirs}, ours {ours}"
        return
    native = theirs.native
    texts = [STRING, CTRL + STRING, STSACK_STRING, CLASS_NAME]
    numbers = [LONG, DOUBLE, CTRL + DOUBLE] + ([] if native == STRING else [CTRL + ENUM])
    for type in types or dict.fromkeys([native, TIME + native, CTRL + native, *texts, *numbers]):
        for asked in counts:
            a = masked(type, asked, *ioc.circuit.read(theirs, type, asked))
            b = masked(type, asked, *sim.circuit.read(ours, type, asked))
            if a != b:
                yield f"{name} type {type} x {asked}: {a}\n  ours {b}"


@pytest.mark.parametrize("record", FIELDS)
def test_every_field_reads_as_in_the_ioc(ioc, sim, record):
    rows = [row for field in FIELDS[record] + ["RTYP", "VERS"] for row in read_differences(ioc, sim, f"{record}.{field}")]
    assert "\n".join(rows) == ""


BEHIND = ["$", "$[1:3]", "$$", "[0:2]", "[1:2:6]", "[-3:-2]", "[2:1]", "[5]", "[:3]", "[::2]", "[0:0:3]", " ", "{}", "[", "[1", "[a]",
          "[]", '{"arr":{"s":2,"i":2}}', '{"arr":{"s":"1"}}', '{"arr":{"x":1}}', '{"bad":{}}', "[0:1]{}"]
SHAPES = ["t:ai.VAL", "t:ai.DESC", "t:ai.", "t:calc:links.INPA", "t:ai.RTYP", "t:waveform.VAL", "t:waveform.", "t:waveform:CHAR.VAL",
          "t:lsi.VAL", "t:printf.VAL", "t:mbbo.VAL", "t:mbbo:plain.VAL"]


@pytest.mark.parametrize("name", SHAPES)
def test_what_stands_behind_a_field_is_served_as_in_the_ioc(ioc, sim, name):
    types = [type for type in range(39) if type % 7 != ENUM] + [CLASS_NAME]
    rows = [row for text in BEHIND for row in read_differences(ioc, sim, name + text, types, (0, 1, 3))]
    assert "\n".join(rows) == ""


@pytest.mark.parametrize("name", ["t:ai", "t:ai.", "t:ai.VAL", "t:ai:alias.DESC", "t:wave.RTYP", "t:ai[0:1]", "t:ai$", "t:ai.VAL.",
                                  "t:ai..VAL", "t:ai.1", "t:ai.XXX", "t:ai.val", "t:ai.TIME", "t:ai.MLIS", "t:aix", "T:ai"])
def test_names_are_those_of_the_ioc(ioc, sim, name):
    assert list(read_differences(ioc, sim, name)) == []


# Records that hold a value, and what of them is put: fields that process, properties, limits, texts.
VALUES = ["t:ai", "t:ai:plain", "t:ai:pini", "t:ao", "t:ao:plain", "t:longin", "t:longout", "t:int64in", "t:int64out", "t:bi", "t:bo",
          "t:bo:plain", "t:mbbi", "t:mbbo", "t:mbbo:plain", "t:stringin", "t:stringout", "t:lsi", "t:lso", "t:waveform", "t:waveform:CHAR",
          "t:waveform:UCHAR", "t:waveform:SHORT", "t:waveform:STRING", "t:waveform:INT64", "t:waveform:ULONG", "t:aai", "t:aao"]
PUT = ["VAL", "VAL", "VAL", "DESC", "EGU", "PREC", "HOPR", "LOPR", "DRVH", "DRVL", "HIHI", "HIGH", "LOW", "LOLO", "HHSV", "HSV", "LSV",
       "LLSV", "HYST", "MDEL", "ADEL", "ZNAM", "ONAM", "ZSV", "OSV", "COSV", "ZRST", "ONST", "TWST", "ZRVL", "ONVL", "ZRSV", "ONSV",
       "TWSV", "UNSV", "OROC", "PROC", "UDF", "UDFS", "PHAS", "NAME", "STAT"]
WATCHED = ["VAL", "STAT", "SEVR", "ACKS", "RVAL", "OVAL", "LALM", "NORD", "EGU"]
NUMBERS = [0, 1, 2, -1, 5, 7.5, 8.5, 9.5, -9.5, 100.25, -200, 3, 15, 16, 77, float("nan"), 1e10, -1e10, 4e9, 70000, 1000]
TEXTS = ["0", "1", "2.5", "on", "off", "zero", "two", "abc", "-3", "Open", "MAJOR", "NO", "Passive", "0x10", "1e2", "99", "65536",
         "4294967296", "-1", " 7", "12 x", "a text that is cut, since it has over 39 characters"]
RANGE = {SHORT: (-32768, 32767), ENUM: (0, 65535), CHAR: (0, 255), LONG: (-2**31, 2**31 - 1)}


def some_put(seeded, is_text):
    """(type, count, payload)"""
    type = STRING if is_text else seeded.choice([STRING, DOUBLE, LONG, SHORT, ENUM, CHAR, FLOAT])
    count = seeded.choice([1, 1, 1, 1, 0, 2, 3]) if type != STRING else seeded.choice([1, 1, 2])
    if type == STRING:
        return type, count, b"".join(seeded.choice(TEXTS)[:39].encode().ljust(40, b"\0") for _ in range(count))
    values = [seeded.choice(NUMBERS) for _ in range(count)]
    if type in RANGE:
        least, most = RANGE[type]
        values = [int(min(max(v, least), most)) if v == v else 0 for v in values]
    return type, count, rules.pack(type, values)


def put_differences(ioc, sim, record, n):
    """n seeded puts into fields of a record: statuses, updates in order for each subscription, and all fields behind each."""
    seeded = random.Random(record)
    for server in (ioc, sim):
        server.subscribed.clear()
        for field in WATCHED:
            for mask in (VALUE, LOG, ALARM, PROPERTY) if field == "VAL" else (VALUE, ALARM):
                if field in FIELDS[record]:
                    server.subscribe(f"{record}.{field}", mask)
        server.subscribe("t:marker", VALUE)
        server.put("t:marker", LONG, 1, struct.pack(">i", -1))
        server.put(f"{record}.PHAS", SHORT, 1, struct.pack(">h", 0))
    for i in range(n):
        field = seeded.choice([field for field in PUT if field in FIELDS[record] and (field != "HIGH" or "HIHI" in FIELDS[record])])
        name = f"{record}.{field}"
        type, count, payload = some_put(seeded, ioc.create(name).native == STRING)
        theirs, ours = ioc.put(name, type, count, payload), sim.put(name, type, count, payload)
        rows = [f"status {theirs[0]}, ours {ours[0]}"] if theirs[0] != ours[0] else []
        for key in dict.fromkeys(update[:2] for update in theirs[1] + ours[1]):
            a, b = ([update[2:] for update in updates if update[:2] == key] for updates in (theirs[1], ours[1]))
            rows += [f"updates of {key}: {a}\n  ours {b}"] if a != b else []
        for field in FIELDS[record]:
            channel = ioc.create(f"{record}.{field}")
            types = channel and [TIME + channel.native] + ([CTRL + channel.native] if field in ("VAL", "HIGH", "MDEL") else [])
            rows += read_differences(ioc, sim, f"{record}.{field}", types)
        if rows:
            yield f"put {i} {name} type {type} x {count} {payload}:\n" + "\n".join(rows)
            return


@pytest.mark.parametrize("record", VALUES)
def test_puts_do_as_in_the_ioc(record):
    servers = Server("ioc"), Server("sim")
    try:
        assert "".join(put_differences(*servers, record, 40)) == ""
    finally:
        for server in servers:
            server.close()


def test_wrong_databases_are_refused_in_epics_own_words(tmp_path):
    bad = tmp_path / "bad.db"
    bad.write_text('record(ai, "x") {\n    field(VALU, "1")\n}\n')
    result = cahelp.caplay("sim", bad, "--port", "0")
    assert result.returncode == 2
    assert "bad.db" in result.stderr and "line 2" in result.stderr and "VALU" in result.stderr


def test_a_missing_file_is_named(tmp_path):
    result = cahelp.caplay("sim", tmp_path / "no.db", "--port", "0")
    assert (result.returncode, "no.db" in result.stderr) == (2, True)


def test_without_caplay_db_it_says_what_is_missing(tmp_path):
    result = cahelp.caplay("sim", DB, "--port", "0", env={"CAPLAY_LIBEXEC": str(tmp_path)})
    assert result.returncode == 5
    assert "caplay-db" in result.stderr


def test_macros_and_records_that_would_move(tmp_path):
    file = tmp_path / "m.db"
    file.write_text('record(ai, "$(P)a") { field(SCAN, "1 second") }\nrecord(ai, "$(P)b") { field(INP, "$(P)a") }\nrecord(ao, "$(P)c") { }\n')
    with cahelp.server("sim", file, "--macros", "P=TEST:") as server:
        assert "2 records have SCAN or links: served as they are" in server.stderr()
        with rawca.Circuit("127.0.0.1", server.tcp) as circuit:
            assert circuit.create("TEST:c.OUT").native == STRING


def test_what_caplay_db_prints_is_served_without_epics(tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text(caplay_db(DB).stdout)
    with cahelp.server("sim", file, env={"CAPLAY_LIBEXEC": str(tmp_path)}) as server:
        with rawca.Circuit("127.0.0.1", server.tcp) as circuit:
            assert circuit.read(circuit.create("t:ai"), DOUBLE, 1)[2] == struct.pack(">d", 1.5)


def test_ten_thousand_records_share_their_types(tmp_path):
    file = tmp_path / "many.db"
    file.write_text("".join(f'record(ai, "r:{i}") {{ field(VAL, "{i}") }}\n' for i in range(10000)))
    result = caplay_db(file)
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) < 40000


def test_a_slice_never_outgrows_its_channel():
    """Counted from the end on one side, of 6 elements of 10: Base 7.0.10 sends all 6 on a channel of 2, and dies of the third name."""
    with cahelp.server("sim", DB) as server, rawca.Circuit("127.0.0.1", server.tcp) as circuit:
        for name, count, values in (("[-6:5]", 2, (1, 2)), ("[-3:8]", 2, (4, 5)), ("[-2:5]", 0, ())):
            channel = circuit.create("t:waveform." + name)
            assert channel.count == count
            status, n, payload = circuit.read(channel, 6, 0)
            assert (status, struct.unpack(f">{n}d", payload)) == (1, values)
