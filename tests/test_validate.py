"""caplay validate: the written dialogues hold on a real IOC and on the fake server; a server that differs is found, the dialogue
shrunk and both sides printed; mistakes in files are named with their line."""
import pathlib
import re
import select
import socket
import threading

import pytest

import cahelp
import rawca

HERE = pathlib.Path(__file__).resolve().parent
DB = HERE / "db" / "all-types.db"
DIALOGUES = HERE / "dialogues"
SECURITY, SLOW_PUTS = (HERE / "db" / "security.db", HERE / "db" / "security.acf"), HERE / "db" / "slow-puts.db"
MINI = 'record(longin, "a") { field(VAL, "1234") }\nrecord(ai, "b") { field(VAL, "1.5") field(PREC, "2") }\n'


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "mini.db"
    path.write_text(MINI)
    return path


def validate(*args, **kwargs):
    return cahelp.caplay("validate", *args, timeout=300, **kwargs)


class Meddler:
    """A CA server of its own between client and server: passes datagrams and circuits on, and what the server says through `change`."""

    def __init__(self, server, change):
        self.server, self.change = server, change
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.end, self.ended = socket.socketpair()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        pairs = {}  # a circuit's two sockets, each to the other and whether it is the server's
        while True:
            readable, _, _ = select.select([self.tcp, self.udp, self.ended, *pairs], [], [])
            if self.ended in readable:
                break
            for ready in readable:
                if ready is self.udp:
                    self.pass_datagram()
                elif ready is self.tcp:
                    client, _ = self.tcp.accept()
                    to_server = socket.create_connection(("127.0.0.1", self.server.tcp))
                    pairs |= {client: (to_server, False), to_server: (client, True)}
                elif ready in pairs:
                    self.pass_bytes(pairs, ready)
        for each in (*pairs, self.tcp, self.udp, self.end, self.ended):
            each.close()

    def pass_datagram(self):
        request, client = self.udp.recvfrom(65536)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(request, ("127.0.0.1", self.server.udp))
            if select.select([out], [], [], 0.2)[0]:
                reply = bytearray(out.recv(65536))
                reply[20:22] = self.port.to_bytes(2, "big")  # the first SEARCH's TCP port
                self.udp.sendto(reply, client)

    def pass_bytes(self, pairs, ready):
        other, is_servers = pairs[ready]
        try:
            data = ready.recv(65536)
        except ConnectionResetError:
            data = b""
        if data:
            other.sendall(self.change(data) if is_servers else data)
        else:
            del pairs[ready], pairs[other]
            ready.close()
            other.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end.send(b"x")
        self.thread.join()


def test_a_real_ioc_says_what_the_dialogues_state():
    result = validate("--ioc", DB)
    assert result.returncode == 0, result.stdout
    assert "statements not kept 0" in result.stdout
    assert int(result.stdout.split()[0]) >= 90 and "skipped" not in result.stdout


def test_two_real_iocs_do_not_differ_which_proves_the_masks():
    result = validate("--server", f"ioc:{DB}", "--server", f"ioc:{DB}")
    assert result.returncode == 0, result.stdout
    assert "differences 0, accepted 0" in result.stdout


