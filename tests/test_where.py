"""Where a server listens, whom it ignores and where its beacons go: EPICS's variables, to a real IOC and to the fake server alike.
Addresses of 127.x.x.x stand for hosts and interfaces."""
import contextlib
import os
import select
import socket
import subprocess

import cahelp
import pytest
import rawca

PV = "ten-thousand:00000"
MINI = 'record(ai, "%s") { field(VAL, "0.5") }\n' % PV
RSRV_IS_UP = 13


def udp_socket(address, port=0):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    made.settimeout(20)
    return made


class Served:
    """A server with all variables set, and the sockets that its beacons go to."""

    def __init__(self, command, stack):
        port, beacon_port = cahelp.free_port(), cahelp.free_port()
        self.automatic = stack.enter_context(udp_socket("127.0.0.1", beacon_port))
        self.listed = stack.enter_context(udp_socket("127.0.0.1"))
        self.listed_without_port = stack.enter_context(udp_socket("127.0.0.2", beacon_port))
        env = {"EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1 127.0.0.2:1234", "EPICS_CAS_SERVER_PORT": str(port),
               "EPICS_CA_SERVER_PORT": "5001", "EPICS_CAS_IGNORE_ADDR_LIST": "127.0.0.3 127.0.0.4:77",
               "EPICS_CAS_BEACON_PORT": str(beacon_port), "EPICS_CA_REPEATER_PORT": str(cahelp.free_port()),
               "EPICS_CAS_BEACON_ADDR_LIST": f"127.0.0.1:{self.listed.getsockname()[1]} 127.0.0.2", "EPICS_CAS_BEACON_PERIOD": "0.04"}
        self.process = subprocess.Popen([*map(str, command)], env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL, text=True)
        stack.callback(self.process.wait)
        stack.callback(self.process.kill)
        assert self.process.stdout.readline() == f"ready udp={port} tcp={port}\n"
        self.port = port


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    database = tmp_path_factory.mktemp("where") / "mini.db"
    database.write_text(MINI)
    with contextlib.ExitStack() as stack:
        yield {"ioc": Served([cahelp.BUILD / "libexec" / "caplay-ioc", database], stack),
               "sim": Served([cahelp.CAPLAY, "sim", "ten-thousand", "--count", "1"], stack)}


@pytest.fixture(params=["ioc", "sim"])
def served(request, servers):
    return servers[request.param]


def search(server, from_address, to_address, cid):
    asking = udp_socket(from_address)
    asking.sendto(rawca.message(0, 1, 13, 1) + rawca.message(rawca.SEARCH, 5, 13, cid, cid, PV.encode() + b"\0"), (to_address, server.port))
    return asking


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_each_interface_answers_searches_from_its_own_address(served, address):
    with search(served, "127.0.0.1", address, 5) as asking:
        reply, source = asking.recvfrom(1024)
    assert source == (address, served.port)
    assert reply.hex() == f"000000000001000d000000010000000000060008{served.port:04x}0000ffffffff00000005000d000000000000"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_each_interface_takes_circuits_on_the_same_port(served, address):
    with rawca.Circuit(address, served.port) as circuit:
        assert circuit.create(PV).native == 6


def test_nothing_listens_elsewhere(served):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.5", served.port))


@pytest.mark.parametrize("address", ["127.0.0.3", "127.0.0.4"])
def test_searches_of_ignored_hosts_are_not_answered(served, address):
    with search(served, address, "127.0.0.1", 6) as ignored, search(served, "127.0.0.1", "127.0.0.1", 7) as other:
        assert other.recv(1024)[16 + 12:32].hex() == "00000007"
        assert not select.select([ignored], [], [], 0)[0]


def test_circuits_of_ignored_hosts_are_served(served):
    with socket.create_connection(("127.0.0.1", served.port), source_address=("127.0.0.3", 0)) as ignored:
        ignored.settimeout(20)
        assert ignored.recv(16)[:8].hex() == "000000000000000d"


def test_beacons_go_to_the_interfaces_and_to_the_list_with_the_real_numbers(servers):
    said = {}
    for kind, server in servers.items():
        places = (server.automatic, server.listed, server.listed_without_port)
        beacons = [[place.recv(100) for _ in range(8)] for place in places]
        assert beacons[0] == beacons[1] == beacons[2]
        assert {b[6:8] for b in beacons[0]} == {server.port.to_bytes(2, "big")}
        said[kind] = [b[:6] + b[8:] for b in beacons[0]]
    assert said["sim"] == said["ioc"]


def test_the_interfaces_get_no_beacons_where_the_automatic_list_is_off():
    with udp_socket("127.0.0.1") as automatic, udp_socket("127.0.0.1") as listed:
        env = {"EPICS_CA_REPEATER_PORT": str(automatic.getsockname()[1]), "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
               "EPICS_CAS_BEACON_ADDR_LIST": f"127.0.0.1:{listed.getsockname()[1]}"}
        with cahelp.server("sim", "ten-thousand", "--count", "1", env=env):
            assert listed.recv(100)[1] == RSRV_IS_UP and listed.recv(100)[1] == RSRV_IS_UP
            assert not select.select([automatic], [], [], 0)[0]


def test_a_wrong_host_among_those_of_beacons_is_told_and_left_out():
    with udp_socket("127.0.0.1") as listed:
        env = {"EPICS_CAS_BEACON_ADDR_LIST": f"256.0.0.1 127.0.0.1:{listed.getsockname()[1]}"}
        with cahelp.server("sim", "ten-thousand", "--count", "1", env=env) as server:
            assert listed.recv(100)[1] == RSRV_IS_UP
        assert "EPICS_CAS_BEACON_ADDR_LIST: '256.0.0.1' is no IPv4 address" in server.stderr()


@pytest.mark.parametrize("option, env, says", [
    (["--interface", "0.0.0.0 127.0.0.1"], {}, "--interface: '0.0.0.0 127.0.0.1': 0.0.0.0 is all interfaces, and stands alone"),
    (["--interface", "127.0.0.1 nonsense:x"], {}, "--interface: 'nonsense:x' is no IPv4 address"),
    ([], {"EPICS_CAS_INTF_ADDR_LIST": "127.0.0.256"}, "EPICS_CAS_INTF_ADDR_LIST: '127.0.0.256' is no IPv4 address"),
])
def test_a_wrong_interface_is_named_with_where_it_stands(option, env, says):
    done = cahelp.caplay("sim", "ten-thousand", "--count", "1", "--port", "0", *option, "--", "true", env=env)
    assert done.returncode == 2 and says in done.stderr
