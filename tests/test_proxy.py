"""caplay proxy before a real IOC: clients find and use its PVs, what they said and heard is in the trace, and the trace replays."""
import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import urllib.request

import cahelp
import pytest
import rawca

GOOD, USAGE, ENVIRONMENT = 0, 2, 5

DATABASE = """
record(ai, "proxy:analog") { field(VAL, "1.5") field(EGU, "mm") field(PREC, "3") field(PINI, "YES") }
record(ao, "proxy:put") { field(PREC, "3") }
record(ai, "proxy:count") { field(HOPR, "1000") field(TSE, "-2") info(caplay:count, "20Hz") }
record(waveform, "proxy:image") { field(FTVL, "SHORT") field(NELM, "307200") field(TSE, "-2") info(caplay:frames, "10Hz") }
"""


@pytest.fixture(scope="module")
def ioc(tmp_path_factory):
    database = tmp_path_factory.mktemp("ioc") / "proxy.db"
    database.write_text(DATABASE)
    with cahelp.server("ioc", database) as server:
        yield server


def proxy(ioc, *args, **more):
    return cahelp.server("proxy", "--to", f"127.0.0.1:{ioc.udp}", *args, **more)


def dump(trace):
    done = cahelp.caplay("dump", "--format", "jsonl", trace)
    assert done.returncode == GOOD, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_clients_work_through_it_and_what_they_saw_is_recorded_and_replays(ioc, tmp_path):
    trace = tmp_path / "proxy.catrace"
    jobs = [("libca", {"task": "monitor", "name": "proxy:image", "seconds": 1, "warmup_s": 0, "timeout_s": 30}),
            ("pyepics", {"task": "watch", "names": ["proxy:count"], "seconds": 1, "timeout_s": 30}),
            ("caproto", {"task": "read", "names": ["proxy:analog", "proxy:count"], "timeout_s": 30})]
    with proxy(ioc, "-w", trace) as server:
        answers = [cahelp.finish_job(process) for process in [cahelp.start_job(client, job, server.env) for client, job in jobs]]
        assert server.stop() == GOOD
    assert all(answer["ok"] for answer in answers), answers
    rows = dump(trace)
    counted = [(row["seconds"], row["nanoseconds"], row["value"][0]) for row in rows
               if row["pv"] == "proxy:count" and row["command"] == "EVENT_ADD" and row["from"] == "server" and row["size"]]
    seen = [tuple(update[:3]) for update in answers[1]["updates"]["proxy:count"]]
    assert len(seen) >= 5 and set(seen) <= set(counted)
    images = [row for row in rows if row["pv"] == "proxy:image" and row["command"] == "EVENT_ADD" and row["size"] >= 614400]
    assert len(images) >= 5
    assert {row["pv"] for row in rows if row["command"] == "SEARCH" and row["from"] == "server"} == {"proxy:analog", "proxy:count", "proxy:image"}
    info = cahelp.caplay("info", trace).stdout
    assert re.search(rf"source .*proxy.*127\.0\.0\.1:{ioc.udp}\b", info), info
    with cahelp.server("replay", trace) as replay:
        again = cahelp.run_job("caproto", jobs[2][1], replay.env)
    assert again["pvs"]["proxy:analog"]["value"] == answers[2]["pvs"]["proxy:analog"]["value"] == 1.5


def test_a_name_that_the_ioc_does_not_have_stays_unanswered_and_a_put_arrives(ioc):
    with proxy(ioc) as server:
        port = rawca.search("127.0.0.1", server.udp, "proxy:put")
        assert port == server.tcp
        circuit = rawca.Circuit("127.0.0.1", port)
        channel = circuit.create("proxy:put")
        assert circuit.write(channel, 0, 1, b"2.5".ljust(8, b"\0")) == 1
        assert circuit.read(channel, 0, 1)[2].split(b"\0")[0] == b"2.500"
        circuit.close()
        with pytest.raises(Exception):
            rawca.search("127.0.0.1", server.udp, "proxy:none", timeout_s=0.3)