def test_the_fake_server_does_not_differ_from_the_ioc_but_for_what_is_accepted():
    result = validate("--ioc", DB, "--sim")
    assert result.returncode == 0, result.stdout
    assert re.search(r"differences 0, accepted \d+", result.stdout)
    accepted = [line for line in (DIALOGUES / "accepted.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert len(accepted) < 10


# Dialogues that a recording of reads can answer. It holds no limits, deadbands or refusals, does not tell which fields are of one
# record, and knows no names but those that were asked for.
RECORDED = """access-rights array-slices clear-channel* commands-* create-channel* echo fields-unused foreign-sid half-close header-[lmp]*
    long-strings minor-* names-of-client* native-types open order-of-lanes read* search-[eflrtuw]* search-many search-name search-old*
    session subscription-cancel* subscription-mask subscription-missing-payload two-circuits types-aao types-ai types-ai-rtyp types-ai-scan
    types-bi types-longin types-mbbi types-stringin types-waveform unknown-sid version""".split()
RECORDED_PUTS = """flow-control* subscription-cancel subscription-count subscription-many subscription-same-subid subscription-two-circuits
    subscription-type write-array write-large write-string write-strings-to-number write-structures""".split()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Of an IOC whose PVs, all that dialogues name, were read once: with metadata, stamp, class and acknowledgement."""
    trace = tmp_path_factory.mktemp("recording") / "read.catrace"
    names = re.findall(r'record\(\w+, "([^"]+)"\)', DB.read_text())
    for dialogue in sorted(DIALOGUES.glob("*.dlg")):
        names += [name.replace('\\"', '"') for name in re.findall(r'CREATE_CHAN .*?"((?:[^"\\]|\\.)*)"', dialogue.read_text())]
    with cahelp.server("ioc", DB) as ioc, cahelp.capture(trace, ioc), rawca.Circuit("127.0.0.1", ioc.tcp) as circuit:
        for name in dict.fromkeys(names):
            try:
                channel = circuit.create(name)
            except KeyError:
                continue
            types = {channel.native + 28, channel.native + 14, 37, 38}
            if channel.native == 3:
                types |= {34}  # limits, which CTRL_ENUM has not
            if name.endswith("$"):
                types = {channel.native + 14}  # with other types a text has another length: that is another value
            for type in sorted(types):
                circuit.read(channel, type, type > 36)
    return trace


def test_the_replay_of_an_ioc_does_not_differ_in_what_its_recording_holds(recording, tmp_path):
    for patterns, has_puts in ((RECORDED, False), (RECORDED_PUTS, True)):
        folder = tmp_path / str(has_puts)
        folder.mkdir()
        for path in {path for pattern in patterns for path in DIALOGUES.glob(pattern + ".dlg")}:
            if bool(re.search("WRITE|PUT_ACK", path.read_text())) == has_puts:
                (folder / path.name).symlink_to(path)
        result = validate("--ioc", DB, "--server", f"replay:{recording}", "--dialogues", folder)
        assert result.returncode == 0, result.stdout
        assert "differences 0, accepted 0" in result.stdout and int(result.stdout.split()[0]) >= (10 if has_puts else 60)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_reads_of_the_replay_do_not_differ_either(recording, seed):
    result = validate("--ioc", DB, "--server", f"replay:{recording}", "--random", 1500, "--seed", seed)
    assert result.returncode == 0, result.stdout
    assert "differences 0" in result.stdout and "statements not kept 0" in result.stdout


@pytest.mark.parametrize("database, folder, env", [
    (DB, "array-limit", {"EPICS_CA_AUTO_ARRAY_BYTES": "NO", "EPICS_CA_MAX_ARRAY_BYTES": "100000"}),
    (SLOW_PUTS, "slow-puts", {}),
])
def test_dialogues_that_need_servers_of_their_own_do_not_differ(database, folder, env):
    result = validate("--ioc", database, "--sim", "--dialogues", DIALOGUES / folder, env=env)
    assert result.returncode == 0, result.stdout
    assert "differences 0, accepted 0" in result.stdout and "skipped" not in result.stdout


def test_rights_change_at_a_real_ioc_as_the_dialogues_state():
    with cahelp.server("ioc", SECURITY[0], "--access-security", SECURITY[1]) as ioc:
        result = validate("--server", f"127.0.0.1:{ioc.udp}", "--dialogues", DIALOGUES / "security")
    assert result.returncode == 0, result.stdout
    assert "statements not kept 0" in result.stdout and "skipped" not in result.stdout


@pytest.mark.parametrize("command", [("ioc", SLOW_PUTS), ("sim", SLOW_PUTS, "--latency", "put-callback=200ms")])
def test_what_stands_behind_a_second_put_of_a_channel_waits_for_the_first(command):
    """The order of lanes, which `caplay validate` does not compare."""
    with cahelp.server(*command) as server, rawca.Circuit("127.0.0.1", server.tcp) as circuit:
        sid = circuit.create("slow:a.A").sid
        put = [rawca.message(rawca.WRITE_NOTIFY, 6, 1, sid, ioid, bytes(8)) for ioid in (101, 102)]
        read = [rawca.message(rawca.READ_NOTIFY, 6, 1, sid, ioid) for ioid in (103, 104)]
        circuit.send(put[0] + read[0] + put[1] + read[1])
        order = [circuit.receive().p2 for _ in range(4)]
    assert order.index(101) < order.index(104) and order.index(103) < order.index(104) and order.index(101) < order.index(102)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_requests_do_not_differ_either(seed):
    result = validate("--ioc", DB, "--sim", "--random", 3000, "--seed", seed)
    assert result.returncode == 0, result.stdout
    assert "differences 0" in result.stdout and "statements not kept 0" in result.stdout


def test_a_seed_gives_the_same_requests_every_time(database):
    results = [validate("--server", f"ioc:{database}", "--random", 200, "--seed", 5) for _ in range(2)]
    assert results[0].stdout == results[1].stdout and results[0].returncode == 0


def test_a_server_that_differs_is_found_and_both_sides_are_shown(database, tmp_path):
    dialogue = tmp_path / "read.dlg"
    dialogue.write_text('# A value.\nneeds "a"\n> VERSION minor=13\n> CREATE_CHAN cid=1 minor=13 "a"\n'
                        '< VERSION\n< ACCESS_RIGHTS\n< CREATE_CHAN\n> READ_NOTIFY type=LONG count=1 sid=@1 ioid=9\n')
    with cahelp.server("ioc", database) as ioc, Meddler(ioc, lambda data: data.replace(b"\0\0\4\xd2", b"\0\0\4\xd3")) as other:
        result = validate("--server", f"127.0.0.1:{ioc.udp}", "--server", f"127.0.0.1:{other.port}", "--dialogues", dialogue)
    assert result.returncode == 1
    assert "DIFFERENCE read line 8: READ_NOTIFY value" in result.stdout
    assert "> READ_NOTIFY type=LONG count=1 sid=@1 ioid=9" in result.stdout
    assert "status=NORMAL ioid=9 size=8 value=[1234]" in result.stdout and "value=[1235]" in result.stdout
    assert "000f0008 00050001 00000001 00000009 000004d2 00000000" in result.stdout
    assert "differences 1, accepted 0" in result.stdout


def test_an_accepted_difference_is_counted_with_its_reason(database, tmp_path):
    dialogue, accepted = tmp_path / "read.dlg", tmp_path / "accepted.txt"
    dialogue.write_text('needs "a"\n> VERSION minor=13\n> CREATE_CHAN cid=1 minor=13 "a"\n\n'
                        '> READ_NOTIFY type=LONG count=1 sid=@1 ioid=9\n')
    accepted.write_text("# reviewed\nREAD_NOTIFY value read: it counts differently\n")
    with cahelp.server("ioc", database) as ioc, Meddler(ioc, lambda data: data.replace(b"\0\0\4\xd2", b"\0\0\4\xd3")) as other:
        result = validate("--server", f"127.0.0.1:{ioc.udp}", "--server", f"127.0.0.1:{other.port}", "--dialogues", dialogue,
                          "--accept", accepted)
    assert result.returncode == 0, result.stdout
    assert "differences 0, accepted 1" in result.stdout
    assert "READ_NOTIFY value in read: it counts differently" in result.stdout


def test_a_random_difference_is_shrunk_and_printed_as_a_dialogue(database, tmp_path):
    """`mm` is cut from units of one server: a difference that only some requests show."""
    with_units = tmp_path / "units.db"
    with_units.write_text(MINI.replace('"2")', '"2") field(EGU, "mm")'))
    database.write_text(MINI.replace('"2")', '"2") field(EGU, "in")'))
    result = validate("--server", f"ioc:{with_units}", "--server", f"ioc:{database}", "--random", 120, "--seed", 6)
    assert result.returncode == 1
    shortest = re.search(r"---- the shortest dialogue with this fault \(([^)\n]*)\) ----\n(.*?)----\n", result.stdout, re.S)
    assert shortest, result.stdout
    requests = [line for line in shortest[2].splitlines() if ">" in line]
    assert len(requests) <= 4, shortest[2]
    again = tmp_path / "again.dlg"
    again.write_text(shortest[2])
    result = validate("--server", f"ioc:{with_units}", "--server", f"ioc:{database}", "--dialogues", again)
    assert result.returncode == 1 and shortest[1] in result.stdout


def test_a_statement_that_a_server_does_not_keep_is_shown(database, tmp_path):
    dialogue = tmp_path / "wrong.dlg"
    dialogue.write_text('> VERSION minor=13\n< VERSION minor=12\n')
    result = validate("--ioc", database, "--dialogues", dialogue)
    assert result.returncode == 1
    assert f"NOT AS STATED wrong line 2 by ioc:{database}" in result.stdout
    assert "stated: VERSION minor=12" in result.stdout and "came: VERSION minor=13" in result.stdout


def test_a_dialogue_about_pvs_that_are_not_there_is_skipped(database, tmp_path):
    (tmp_path / "one.dlg").write_text('needs "nowhere"\n> VERSION minor=13\n')
    (tmp_path / "two.dlg").write_text('> VERSION minor=13\n')
    result = validate("--ioc", database, "--dialogues", tmp_path)
    assert result.returncode == 0
    assert "1 dialogues run" in result.stdout and "1 dialogues skipped" in result.stdout


@pytest.mark.parametrize("text, line, says", [
    ("> NOSUCH\n", 1, "'NOSUCH' is no command"),
    ("> ECHO\n> ECHO what=5\n", 2, "ECHO has no field 'what'"),
    ("> READ_NOTIFY type=NUMBER\n", 1, "a number from 0 to 65535"),
    ('> ECHO "open\n', 1, "an open quote"),
    ("> ECHO payload=0g\n", 1, "hex digits"),
    ("> WRITE type=LONG value=[1 x]\n", 1, "a number expected"),
    ("# title\n< VERSION\n", 2, "a reply before the first request"),
    ("X> ECHO\n", 1, "a circuit from A to H"),
    ("> ECHO\nunfencd\n", 2, "'unfencd'"),
    ("> READ_NOTIFY sid=@x\n", 1, "@CID"),
    ("> 0* ECHO\n", 1, "a row of"),
])
def test_a_mistake_in_a_dialogue_is_named_with_its_line(database, tmp_path, text, line, says):
    dialogue = tmp_path / "bad.dlg"
    dialogue.write_text(text)
    result = validate("--ioc", database, "--dialogues", dialogue)
    assert result.returncode == 2
    assert f"bad.dlg line {line}: " in result.stderr and says in result.stderr


@pytest.mark.parametrize("text, says", [("READ value\n", "line 1"), ("# fine\nREAD * x: reason\n", "line 2"), ("READ value x:\n", "line 1")])
def test_a_mistake_in_the_accepted_list_is_named_with_its_line(database, tmp_path, text, says):
    accepted = tmp_path / "accepted.txt"
    accepted.write_text(text)
    result = validate("--ioc", database, "--accept", accepted)
    assert result.returncode == 2 and says in result.stderr


@pytest.mark.parametrize("args, says", [
    ([], "no server"),
    (["--server", "nonsense"], "'nonsense' is no server"),
    (["--sim"], "--sim needs a database"),
    (["--server", "127.0.0.1:1", "--server", "127.0.0.1:2", "--server", "127.0.0.1:3"], "more than 2 servers"),
    (["--server", "127.0.0.1:1", "--random", "5"], "must have a database"),
    (["--ioc", "nowhere.db"], "nowhere.db"),
])
def test_wrong_arguments_are_explained(args, says):
    result = validate(*args)
    assert result.returncode == 2 and says in result.stderr


def test_a_server_that_is_not_there_is_an_error_of_the_environment(tmp_path):
    dialogue = tmp_path / "echo.dlg"
    dialogue.write_text("> VERSION minor=13\n")
    result = validate("--server", f"127.0.0.1:{cahelp.free_port()}", "--dialogues", dialogue)
    assert result.returncode == 5 and "cannot connect" in result.stderr
