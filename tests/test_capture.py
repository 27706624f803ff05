"""caplay capture: a real IOC and real clients on the loopback, live and from files, and all that can be wrong with its input."""
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess

import cahelp
import capturing
import pytest
import rawca
from capturing import can_capture, capture, compile_file, conversation, dump, needs_capture, of, recorder, tcpdump

GOOD, USAGE, ENVIRONMENT = 0, 2, 5

DATABASE = """
record(ai, "capture:analog") { field(VAL, "1.5") field(EGU, "mm") field(PREC, "3") field(PINI, "YES") }
record(mbbo, "capture:states") { field(ZRST, "off") field(ONST, "on") field(ONVL, "1") field(VAL, "1") field(PINI, "YES") }
record(ai, "capture:count") { field(HOPR, "1000") field(TSE, "-2") info(caplay:count, "10Hz") }
record(waveform, "capture:image") { field(FTVL, "SHORT") field(NELM, "307200") field(TSE, "-2") info(caplay:frames, "10Hz") }
"""


@pytest.fixture(scope="module", autouse=True)
def own_network():
    return capturing.own_network()


def run_clients(env):
    """Three clients at once: one watches the image, one counts, one reads with metadata. Their answers."""
    jobs = [("libca", {"task": "monitor", "name": "capture:image", "seconds": 1, "warmup_s": 0, "timeout_s": 30}),
            ("pyepics", {"task": "watch", "names": ["capture:count"], "seconds": 1, "timeout_s": 30}),
            ("caproto", {"task": "read", "names": ["capture:analog", "capture:states"], "timeout_s": 30})]
    started = [cahelp.start_job(client, job, env) for client, job in jobs]
    answers = [cahelp.finish_job(process) for process in started]
    assert all(answer["ok"] for answer in answers), answers
    return answers


class recording:
    """The same traffic, five times: a trace made live, one in parts of 1 MB, the packets as pcap and pcapng, tcpdump's file (where there
    is one)."""

    def __init__(self, folder):
        self.trace, self.pcap = folder / "live.catrace", folder / "live.pcap"
        self.pcapng, self.tcpdump = folder / "live.pcapng", folder / "tcpdump.pcap"
        self.part = folder / "part.catrace"
        database = folder / "capture.db"
        database.write_text(DATABASE)
        with cahelp.server("ioc", database) as server:
            self.condition = f"port {server.udp} or port {server.tcp}"
            recorders = [capture("-i", "lo", "-w", path, self.condition) for path in (self.trace, self.pcap, self.pcapng)]
            recorders.append(capture("-i", "lo", "-C", "1", "-w", self.part, self.condition))
            if shutil.which("tcpdump"):
                recorders.append(tcpdump(self.tcpdump, self.condition))
            self.frames, self.counts, self.read = run_clients(server.env)
            self.codes = [each.stop() for each in recorders]
            self.said = recorders[0].said


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return recording(tmp_path_factory.mktemp("recorded"))


@needs_capture
def test_a_live_capture_ends_cleanly_and_says_what_it_has_and_lacks(recorded):
    assert recorded.codes == [GOOD] * len(recorded.codes)
    assert re.search(r"live.catrace: \d+ packets, \d+ messages, 6 circuits, 4 PVs\n", recorded.said), recorded.said
    assert "missing: 0 packets dropped by the kernel, 0 gaps (0 bytes), 0 cut packets, 0 circuits joined midway, " \
           "0 malformed messages\n" in recorded.said


