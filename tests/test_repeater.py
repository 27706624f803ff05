"""A repeater where none runs: `caplay sim`, `replay` and `ioc` hand beacons on to the clients of this machine, byte for byte as
libca's own repeater does, and no client complains that there is none."""
import contextlib
import os
import select
import socket
import subprocess
import sys

import cahelp
import pytest

CONFIRM, RSRV_IS_UP = 17, 13
REGISTER = bytes.fromhex("0018" + 28 * "0")
BEACON = bytes.fromhex("000d0000000d13c80000000700000000")
FOREIGN_BEACON = bytes.fromhex("000d0000000d13c8000000070a000063")
DATAGRAMS = (BEACON, FOREIGN_BEACON, BEACON + BEACON, b"\x00", b"\xff" * 15, b"\xff" * 16, bytes(2000), BEACON + b"x")
SIM = ("sim", "ten-thousand", "--count", "3")
MINI = 'record(ai, "T:AI") { field(VAL, "1.5") }\n'
PYEPICS = "import epics; value = epics.caget('{}', timeout=20); assert value is not None, 'no value'"


class Client:
    """A UDP socket that a repeater may know."""

    def __init__(self, port, address="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.settimeout(20)
        self.port = port

    def say(self, payload):
        self.socket.sendto(payload, ("127.0.0.1", self.port))

    def hear(self):
        return self.socket.recv(65536)

    def hear_command(self, command):
        while (heard := self.hear())[:2] != command.to_bytes(2, "big"):
            pass
        return heard

    def register(self):
        self.say(b"")
        self.hear_command(CONFIRM)


@contextlib.contextmanager
def clients(port, *addresses):
    made = [Client(port, address) for address in addresses]
    try:
        yield made
    finally:
        for client in made:
            client.socket.close()


@contextlib.contextmanager
def libcas():
    """libca's repeater: its port."""
    port = cahelp.free_port()
    process = subprocess.Popen([cahelp.LIBCA, "--repeater"], env=os.environ | {"EPICS_CA_REPEATER_PORT": str(port)},
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == f"ready udp={port}\n"
    try:
        yield port
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def ours():
    """Ours: its port. The server's own beacons go elsewhere."""
    port = cahelp.free_port()
    env = {"EPICS_CA_REPEATER_PORT": str(port), "EPICS_CAS_BEACON_PORT": str(cahelp.free_port())}
    with cahelp.server(*SIM, env=env):
        yield port


def dialogue(port):
    """What clients hear in the same steps, each in its order."""
    heard = []
    with clients(port, "127.0.0.1", "127.0.0.1", "0.0.0.0", "127.0.0.1") as (a, b, c, stranger):
        a.say(b"")
        heard.append(("a registers", a.hear()))
        b.say(REGISTER)
        heard.append(("b registers", b.hear(), a.hear()))
        b.say(REGISTER)
        heard.append(("b again", b.hear(), a.hear()))
        c.say(REGISTER + BEACON)
        heard.append(("c, with a beacon behind", c.hear(), [a.hear() for _ in range(2)], [b.hear() for _ in range(2)]))
        for payload in DATAGRAMS:
            stranger.say(payload)
            heard.append((payload, [each.hear() for each in (a, b, c)]))
        a.say(BEACON)
        heard.append(("a's own beacon", b.hear(), c.hear()))
        a.register()
        heard.append(("nothing else came before", b.hear(), c.hear()))
    return heard


def test_it_does_with_the_same_bytes_what_libca_s_repeater_does():
    with libcas() as port:
        expected = dialogue(port)
    with ours() as port:
        assert dialogue(port) == expected
    assert expected[0][1].hex() == "0011000000000000000000007f000001"


@pytest.mark.parametrize("repeater", [libcas, ours])
def test_a_client_that_is_gone_is_forgotten(repeater):
    with repeater() as port, clients(port, "127.0.0.1", "127.0.0.1") as (a, b):
        a.register()
        b.register()
        gone_port = a.socket.getsockname()[1]
        a.socket.close()
        b.register()  # which notices it
        b.register()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heir:  # who takes the port then is no client
            heir.bind(("127.0.0.1", gone_port))
            b.register()
            assert not select.select([heir], [], [], 0)[0]


def commands(tmp_path):
    """Each kind of server and a PV of it."""
    database, trace = tmp_path / "mini.db", tmp_path / "session.catrace"
    database.write_text(MINI)
    subprocess.run([cahelp.BUILD / "tests" / "session_tool", trace], check=True)
    return {"sim": (*SIM, "ten-thousand:00001"), "ioc": ("ioc", database, "T:AI"), "replay": ("replay", trace, "--allow-incomplete", "SIM:AI")}


@pytest.mark.parametrize("kind", ["sim", "replay", "ioc"])
@pytest.mark.parametrize("client", ["libca", "pyepics"])
def test_no_client_complains_that_there_is_no_repeater(kind, client, tmp_path):
    *server, pv = commands(tmp_path)[kind]
    env = {"EPICS_CA_REPEATER_PORT": str(cahelp.free_port())}
    job = tmp_path / "job.json"
    job.write_text('{"task": "connect", "names": ["%s"], "gets": 1}' % pv)
    command = [sys.executable, "-c", PYEPICS.format(pv)] if client == "pyepics" else [cahelp.LIBCA, job]
    done = cahelp.caplay(*server, "--port", "0", "--", *command, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epeater" not in done.stderr


@pytest.mark.parametrize("kind", ["sim", "replay", "ioc"])
def test_beacons_reach_clients_with_the_server_s_address_in_them(kind, tmp_path):
    *command, _ = commands(tmp_path)[kind]
    port = cahelp.free_port()
    with cahelp.server(*command, env={"EPICS_CA_REPEATER_PORT": str(port), "EPICS_CAS_BEACON_PERIOD": "0.1"}) as server:
        with clients(port, "127.0.0.1") as (a,):
            a.register()
            beacons = [a.hear_command(RSRV_IS_UP) for _ in range(4)][1:]  # two bear the first number
    first = int.from_bytes(beacons[0][8:12], "big")
    expected = [f"000d0000000d{server.tcp:04x}{first + i:08x}7f000001" for i in range(3)]
    assert [b.hex() for b in beacons] == expected


def test_where_a_repeater_runs_a_server_leaves_it_alone():
    with libcas() as port, cahelp.server(*SIM, env={"EPICS_CA_REPEATER_PORT": str(port)}) as server:
        with clients(port, "127.0.0.1") as (a,):
            a.register()
            assert a.hear_command(RSRV_IS_UP)[6:8] == server.tcp.to_bytes(2, "big")
        assert server.stop() == 0 and "epeater" not in server.stderr()


def test_another_server_becomes_the_repeater_when_the_first_ends():
    env = {"EPICS_CA_REPEATER_PORT": str(cahelp.free_port())}
    with cahelp.server(*SIM, env=env) as first, cahelp.server(*SIM, env=env):
        assert first.stop() == 0
        with clients(int(env["EPICS_CA_REPEATER_PORT"]), "127.0.0.1") as (a,):
            a.socket.settimeout(0.2)
            for _ in range(300):
                a.say(b"")
                with contextlib.suppress(TimeoutError):
                    assert a.hear()[1] == CONFIRM
                    return
    raise AssertionError("no repeater in a minute")