def test_an_ioc_that_is_reached_by_tcp_only_is_searched_by_tcp(ioc):
    """A relay without datagrams stands between: what comes to its port goes on to the IOC's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        relay = subprocess.Popen(["python3", "-c", RELAY, str(listener.fileno()), str(ioc.tcp)], pass_fds=[listener.fileno()])
        try:
            with cahelp.server("proxy", "--to", f"127.0.0.1:{listener.getsockname()[1]}") as server:
                assert rawca.search("127.0.0.1", server.udp, "proxy:analog") == server.tcp
        finally:
            relay.kill()
            relay.wait()


RELAY = """
import selectors, socket, sys
select, listener, peer = selectors.DefaultSelector(), socket.socket(fileno=int(sys.argv[1])), {}
select.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in select.select():
        if key.fileobj is listener:
            a, b = listener.accept()[0], socket.create_connection(("127.0.0.1", int(sys.argv[2])))
            peer[a], peer[b] = b, a
            for each in (a, b):
                select.register(each, selectors.EVENT_READ)
            continue
        data = key.fileobj.recv(65536)
        if data:
            peer[key.fileobj].sendall(data)
        else:
            select.unregister(key.fileobj)
"""


def test_a_search_over_tcp_is_answered_with_the_proxy_s_own_port(ioc):
    with proxy(ioc) as server, socket.create_connection(("127.0.0.1", server.tcp), timeout=30) as s:
        s.sendall(rawca.message(rawca.VERSION, 0, 13) + rawca.message(rawca.SEARCH, 10, 13, 5, 5, b"proxy:analog\0"))
        data = b""
        while True:
            message, data = rawca.split(data)
            if message is None:
                more = s.recv(65536)
                assert more
                data += more
            elif message.command == rawca.SEARCH:
                break
        assert (message.type, message.p1, message.p2) == (server.tcp, 0xFFFFFFFF, 5)


def test_an_ioc_that_is_gone_and_comes_back_is_found_again(tmp_path):
    database = tmp_path / "proxy.db"
    database.write_text(DATABASE)
    first = cahelp.server("ioc", database)
    try:
        with proxy(first) as server:
            circuit = rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", server.udp, "proxy:analog"))
            circuit.create("proxy:analog")
            first.stop()
            with pytest.raises(Exception):
                while True:
                    circuit.read(circuit.create("proxy:analog"), 0, 1)
            with cahelp.server("ioc", database, port=first.udp):
                assert rawca.search("127.0.0.1", server.udp, "proxy:analog") == server.tcp
                again = rawca.Circuit("127.0.0.1", server.tcp)
                assert again.read(again.create("proxy:analog"), 0, 1)[2].split(b"\0")[0] == b"1.500"
                again.close()
    finally:
        first.kill()


def test_a_command_gets_the_environment_and_its_exit_code_comes_back(ioc, tmp_path):
    done = cahelp.caplay("proxy", "--to", f"127.0.0.1:{ioc.udp}", "--port", "0", "-w", tmp_path / "x.catrace", "--", "sh", "-c",
                         'test -n "$EPICS_CA_ADDR_LIST" && test "$EPICS_CA_AUTO_ADDR_LIST" = NO && exit 7')
    assert done.returncode == 7, done.stderr


def test_the_live_page_and_metrics_count_what_passes(ioc):
    with proxy(ioc, "--http", "0", "--status") as server:
        circuit = rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", server.udp, "proxy:analog"))
        circuit.create("proxy:analog")
        url = re.search(r"http://[\d.:]+/", server.stderr())[0]
        while "caplay_proxy_circuits 1\n" not in (text := urllib.request.urlopen(url + "metrics", timeout=30).read().decode()):
            pass
        assert re.search(r"caplay_proxy_answers_total [1-9]", text)
        assert b"<html" in urllib.request.urlopen(url, timeout=30).read()
        assert json.load(urllib.request.urlopen(url + "state", timeout=30))["counts"]["circuits"] == 1
        circuit.close()
        assert re.search(r"\d s \| 1 circuit \| ", server.stderr())


@pytest.mark.parametrize("options, code, words", [
    ("", USAGE, "--to HOST"),
    ("--to nowhere.invalid", USAGE, "nowhere.invalid"),
    ("--to 127.0.0.1:5064 --port 5064", USAGE, "is where the proxy itself would serve"),
    ("--to 127.0.0.1 --port 0 --interface x", USAGE, "--interface: 'x' is no IPv4 address"),
    ("--to 127.0.0.1 --port 0 -w /nowhere/x.catrace", ENVIRONMENT, "/nowhere/x.catrace"),
    ("--to 127.0.0.1 --port 0 --http x", USAGE, "x"),
])
def test_bad_input_is_one_clear_line(options, code, words):
    done = cahelp.caplay("proxy", *options.split())
    assert done.returncode == code, done.stderr
    assert re.fullmatch(f"caplay: .*{words}.*\n", done.stderr), done.stderr


def test_a_port_in_use_is_told(ioc):
    done = cahelp.caplay("proxy", "--to", "127.0.0.1:9", "--port", str(ioc.udp))
    assert done.returncode == ENVIRONMENT
    assert f"port {ioc.udp} at 127.0.0.1 cannot be used" in done.stderr


class many_iocs:
    """Answers each search as another IOC: the first four digits of the name are its TCP port. Nobody listens there."""

    def __init__(self):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        with contextlib.suppress(OSError):
            while True:
                data, peer = self.udp.recvfrom(65536)
                while True:
                    message, data = rawca.split(data)
                    if message is None:
                        break
                    if message.command == rawca.SEARCH and message.payload[:4].isdigit():
                        self.udp.sendto(rawca.message(rawca.SEARCH, int(message.payload[:4]), 0, 0xFFFFFFFF, message.p2, struct.pack(">H6x", 13)), peer)


def test_places_of_iocs_that_nobody_uses_are_taken_by_others():
    iocs = many_iocs()
    with cahelp.server("proxy", "--to", f"127.0.0.1:{iocs.udp.getsockname()[1]}") as server:
        ports = [rawca.search("127.0.0.1", server.udp, f"{port}:x") for port in range(6000, 6080)]
        assert len(set(ports[-60:])) == 60, "each has one of its own"
        assert rawca.search("127.0.0.1", server.udp, "6079:y") == ports[-1]


def test_a_client_that_is_reset_while_the_ioc_reads_nothing_is_gone_for_the_ioc_too():
    with cahelp.free_pair() as (udp, tcp):
        with cahelp.server("proxy", "--to", f"127.0.0.1:{udp.getsockname()[1]}") as server:
            client = socket.create_connection(("127.0.0.1", server.tcp), timeout=30)
            silent, _ = tcp.accept()
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                while True:
                    client.sendall(bytes(1 << 20))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            poll = select.poll()
            poll.register(silent, 0)
            assert poll.poll(30_000), "reset, within a second or two"
            silent.close()


def test_several_iocs_are_behind_one_proxy_each_with_a_port_of_its_own(ioc, tmp_path):
    database, trace = tmp_path / "other.db", tmp_path / "both.catrace"
    database.write_text('record(ai, "other:analog") { field(VAL, "7") field(PINI, "YES") }')
    with cahelp.server("ioc", database) as other:
        with cahelp.server("proxy", "--to", f"127.0.0.1:{ioc.udp} 127.0.0.1:{other.udp}", "-w", trace) as server:
            ports = {name: rawca.search("127.0.0.1", server.udp, name) for name in ("proxy:analog", "other:analog")}
            assert len(set(ports.values())) == 2
            for name, value in (("proxy:analog", b"1.5"), ("other:analog", b"7")):
                with rawca.Circuit("127.0.0.1", ports[name]) as circuit:
                    assert circuit.read(circuit.create(name), 0, 1)[2].startswith(value)
    assert {row["pv"] for row in dump(trace) if row["command"] == "READ_NOTIFY"} == set(ports)
