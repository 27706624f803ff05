#!/usr/bin/env python3
"""Make the seeds of the fuzz targets anew: fuzz/corpus/TARGET/*, small files of real traffic.

    fuzz/seeds.py BUILD

The written dialogues are spoken to `caplay sim` while `caplay capture` listens on lo (which needs the right to), and what went
over the wire becomes seeds: a client's bytes for the circuit, datagrams for the search, replies for the decoders, a short capture,
a short recording; and fuzz/records.yaml from the database beside it. The files are named by what is in them, so that a second
run that sees the same changes nothing."""
import hashlib
import json
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
MOST_BYTES = {"circuit": 30000, "message": 20000, "search": 10000, "dbr": 20000, "dialogue": 30000,
              "filter": 6000, "twin": 20000}  # of all seeds of a target
SEED_BYTES = 1500
TRACE_HEADER = 512
EVENT_ADD, EVENT_CANCEL, READ, WRITE, CLEAR_CHANNEL, READ_NOTIFY, CREATE_CHAN, WRITE_NOTIFY = 1, 2, 3, 4, 12, 15, 18, 19
NAME_A_SID = {EVENT_ADD, EVENT_CANCEL, READ, WRITE, CLEAR_CHANNEL, READ_NOTIFY, WRITE_NOTIFY}


def save(target, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)


def save_some(target, seeds):
    """As many as fit, chosen by their hash: any kind has its chance."""
    left = MOST_BYTES[target]
    for seed in sorted(set(seeds), key=lambda data: hashlib.sha1(data).digest()):
        if len(seed) <= left:
            save(target, seed)
            left -= len(seed)


def save_filters():
    """What stands behind the channels' names in the dialogues, and three posts."""
    posts = b"".join(struct.pack(">BBd", bits, 1, number) for bits, number in ((1, 1.5), (17, 7), (0, 7)))
    names = [name for dialogue in (ROOT / "tests" / "dialogues").glob("*.dlg")
             for name in re.findall(r'CREATE_CHAN .*?({.*})"', dialogue.read_text())]
    save_some("filter", [name.replace('\\"', '"').encode() + b"\0" + posts for name in names])


def kind_of(row):
    return row.get("command"), row.get("from"), row.get("type"), row.get("role"), row.get("loss"), "circuit" in row


def cut_twin(text):
    """A twin with each kind of its lines once, the requests that these answer, and the circuits."""
    rows = [(line, json.loads(line)) for line in text.splitlines(keepends=True)]
    first = {kind_of(row): (line, row) for line, row in reversed(rows)}
    asked = {row["peer"] for _, row in first.values() if "peer" in row}
    used = {line for line, row in rows if (line, row) in first.values() or row.get("id", -1) in asked}
    circuits = {json.loads(line).get("circuit") for line in used}
    return "".join(line for line, row in rows if line in used or ("command" not in row and row.get("circuit", -1) in circuits))


def save_twins():
    twins = [path.read_text() for path in sorted((ROOT / "traces" / "recorded").glob("*.jsonl"))]
    save_some("twin", [cut_twin(text).encode() for text in twins])


