"""The same traffic of a real IOC recorded three ways, live, from packets, and by a proxy without privileges; and its export as others
read it: tshark follows each stream, caproto's parser finds the messages that we have."""
import json
import os
import shutil
import struct
import subprocess

import cahelp
import capturing
import pytest
import tracefile
from capturing import capture, compile_file, conversation, dump, needs_capture

caproto = pytest.importorskip("caproto")
commands = pytest.importorskip("caproto._commands")
pytest.importorskip("epics")

GOOD = 0

DATABASE = """
record(ai, "ways:analog") { field(VAL, "1.5") field(EGU, "mm") field(PREC, "3") field(PINI, "YES") }
record(mbbo, "ways:states") { field(ZRST, "off") field(ONST, "on") field(ONVL, "1") field(VAL, "1") field(PINI, "YES") }
record(ai, "ways:count") { field(HOPR, "1000") field(TSE, "-2") info(caplay:count, "20Hz") }
record(waveform, "ways:image") { field(FTVL, "SHORT") field(NELM, "307200") field(TSE, "-2") info(caplay:frames, "10Hz") }
"""

JOBS = [("libca", {"task": "monitor", "name": "ways:image", "seconds": 0.5, "warmup_s": 0, "timeout_s": 30}),
        ("pyepics", {"task": "watch", "names": ["ways:count"], "seconds": 0.5, "timeout_s": 30}),
        ("caproto", {"task": "read", "names": ["ways:analog", "ways:states"], "timeout_s": 30})]


@pytest.fixture(scope="module", autouse=True)
def own_network():
    return capturing.own_network()


class recording:
    """Clients talk to the IOC through a proxy; what passes between the proxy and the IOC is captured."""

    def __init__(self, folder):
        self.live, self.packets, self.proxy = folder / "live.catrace", folder / "packets.pcapng", folder / "proxy.catrace"
        database = folder / "ways.db"
        database.write_text(DATABASE)
        with cahelp.server("ioc", database) as ioc:
            condition = f"port {ioc.udp} or port {ioc.tcp}"
            with capture("-i", "lo", "-w", self.live, condition) as live, capture("-i", "lo", "-w", self.packets, condition) as packets:
                with self.start_proxy(ioc) as proxy:
                    answers = [cahelp.finish_job(process) for process in [cahelp.start_job(*job, proxy.env) for job in JOBS]]
                    assert proxy.stop() == GOOD
                assert [live.stop(), packets.stop()] == [GOOD, GOOD]
        assert all(answer["ok"] for answer in answers), answers

    def start_proxy(self, ioc):
        """As a user who may do nothing, where the test may do everything."""
        words = ["proxy", "--to", f"127.0.0.1:{ioc.udp}", "-w", self.proxy]
        return cahelp.server(*words, preexec_fn=drop_rights if os.geteuid() == 0 else None)


def drop_rights():
    """No capability in this process and in what it becomes: PR_CAPBSET_DROP of each, then they are gone with exec."""
    libc = capturing.ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    if not capturing.can_capture():
        pytest.skip("no permission to capture")
    return recording(tmp_path_factory.mktemp("ways"))


def pvs(trace):
    """Name: native type, count and rights."""
    lines = [line.split()[1:5] for line in cahelp.caplay("info", "--pvs", 0, trace).stdout.splitlines() if line.startswith("pv ")]
    return {name: facts for name, *facts in lines if not facts[0].startswith("-")}


def values(rows):
    """PV: its values in order, those that were read and the updates apart, each with alarm and stamp."""
    told = {}
    for row in rows:
        if row["from"] == "server" and "value" in row:
            facts = [row[k] for k in ("type", "value", "elements", "severity", "alarm", "seconds", "nanoseconds") if k in row]
            told.setdefault((row["pv"], row["command"]), []).append(facts)
    return told


def circuits(rows):
    """What both sides of each TCP circuit said, as sorted text."""
    tcp = {row["circuit"] for row in rows if row["command"] == "CREATE_CHAN"}
    return sorted(json.dumps(said) for said in conversation([row for row in rows if row["circuit"] in tcp]).values())


