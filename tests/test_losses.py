"""A capture with a hole, made from a recording of a real IOC: where it is, whom it concerns, and that every tool carries it."""
import json
import re
import signal
import socket
import struct

import pytest

import cahelp
from cahelp import ROOT
from capturing import capture, needs_capture, own_network

FILE_HEADER, PACKET_HEADER = 24, 16
SEARCHES = 15000  # with their headers some 4 MB in a ring of 1 MiB
INVALID = 3
INCOMPLETE = "incomplete     gaps in TCP streams: "


def run(*args):
    done = cahelp.caplay(*args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def packets(capture):
    """Each packet of a pcap file with its header."""
    at = FILE_HEADER
    while at < len(capture):
        end = at + PACKET_HEADER + struct.unpack_from("<I", capture, at + 8)[0]
        yield capture[at:end]
        at = end


def payload_bytes(packet):
    """Of a TCP packet over Ethernet and IPv4."""
    frame = packet[PACKET_HEADER:]
    return struct.unpack_from(">H", frame, 16)[0] - 20 - (frame[46] >> 4) * 4 if frame[23] == 6 else 0


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """A trace of packets of traces/recorded/image.jsonl, of which one in the middle of the images is lost; and its bytes."""
    folder = tmp_path_factory.mktemp("losses")
    run("compile", ROOT / "traces" / "recorded" / "image.jsonl", "-o", folder / "image.catrace")
    run("export", folder / "image.catrace", "-o", folder / "image.pcap")
    capture = (folder / "image.pcap").read_bytes()
    all_packets = list(packets(capture))
    large = [i for i, packet in enumerate(all_packets) if payload_bytes(packet) > 1000]
    lost = large[len(large) // 2]
    kept = all_packets[:lost] + all_packets[lost + 1:]
    (folder / "holed.pcap").write_bytes(capture[:FILE_HEADER] + b"".join(kept))
    (folder / "joined.pcap").write_bytes(capture[:FILE_HEADER] + b"".join(kept[large[1]:]))
    run("capture", "-r", folder / "holed.pcap", "-w", folder / "holed.catrace")
    return folder / "holed.catrace", payload_bytes(all_packets[lost])


def losses(trace):
    return [line.split()[1:] for line in run("info", trace).splitlines() if line.startswith("loss ")]


def test_the_hole_is_told_with_its_place_and_its_pvs(holed):
    trace, lost = holed
    rows = losses(trace)
    gap = [row for row in rows if row[4] == "gap"]
    assert len(gap) == 1 and gap[0][3] == "server" and int(gap[0][6]) == lost and gap[0][7:] == ["1", "recorded:image"]
    text = run("info", trace)
    assert f"{INCOMPLETE}1, bytes in gaps: {sum(int(row[6]) for row in rows)}\n" in text and "unplaced" not in text
    dump = run("dump", trace).splitlines()
    at = next(i for i, line in enumerate(dump) if " LOSS " in line)
    assert " EVENT_ADD recorded:image " in dump[at - 1]
    begin, end = float(gap[0][0]), float(gap[0][1])
    updates = [float(line.split()[0]) for line in dump if " <- EVENT_ADD " in line]
    assert not [t for t in updates if begin < t < end] and min(updates) <= begin <= end <= max(updates)


def test_a_replay_names_the_pv(holed):
    done = cahelp.caplay("replay", holed[0], "--port", "0", "--", "true")
    assert done.returncode == 2 and "--allow-incomplete" in done.stderr
    assert "updates are missing, as far as is known, of recorded:image (`caplay info` tells when)" in done.stderr


def test_each_part_of_a_recording_places_what_it_lacks(holed, tmp_path):
    run("capture", "-r", holed[0].parent / "joined.pcap", "-G", 1, "-w", tmp_path / "part-%H%M%S.catrace")
    parts = sorted(tmp_path.iterdir())
    assert len(parts) == 2
    for part in parts:
        assert "unplaced" not in run("info", part)
        assert [row[2] for row in losses(part) if row[4] == "midway"] == ["0"]
    assert sum(row[4] == "gap" for part in parts for row in losses(part)) == 1


def test_tools_carry_it(holed, tmp_path):
    trace, expected = holed[0], losses(holed[0])
    run("rename", "-e", "s/recorded/another/", trace, "-o", tmp_path / "x.catrace")
    assert [row[:7] for row in losses(tmp_path / "x.catrace")] == [row[:7] for row in expected]
    text = run("dump", "--format", "twin", trace)
    (tmp_path / "x.jsonl").write_text(text)
    run("compile", tmp_path / "x.jsonl", "-o", tmp_path / "y.catrace")
    assert (tmp_path / "y.catrace").read_bytes() == trace.read_bytes()
    assert run("dump", "--format", "twin", tmp_path / "y.catrace") == text
    until = max(row[1] for row in expected)
    run("cut", "--from", f"{float(until) + 0.001:.6f}s", trace, "-o", tmp_path / "z.catrace")
    assert re.search(r"^incomplete     circuits joined midway: \d+$", run("info", tmp_path / "z.catrace"), re.M)


def search(number):
    return struct.pack(">HHHHII", 0, 0, 0, 13, 0, 0) + struct.pack(">HHHHII", 6, 8, 5, 13, number, number) + b"temp\0\0\0\0"


@needs_capture
def test_what_the_kernel_drops_was_lost_between_two_looks_at_its_count(tmp_path):
    """The capture stands still while its ring overflows. What others say on lo would fill it before."""
    if not own_network():
        pytest.skip("no network of our own: not permitted")
    trace = tmp_path / "live.catrace"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        with capture("-i", "lo", "-B", 1, "-w", trace, f"udp port {there.getsockname()[1]}") as live:
            live.process.send_signal(signal.SIGSTOP)
            for number in range(SEARCHES):
                here.sendto(search(number), there.getsockname())
            live.process.send_signal(signal.SIGCONT)
            assert live.stop() == INVALID
    dropped = int(re.search(r"(\d+) packets dropped by the kernel", live.said)[1])
    rows = [json.loads(line) for line in run("dump", "--format", "jsonl", trace).splitlines()]
    lost = [row for row in rows if row.get("loss") == "dropped"]
    came = {row["cid"]: row["t_ns"] for row in rows if row.get("command") == "SEARCH"}
    assert dropped > 0 and sum(row["count"] for row in lost) == dropped
    first = next(number for number in range(SEARCHES) if number not in came)
    assert lost[-1]["until_ns"] >= max([t_ns for number, t_ns in came.items() if number < first], default=0)
    assert "unplaced" not in run("info", trace)