def record(build, folder, dialogues):
    """Speak the dialogues to a server of our own while its ports are captured: the capture's path, the server's TCP port."""
    capture = folder / "all.pcap"
    server = subprocess.Popen([build / "caplay", "sim", ROOT / "tests" / "db" / "all-types.db", "--port", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ports = dict(word.split("=") for word in server.stdout.readline().split()[1:])
    listener = subprocess.Popen([build / "caplay", "capture", "-i", "lo", "-w", capture,
                                 f"port {ports['udp']} or port {ports['tcp']}"], stderr=subprocess.PIPE, text=True)
    listener.stderr.readline()  # it listens
    try:
        subprocess.run([build / "caplay", "validate", "--server", f"127.0.0.1:{ports['udp']}", "--dialogues", dialogues],
                       stdout=subprocess.DEVNULL, check=False)
    finally:
        for process in (listener, server):
            process.send_signal(signal.SIGINT)
            process.communicate()
    return capture, int(ports["tcp"])


def killed(build, folder):
    """What a killed recording leaves: the length of its payload pool, the pool, the journal."""
    tap = folder / "tap.catrace"
    server = subprocess.Popen([build / "caplay", "sim", ROOT / "tests" / "db" / "all-types.db", "--port", "0", "--tap", tap],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ports = dict(word.split("=") for word in server.stdout.readline().split()[1:])
    subprocess.run([build / "caplay", "validate", "--server", f"127.0.0.1:{ports['udp']}",
                    "--dialogues", ROOT / "tests" / "dialogues" / "subscription.dlg"], stdout=subprocess.DEVNULL, check=False)
    time.sleep(2.5)  # the last chunk is written a second after the last message
    server.kill()
    server.communicate()
    pool = pathlib.Path(f"{tap}.part").read_bytes()[TRACE_HEADER:]
    return struct.pack(">H", len(pool)) + pool + pathlib.Path(f"{tap}.part.journal").read_bytes()


def packets(data):
    """The packets of a pcap file with nanoseconds, each with its record header."""
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at:at + 16], data[at + 16:at + 16 + size]
        at += 16 + size


def thinned(data):
    """A capture that lacks every seventh packet, so that its trace has losses."""
    return data[:24] + b"".join(head + packet for i, (head, packet) in enumerate(packets(data)) if i % 7 != 6)


def save_trace(build, folder, capture, number):
    """The trace of a capture, and, by turns, of what is left of it: with the text of that."""
    source, trace = folder / "x.pcap", folder / "x.catrace"
    for data in (capture, thinned(capture))[: 1 + number % 2]:
        source.write_bytes(data)
        subprocess.run([build / "caplay", "capture", "-r", source, "-w", trace], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        save("trace", trace.read_bytes())
    if number % 2:
        twin = subprocess.run([build / "caplay", "dump", "--format", "twin", trace], check=True, stdout=subprocess.PIPE, text=True)
        save("twin", cut_twin(twin.stdout).encode())


def payload(packet):
    """(protocol, from port, to port, bytes) of an IPv4 packet behind an Ethernet header, or None."""
    if packet[12:14] != b"\x08\x00" or packet[23] not in (6, 17):
        return None
    ip = 14 + (packet[14] & 15) * 4
    end = 14 + struct.unpack_from(">H", packet, 16)[0]
    source, target = struct.unpack_from(">HH", packet, ip)
    behind = ip + (8 if packet[23] == 17 else (packet[ip + 12] >> 4) * 4)
    return packet[23], source, target, packet[behind:end]


def messages(stream):
    """The CA messages of a stream: (header of 16 or 24 bytes, payload)."""
    at = 0
    while at + 16 <= len(stream):
        head, size = 16, struct.unpack_from(">H", stream, at + 2)[0]
        if size == 0xffff:
            head = 24
            if at + 24 > len(stream):
                return
            size = struct.unpack_from(">I", stream, at + 16)[0]
        yield stream[at:at + head], stream[at + head:at + head + size]
        at += head + size


def renumbered(client, server):
    """The client's stream as it would speak to a server that numbers its channels from 0, as that of the fuzz target does."""
    sids, out, rest = {}, b"", client
    for head, _ in messages(server):
        if struct.unpack_from(">H", head)[0] == CREATE_CHAN:
            sids.setdefault(head[12:16], struct.pack(">I", len(sids)))
    for head, body in messages(client):
        if struct.unpack_from(">H", head)[0] in NAME_A_SID:
            head = head[:8] + sids.get(head[8:12], head[8:12]) + head[12:]
        out += head + body
        rest = rest[len(head) + len(body):]
    return out + rest


class Circuits:
    """The streams of all TCP connections, both ways, in the order in which their pieces came."""

    def __init__(self, server):
        self.pieces = {}  # the client's port: [(from server?, bytes)]
        self.server = server

    def add(self, source, target, data):
        from_server = source == self.server
        self.pieces.setdefault(target if from_server else source, []).append((from_server, data))


def make(data, server):
    circuits, datagrams, decoded = Circuits(server), [], []
    for _, packet in packets(data):
        found = payload(packet)
        if found is None or not found[3]:
            continue
        protocol, source, target, content = found
        if protocol == 17:
            datagrams.append(content)
        else:
            circuits.add(source, target, content)
    chance = random.Random(1)
    clients = [b"".join(part for from_server, part in pieces if not from_server) for pieces in circuits.pieces.values()]
    servers = [b"".join(part for from_server, part in pieces if from_server) for pieces in circuits.pieces.values()]
    for stream in servers:
        for head, body in messages(stream):
            command, _, kind, count = struct.unpack_from(">HHHH", head)
            if command in (READ_NOTIFY, EVENT_ADD) and kind < 39 and body:
                decoded.append(bytes([kind, chance.randrange(39)]) + struct.pack(">H", count) + bytes([count % 64, 63]) + body)
    save_some("circuit", [bytes(6) + renumbered(*both) for both in zip(clients, servers) if len(both[0]) < SEED_BYTES])
    save_some("message", [bytes([7, 13]) + s for s in clients + servers if len(s) < SEED_BYTES])
    save_some("dbr", [seed for seed in decoded if len(seed) < SEED_BYTES])
    save_some("search", [bytes([0]) + struct.pack(">HB", len(d), 0) + d for d in datagrams if len(d) < SEED_BYTES])
    save_some("dialogue", [dialogue(pieces) for pieces in circuits.pieces.values()
                           if sum(len(part) for _, part in pieces) < SEED_BYTES])


def dialogue(pieces):
    return b"".join(struct.pack(">BBH", 9, from_server, len(part)) + part for from_server, part in pieces)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    records = subprocess.run([build / "libexec" / "caplay-db", "fuzz/records.db"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    (ROOT / "fuzz" / "records.yaml").write_bytes(records.stdout)
    for old in CORPUS.glob("*/*"):
        old.unlink()
    save_filters()
    save_twins()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        capture, port = record(build, folder, ROOT / "tests" / "dialogues")
        make(capture.read_bytes(), port)
        for number, name in enumerate(("open.dlg", "subscription.dlg", "write-notify.dlg", "search-found.dlg")):
            capture = record(build, folder, ROOT / "tests" / "dialogues" / name)[0].read_bytes()
            save("packet", capture)
            save_trace(build, folder, capture, number)
        save("trace", (ROOT / "tests" / "v1.0.catrace").read_bytes())
        save("journal", killed(build, folder))


if __name__ == "__main__":
    main()