@needs_capture
def test_live_packets_and_proxy_give_the_same_pvs_values_and_updates(recorded, tmp_path):
    compiled, said = compile_file(recorded.packets, tmp_path / "packets.catrace")
    live, proxied = dump(recorded.live), dump(recorded.proxy)
    assert pvs(recorded.live) == pvs(tmp_path / "packets.catrace") == pvs(recorded.proxy)
    assert len(pvs(recorded.live)) == 4
    assert values(live) == values(compiled) == values(proxied), said
    assert len(values(live)["ways:count", "EVENT_ADD"]) >= 5 and values(live)["ways:image", "EVENT_ADD"]
    assert circuits(live) == circuits(compiled) == circuits(proxied)


# ---- the export, as others read it ----


def messages_of(trace):
    """(client's port, from the server?): its messages as (command, size, type, count, p1, p2, payload)."""
    sides = {}
    for event in tracefile.read(trace):
        side = (event.circuit, bool(event.flags & tracefile.FROM_SERVER))
        message = (event.command, event.size, event.type, event.count, event.p1, event.p2)
        sides.setdefault(side, []).append((message, event.payload))
    return sides


def streams_of(pcap):
    """(client, server): the bytes that one socket sent to the other, in packets that come in order (Ethernet, no options)."""
    data, at, streams = pcap.read_bytes(), 24, {}
    while at < len(data):
        captured = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16:at + 16 + captured]
        at += 16 + captured
        if packet[23] == 6:
            ports, begin = struct.unpack_from(">HH", packet, 34), 34 + (packet[46] >> 4) * 4
            end = 14 + struct.unpack_from(">H", packet, 16)[0]
            streams.setdefault(ports, bytearray()).extend(packet[begin:end])
    return streams


def parse(stream, role):
    """caproto's list of messages: headers, and how many bytes were left."""
    headers = []
    data = memoryview(stream)
    while len(data):
        rest, command, needed = commands.read_from_bytestream(data, role)
        assert needed == 0, (len(headers), len(data))
        h = command.header
        headers.append((h.command, h.payload_size, h.data_type, h.data_count, h.parameter1, h.parameter2))
        data = rest
    return headers


def exported(recorded, path):
    assert cahelp.caplay("export", recorded.live, "-o", path).returncode == GOOD
    return path


CREATE_CHAN = 18


@needs_capture
def test_caproto_finds_the_same_messages_in_an_export(recorded, tmp_path):
    streams = streams_of(exported(recorded, tmp_path / "x.pcap"))
    ours = messages_of(recorded.live)
    sides = [side for side, said in ours.items() if any(message[0] == CREATE_CHAN for message, _ in said)]
    server = next(port for port in next(iter(streams)) if all(port in ports for ports in streams))
    found = [(ports[0] == server, parse(stream, caproto.SERVER if ports[0] == server else caproto.CLIENT)) for ports, stream in streams.items()]
    found = [(side, said) for side, said in found if any(message[0] == CREATE_CHAN for message in said)]
    assert len(found) == 2 * len(JOBS)
    assert sorted(found) == sorted((side[1], [message for message, _ in ours[side]]) for side in sides)
    wire = [b"".join(packed(message) for message in ours[side]) for side in sides]
    assert sorted(wire) == sorted(bytes(stream) for stream in streams.values() if bytes(stream) in wire)


def packed(message):
    """A message as on the wire, its header in the longer form where it must be."""
    (command, size, type_, count, p1, p2), payload = message
    if size >= 0xFFFF or count > 0xFFFF:
        return struct.pack(">HHHHIIII", command, 0xFFFF, type_, 0, p1, p2, size, count) + payload
    return struct.pack(">HHHHII", command, size, type_, count, p1, p2) + payload


@needs_capture
@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_tshark_follows_each_stream_of_an_export(recorded, tmp_path, suffix):
    packets = exported(recorded, tmp_path / f"x.{suffix}")
    streams = streams_of(exported(recorded, tmp_path / "same.pcap"))
    n = len(streams) // 2
    follow = [word for i in range(n) for word in ("-z", f"follow,tcp,raw,{i}")]
    done = subprocess.run(["tshark", "-q", "-r", packets, *capturing.AS_DATA, *follow], capture_output=True, text=True, timeout=60)
    warnings = [line for line in done.stderr.splitlines() if not line.startswith("Running as user")]
    assert done.returncode == 0 and warnings == [], done.stderr
    followed = []
    for part in done.stdout.split("Node 1: ")[1:]:
        lines = [line for line in part.split("=====")[0].split("\n")[1:] if line]
        for indented in (False, True):
            text = "".join(line.strip() for line in lines if line.startswith("\t") == indented)
            followed.append(bytes.fromhex(text))
    assert sorted(followed) == sorted(bytes(stream) for stream in streams.values())