@needs_capture
@pytest.mark.parametrize("suffix", ["pcapng", "pcap"])
def test_an_export_is_the_same_conversation_in_valid_packets(recorded, tmp_path, suffix):
    packets, again = tmp_path / f"export.{suffix}", tmp_path / "again.catrace"
    assert cahelp.caplay("export", recorded.trace, "-o", packets).returncode == GOOD
    rows, said = compile_file(packets, again)
    assert "missing: 0 packets dropped by the kernel, 0 gaps (0 bytes), 0 cut packets, 0 circuits joined midway" in said
    for row, original in zip(rows, dump(recorded.trace), strict=True):
        assert {**row, "circuit": 0, "peer": 0, "index": 0} == {**original, "circuit": 0, "peer": 0, "index": 0}
    if not shutil.which("tshark"):
        return
    checks = [word for name in ("ip", "tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    done = subprocess.run(["tshark", "-r", packets, *checks, *capturing.AS_DATA, "-Y", "_ws.expert.severity >= warning || _ws.malformed"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "", done.stdout[:2000] + done.stderr


@needs_capture
def test_with_ask_what_no_client_read_is_in_the_trace_and_the_asking_is_not(tmp_path):
    trace, database = tmp_path / "asked.catrace", tmp_path / "capture.db"
    database.write_text(DATABASE)
    with cahelp.server("ioc", database) as server:
        with capture("-i", "lo", "--ask", "-w", trace, f"port {server.udp} or port {server.tcp}", env=server.env) as live:
            port = rawca.search("127.0.0.1", server.udp, "capture:states")
            with rawca.Circuit("127.0.0.1", port) as circuit:
                circuit.create("capture:states")
            assert live.stop() == GOOD, live.said
    assert "asking for what nobody read of 1 PVs\n" in live.said and "lacks" not in live.said
    filled = [row for row in dump(trace) if row.get("aside") == "filled"]
    assert [(row["pv"], row["circuit"]) for row in filled] == [("capture:states", None)] * 3
    assert "READ_NOTIFY" not in {row["command"] for row in dump(trace) if "aside" not in row}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asked.catrace", "capture.db"]
    with cahelp.server("replay", trace) as replay:
        read = cahelp.run_job("libca", {"task": "read", "names": ["capture:states"], "timeout_s": 30}, replay.env)
    assert read["pvs"]["capture:states"]["value"] == 1


@needs_capture
def test_a_second_sigint_ends_a_capture_at_once(tmp_path):
    trace, database = tmp_path / "asked.catrace", tmp_path / "capture.db"
    database.write_text(DATABASE)
    with cahelp.server("ioc", database) as server:
        live = capture("-i", "lo", "--ask", "-w", trace, f"port {server.udp} or port {server.tcp}", env=server.env)
        with rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", server.udp, "capture:states")) as circuit:
            circuit.create("capture:states")
    with live:
        live.process.send_signal(signal.SIGINT)
        assert "asking" in live.process.stderr.readline()  # for 5 s, the IOC is gone
        live.process.send_signal(signal.SIGINT)
        assert live.process.wait(30) == -signal.SIGINT
    assert not trace.exists() and trace.with_name("asked.catrace.part").exists()


@needs_capture
def test_what_a_client_read_is_in_the_trace_with_its_service_time(recorded):
    rows = dump(recorded.trace)
    for pv in ("capture:analog", "capture:states"):
        replies = of(rows, pv, "READ_NOTIFY")
        assert replies and all(row["service_ns"] > 0 and rows[row["peer"]]["command"] == "READ_NOTIFY" for row in replies)
    assert recorded.read["pvs"]["capture:analog"]["value"] in [row["value"][0] for row in of(rows, "capture:analog", "READ_NOTIFY")]
    assert all(row["service_ns"] > 0 for row in rows if row["command"] in ("SEARCH", "CREATE_CHAN") and row["from"] == "server")


@needs_capture
def test_every_update_that_a_client_saw_is_in_the_trace(recorded):
    rows = dump(recorded.trace)
    counted = [(row["seconds"], row["nanoseconds"], row["value"][0]) for row in of(rows, "capture:count", "EVENT_ADD") if row["size"]]
    seen = [tuple(update[:3]) for update in recorded.counts["updates"]["capture:count"]]
    assert len(seen) >= 8 and set(seen) <= set(counted)
    assert counted == sorted(counted), "in order"
    frames = [row for row in of(rows, "capture:image", "EVENT_ADD") if row["size"]]
    stamps = [(row["seconds"], row["nanoseconds"]) for row in frames]
    assert set(zip(recorded.frames["frames"]["seconds"], recorded.frames["frames"]["nanoseconds"])) <= set(stamps)
    assert all(row["size"] >= 614400 and row["span_ns"] > 0 for row in frames[1:]), "an image comes in many packets"


@needs_capture
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_a_file_of_the_same_packets_gives_the_same_messages(recorded, tmp_path, kind):
    rows, said = compile_file(getattr(recorded, kind), tmp_path / "file.catrace")
    assert conversation(rows) == conversation(dump(recorded.trace)), said
    info = cahelp.caplay("info", tmp_path / "file.catrace").stdout
    sha256 = subprocess.run(["sha256sum", getattr(recorded, kind)], capture_output=True, text=True).stdout.split()[0]
    assert sha256 in info


def parts_of(path):
    """The parts of a rotated recording, in order."""
    return sorted(path.parent.glob(path.name + "*"), key=lambda part: (len(part.name), part.name))


@needs_capture
def test_parts_of_a_recording_hold_every_message_once_and_replay_one_by_one(recorded):
    parts = parts_of(recorded.part)
    assert len(parts) >= 4, parts
    rows = [dump(part) for part in parts]
    own = [row for part in rows for row in part if "aside" not in row]
    fields = ("from", "command", "pv", "size", "type", "count", "cid", "sid", "subid", "status", "value", "seconds", "nanoseconds", "text")
    said = [[tuple(str(row.get(field)) for field in fields) for row in each if row["command"] != "SEARCH"] for each in (own, dump(recorded.trace))]
    assert sorted(said[0]) == sorted(said[1])
    images = of(rows[1], "capture:image", "EVENT_ADD")
    assert images[0].get("aside") == "carried" and images[0]["role"] == "first"
    with cahelp.server("replay", parts[1], "--start-when", "signal") as server:
        read = cahelp.run_job("libca", {"task": "read", "names": ["capture:image"], "timeout_s": 30}, server.env)
    assert read["pvs"]["capture:image"]["value"][:8] == images[0]["value"], "the last one of the part before"


@needs_capture
def test_a_file_of_tcpdump_gives_the_same_messages(recorded, tmp_path):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    rows, said = compile_file(recorded.tcpdump, tmp_path / "file.catrace")
    ours = conversation(dump(recorded.trace))
    for side, messages in conversation(rows).items():
        assert messages == ours[side][: len(messages)], said
        assert len(messages) > len(ours[side]) / 2, "tcpdump leaves what it has not yet read when it is stopped"


@needs_capture
def test_packets_go_from_pcap_to_pcapng_and_tcpdump_reads_both(recorded, tmp_path):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    copy = tmp_path / "copy.pcapng"
    assert cahelp.caplay("capture", "-r", recorded.pcap, "-w", copy).returncode == GOOD
    shown = [subprocess.run(["tcpdump", "-ttnr", path], capture_output=True, text=True) for path in (recorded.pcap, copy)]
    assert all(done.returncode == 0 for done in shown), shown[1].stderr
    assert shown[0].stdout and shown[0].stdout == shown[1].stdout


# ---- packets in another order ----


def read_pcap(path):
    """The file's header, and (time, bytes) a packet."""
    data, at, packets = path.read_bytes(), 24, []
    assert struct.unpack("<I", data[:4])[0] == 0xA1B23C4D
    while at < len(data):
        seconds, fraction, captured, _ = struct.unpack("<IIII", data[at : at + 16])
        packets.append(((seconds, fraction), data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    return data[:24], packets


def write_pcap(path, header, packets):
    with path.open("wb") as file:
        file.write(header)
        for time, packet in packets:
            file.write(struct.pack("<IIII", *time, len(packet), len(packet)) + packet)


def segment(packet):
    """Ports, payload bytes and RST of a TCP packet (Ethernet, no IP options)."""
    total, header = struct.unpack(">H", packet[16:18])[0], (packet[46] >> 4) * 4
    return struct.unpack(">HH", packet[34:38]), total - 20 - header, bool(packet[47] & 4)


def ns_of(packet):
    (seconds, nanoseconds), _ = packet
    return seconds * 10**9 + nanoseconds


def swap_neighbours(packets, seed):
    """Segments of the same direction change places, unless the other side answered, or a reset came, between them, or they are so
    far apart that nothing could have swapped them (a reader waits 100 ms for what is acknowledged); times stay in order."""
    draw = random.Random(seed)
    waiting, swapped = {}, 0
    bodies = [body for _, body in packets]
    for i, body in enumerate(bodies):
        ports, payload, reset = segment(body)
        if payload or reset:
            waiting.pop(ports[::-1], None)
        if reset:
            waiting.pop(ports, None)
        elif payload:
            before = waiting.pop(ports, None)
            if before is not None and ns_of(packets[i]) - ns_of(packets[before]) < 50_000_000 and draw.random() < 0.5:
                bodies[before], bodies[i] = bodies[i], bodies[before]
                swapped += 1
            else:
                waiting[ports] = i
    return [(time, body) for (time, _), body in zip(packets, bodies)], swapped


def double(packets, seed):
    """Every fifth packet comes twice, the second time up to three packets later."""
    draw, out, late = random.Random(seed), [], []
    for time, body in packets:
        out.append((time, body))
        late = [(left - 1, copy) for left, copy in late]
        out += [(time, copy) for left, copy in late if left < 0]
        late = [(left, copy) for left, copy in late if left >= 0]
        if draw.random() < 0.2:
            late.append((draw.randrange(3), body))
    return out


@needs_capture
@pytest.mark.parametrize("seed", range(5))
def test_swapped_and_doubled_segments_give_the_same_messages(recorded, tmp_path, seed):
    header, packets = read_pcap(recorded.pcap)
    mangled, swapped = swap_neighbours([p for p in packets if p[1][23] == 6], seed)
    assert swapped > 20
    write_pcap(tmp_path / "plain.pcap", header, [p for p in packets if p[1][23] == 6])
    write_pcap(tmp_path / "mangled.pcap", header, double(mangled, seed))
    plain, _ = compile_file(tmp_path / "plain.pcap", tmp_path / "plain.catrace")
    rows, said = compile_file(tmp_path / "mangled.pcap", tmp_path / "mangled.catrace")
    assert conversation(rows) == conversation(plain)
    assert " 0 gaps" in said


@needs_capture
def test_a_lost_segment_costs_one_image_and_is_reported(recorded, tmp_path):
    header, packets = read_pcap(recorded.pcap)
    large = [i for i, (_, body) in enumerate(packets) if len(body) > 30000]
    del packets[large[len(large) // 2]]
    write_pcap(tmp_path / "lost.pcap", header, packets)
    rows, said = compile_file(tmp_path / "lost.pcap", tmp_path / "lost.catrace")
    assert re.search(r" 1 gaps \([1-9]\d* bytes\)", said)
    complete, images = dump(recorded.trace), []
    for each in (rows, complete):
        images.append([row for row in of(each, "capture:image", "EVENT_ADD") if row["size"]])
    assert len(images[1]) - len(images[0]) == 1
    assert "incomplete" in cahelp.caplay("info", tmp_path / "lost.catrace").stdout


@needs_capture
def test_a_file_that_ends_in_a_packet_is_recorded_up_to_there(recorded, tmp_path):
    whole = recorded.pcap.read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    rows, said = compile_file(cut, tmp_path / "cut.catrace")
    assert re.search(r"warning: \S*cut.pcap: truncated .*; packet \d+, byte \d+: ", said) and " 1 cut packets" in said
    assert 0 < len(rows) < len(dump(recorded.trace))


# ---- limits and signals ----


@needs_capture
def test_each_loopback_packet_is_counted_once(own_network, tmp_path):
    port = cahelp.free_port()
    with capture("-i", "lo", "-w", tmp_path / "udp.pcapng", f"udp port {port}") as live:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(100):
                sender.sendto(b"x" * 100, ("127.0.0.1", port))
        assert live.stop() == GOOD
    assert ": 100 packets; the kernel dropped 0" in live.said


@needs_capture
@pytest.mark.parametrize("nohup", [False, True])
def test_a_terminal_that_goes_away_ends_a_capture_cleanly_but_under_nohup(tmp_path, nohup):
    port = cahelp.free_port()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        live = capture("-i", "lo", "-c", "1", "-w", tmp_path / "one.pcap", f"udp port {port}")
    finally:
        signal.signal(signal.SIGHUP, before)
    with live, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        live.process.send_signal(signal.SIGHUP)
        if nohup:
            sender.sendto(b"x", ("127.0.0.1", port))
        said = live.process.communicate(timeout=30)[1]
    assert live.process.returncode == GOOD
    assert f"one.pcap: {int(nohup)} packets" in said


@needs_capture
def test_messages_do_not_get_into_a_trace_when_standard_output_and_error_are_closed(recorded, tmp_path):
    with cahelp.server("replay", recorded.trace) as server:
        command = f"exec {cahelp.CAPLAY} capture -i lo --for 300ms -w {tmp_path}/x.catrace 'port {server.udp}' <&- >&- 2>&-"
        live = subprocess.Popen(["sh", "-c", command])
        while live.poll() is None:
            rawca.search("127.0.0.1", server.udp, "capture:analog", timeout_s=5)
    assert live.returncode == GOOD
    assert of(dump(tmp_path / "x.catrace"), "capture:analog", "SEARCH")


@needs_capture
def test_a_capture_ends_by_itself_after_a_count_or_a_time(tmp_path):
    port = cahelp.free_port()
    with capture("-i", "lo", "-c", "3", "-w", tmp_path / "three.pcap", f"udp port {port}") as live:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(10):
                sender.sendto(b"x", ("127.0.0.1", port))
        live.said += live.process.communicate(timeout=30)[1]
    assert ": 3 packets" in live.said
    done = cahelp.caplay("capture", "-i", "lo", "--for", "50ms", "-w", tmp_path / "short.pcap", f"udp port {port}")
    assert (done.returncode, done.stderr) == (GOOD, f"capturing on lo\n{tmp_path}/short.pcap: 0 packets; the kernel dropped 0\n")


@needs_capture
def test_a_live_capture_goes_before_others_where_it_may_but_for_a_niceness_of_its_own(tmp_path):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    granted = int(subprocess.run(["nice", "-n", "-10", "nice"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)
    with capture("-i", "lo", "-w", tmp_path / "x.pcap", f"udp port {cahelp.free_port()}") as live:
        assert os.getpriority(os.PRIO_PROCESS, live.process.pid) == (granted if own == 0 else own)
    command = ["nice", "-n", 5, cahelp.CAPLAY, "capture", "-i", "lo", "-w", tmp_path / "x.pcap", f"udp port {cahelp.free_port()}"]
    with recorder(*command, ready="^capturing on lo$") as live:
        assert os.getpriority(os.PRIO_PROCESS, live.process.pid) == min(own + 5, 19)


@needs_capture
def test_an_interface_that_goes_away_leaves_what_was_recorded_with_and_without_vlan_tags(own_network, tmp_path):
    """A searching host on an Ethernet of ours, whose packets bear no, one and two tags; then its cable is pulled."""
    if not own_network or subprocess.run("ip link add from0 type veth peer name to0", shell=True).returncode != 0:
        pytest.skip("no network of our own here")
    subprocess.run("ip link set from0 up && ip link set to0 up", shell=True, check=True)
    trace = tmp_path / "veth.catrace"
    with recorder(cahelp.CAPLAY, "capture", "-i", "to0", "-w", trace, ready="^capturing on to0$") as live:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("from0", 0))
            for cid, tags in enumerate((b"", bytes.fromhex("81000005"), bytes.fromhex("88a8000681000005"))):
                sender.send(bytes.fromhex("020000000001020000000002") + tags + search_packet(cid))
        subprocess.run("ip link del from0", shell=True, check=True)
        live.said += live.process.communicate(timeout=30)[1]
    assert live.process.returncode == ENVIRONMENT
    assert "caplay: to0: The interface disappeared\n" in live.said
    assert [row["cid"] for row in dump(trace) if row["command"] == "SEARCH"] == [0, 1, 2]


def search_packet(cid):
    """From the Ethernet type on: IPv4, UDP, VERSION and SEARCH."""
    messages = struct.pack(">HHHHII", 0, 0, 1, 13, 1, 0) + struct.pack(">HHHHII", 6, 8, 5, 13, cid, cid) + b"analog\0\0"
    udp = struct.pack(">HHHH", 40000, 5064, 8 + len(messages), 0) + messages
    return struct.pack(">HBBHHHBBHII", 0x0800, 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, 0x0A050001, 0x0A050002) + udp


# ---- bad input: one line, its exit code, nothing left behind ----


def make_bad_files(folder):
    (folder / "empty.pcap").write_bytes(b"")
    (folder / "junk.pcap").write_bytes(bytes(range(256)) * 20)
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    (folder / "header.pcap").write_bytes(header[:10])
    (folder / "first.pcap").write_bytes(header + struct.pack("<IIII", 1, 0, 60, 60) + b"x" * 10)
    arp = bytes(12) + b"\x08\x06" + bytes(46)
    (folder / "a.catrace").write_bytes(b"catrace\x1a" + bytes(300))
    (folder / "arp.pcap").write_bytes(header + struct.pack("<IIII", 1, 0, 60, 60) + arp)


BAD = [
    ("-r {}/none.pcap -w {}/x.catrace", USAGE, "none.pcap: cannot be read: No such file"),
    ("-r {} -w {}/x.catrace", USAGE, "is a directory"),
    ("-r {}/empty.pcap -w {}/x.catrace", USAGE, "empty.pcap: is empty"),
    ("-r {}/junk.pcap -w {}/x.catrace", USAGE, "junk.pcap: cannot be read as pcap or pcapng: byte 0: expected a1b2c3d4 .*, found 00010203"),
    ("-r {}/header.pcap -w {}/x.catrace", USAGE, "header.pcap: .*got 6"),
    ("-r {}/first.pcap -w {}/x.catrace", USAGE, "first.pcap: truncated .*packet 1, byte 50"),
    ("-r {}/arp.pcap -w {}/x.catrace", USAGE, "arp.pcap: 1 packets, no Channel Access in them"),
    ("-r {}/arp.pcap -w {}/none/x.catrace", ENVIRONMENT, "none/x.catrace.*No such file"),
    ("-r {}/arp.pcap -w {}/none/x.pcapng", ENVIRONMENT, "none/x.pcapng.*No such file"),
    ("-r {}/arp.pcap -w {}/arp.pcap", USAGE, "would be overwritten"),
    ("-r {}/arp.pcap -w /dev/null", ENVIRONMENT, "/dev/null"),
    ("-r {}/arp.pcap -w {}/x.catrace tcp prot 5064", USAGE, "filter 'tcp prot 5064': "),
    ("-r {}/arp.pcap -w {}/x.catrace --port 70000", USAGE, "--port: '70000'"),
    ("-r {}/arp.pcap -w {}/x.catrace --for 1s", USAGE, "--for"),
    ("-r {}/arp.pcap -w {}/x.catrace --ask", USAGE, "--ask fills in one trace of a live capture: -i IF"),
    ("-r {}/a.catrace -w {}/x.catrace", USAGE, "a.catrace: is a trace already"),
    ("-r {}/arp.pcap", USAGE, "-w FILE"),
    ("-r {}/arp.pcap --write=", USAGE, "-w FILE"),
    ("-i lo -w {}/x.catrace --for 0s", USAGE, "--for: '0s'"),
    ("-w {}/x.catrace", USAGE, "-i IF and -r FILE"),
    ("-i lo -r {}/arp.pcap -w {}/x.catrace", USAGE, "-i IF and -r FILE"),
    ("-i lo -B 0 -w {}/x.catrace", USAGE, "buffer-size"),
]


@pytest.mark.parametrize("line, code, words", BAD)
def test_bad_input_is_one_clear_line(tmp_path, line, code, words):
    make_bad_files(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = cahelp.caplay("capture", *line.replace("{}", str(tmp_path)).split())
    assert done.returncode == code
    assert re.fullmatch(f"caplay: .*{words}.*\n", done.stderr), done.stderr
    assert sorted(tmp_path.iterdir()) == before


@needs_capture
def test_an_interface_that_is_none_is_told_with_those_there_are(tmp_path):
    done = cahelp.caplay("capture", "-i", "none0", "-w", tmp_path / "x.catrace")
    assert done.returncode == ENVIRONMENT
    assert re.fullmatch(r"caplay: none0: no such interface; there are: .*\blo\b.*, any\n", done.stderr), done.stderr


@needs_capture
def test_a_live_capture_without_channel_access_leaves_no_trace(tmp_path):
    port = cahelp.free_port()
    with capture("-i", "lo", "-w", tmp_path / "x.catrace", f"udp port {port}") as live:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", ("127.0.0.1", port))
        assert live.stop() == USAGE
    assert "caplay: lo: 1 packets, no Channel Access in them" in live.said
    assert list(tmp_path.iterdir()) == []


def test_without_permission_the_two_ways_to_get_it_are_named(tmp_path):
    command = [str(cahelp.CAPLAY), "capture", "-i", "lo", "-w", str(tmp_path / "x.catrace")]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("setpriv is not installed")
        command = ["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", *command]
    elif can_capture():
        pytest.skip("everybody may capture here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "failed to execute" in done.stderr:
        pytest.skip("nobody cannot reach the program")
    assert done.returncode == ENVIRONMENT
    assert re.fullmatch(r"caplay: lo: no permission to capture: run as root, or: setcap cap_net_raw\+ep /.*caplay\n", done.stderr)
