"""What `caplay capture -r` reads and `-w` writes: every kind of pcap and pcapng file, gzip, one file after the other, another user."""
import array
import fcntl
import gzip
import json
import os
import re
import resource
import signal
import struct
import subprocess
import termios
import time

import cahelp
import pytest

GOOD, USAGE, ENVIRONMENT = 0, 2, 5
ETHERNET, RAW, COOKED_2 = 1, 101, 276
SEARCHES, START_S, STEP_NS = 120, 1_700_000_000, 250_000_000


def search(cid):
    """An IPv4 packet: VERSION and a SEARCH."""
    messages = struct.pack(">HHHHII", 0, 0, 1, 13, 1, 0) + struct.pack(">HHHHII", 6, 8, 5, 13, cid, cid) + b"analog\0\0"
    udp = struct.pack(">HHHH", 40000, 5064, 8 + len(messages), 0) + messages
    return struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, 0x0A050001, 0x0A050002) + udp


FRAMES = {
    ETHERNET: lambda packet: bytes(12) + b"\x08\x00" + packet,
    RAW: lambda packet: packet,
    COOKED_2: lambda packet: b"\x08\x00" + bytes(18) + packet,
}


def stamp_ns(i):
    return START_S * 10**9 + i * STEP_NS


def pcap(order, nanoseconds, count=SEARCHES):
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, ETHERNET)
    for i in range(count):
        frame, (s, ns) = FRAMES[ETHERNET](search(i)), divmod(stamp_ns(i), 10**9)
        out += struct.pack(order + "IIII", s, ns // unit, len(frame), len(frame)) + frame
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHQ", 0x1A2B3C4D, 1, 0, 2**64 - 1))


def interface(order, link, resolution, offset_s=0):
    options = struct.pack(order + "HHB3xHHqHH", 9, 1, resolution, 14, 8, offset_s, 0, 0)
    return block(order, 1, struct.pack(order + "HHI", link, 0, 262144) + options)


# Link layer, if_tsresol, units a second, if_tsoffset.
INTERFACES = [(ETHERNET, 9, 10**9, 0), (RAW, 6, 10**6, 0), (COOKED_2, 0x80 | 20, 2**20, 0), (ETHERNET, 3, 10**3, START_S)]


def pcapng(order, interfaces=INTERFACES, count=SEARCHES, drops=0):
    """Each packet from the next interface, in the block kinds that there are; a second section half-way; a block that nobody knows."""
    out = b""
    for i in range(count):
        if i % 60 == 0:
            out += section(order) + b"".join(interface(order, link, res, off) for link, res, _, off in interfaces)
            out += block(order, 0xBAD, b"whatever")
        link, _, units, offset = interfaces[i % len(interfaces)]
        frame, stamp = FRAMES[link](search(i)), (stamp_ns(i) - offset * 10**9) * units // 10**9
        head = struct.pack(order + "IIII", stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        if i % 3 == 0:
            out += block(order, 2, struct.pack(order + "HH", i % len(interfaces), 0xFFFF) + head + frame)
        else:
            out += block(order, 6, struct.pack(order + "I", i % len(interfaces)) + head + frame)
    if drops:
        out += block(order, 5, struct.pack(order + "IIIHHQHH", 0, 0, 0, 5, 8, drops, 0, 0))
    return out


def searches_in(trace):
    rows = [json.loads(line) for line in cahelp.caplay("dump", "--format", "jsonl", trace).stdout.splitlines()]
    return [(row["cid"], row["t_ns"]) for row in rows if row.get("command") == "SEARCH"]


def compiled(path, *options):
    trace = path.parent / (path.name + ".catrace")
    done = cahelp.caplay("capture", "-r", path, "-w", trace, *options)
    assert done.returncode == GOOD, done.stderr
    return searches_in(trace), done.stderr


EXPECTED = [(i, i * STEP_NS) for i in range(SEARCHES)]

KINDS = {
    "little-endian, microseconds": pcap("<", False),
    "little-endian, nanoseconds": pcap("<", True),
    "big-endian, microseconds": pcap(">", False),
    "big-endian, nanoseconds": pcap(">", True),
    "pcapng, little-endian, four interfaces": pcapng("<"),
    "pcapng, big-endian, four interfaces": pcapng(">"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_file_gives_the_same_searches_at_the_same_times(tmp_path, kind, packed):
    path = tmp_path / "capture"
    path.write_bytes(gzip.compress(KINDS[kind]) if packed else KINDS[kind])
    searches, said = compiled(path)
    assert searches == EXPECTED, said
    assert " 0 cut packets" in said


def test_standard_input_may_be_pcapng_in_gzip(tmp_path):
    trace = tmp_path / "x.catrace"
    done = subprocess.run([cahelp.CAPLAY, "capture", "-r", "-", "-w", trace], input=gzip.compress(pcapng("<")), capture_output=True)
    assert done.returncode == GOOD, done.stderr
    assert cahelp.caplay("dump", trace).stdout.count("SEARCH") == SEARCHES


def wait_until_read(pipe, timeout_s=30):
    unread, end = array.array("i", [1]), time.monotonic() + timeout_s
    while unread[0] > 0 and time.monotonic() < end:
        fcntl.ioctl(pipe, termios.FIONREAD, unread)
    assert unread[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_wait_for_a_silent_pipe_and_what_came_is_recorded(tmp_path, number):
    trace = tmp_path / "x.catrace"
    reader = subprocess.Popen([cahelp.CAPLAY, "capture", "-r", "-", "-w", trace], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    reader.stdin.write(pcapng("<"))
    reader.stdin.flush()
    wait_until_read(reader.stdin)
    reader.send_signal(number)
    said = reader.stderr.read()
    assert reader.wait(30) == GOOD, said
    reader.stdin.close()
    assert cahelp.caplay("dump", trace).stdout.count("SEARCH") == SEARCHES


def test_simple_packets_have_no_time_but_their_messages_count(tmp_path):
    path = tmp_path / "simple.pcapng"
    frames = [FRAMES[ETHERNET](search(i)) for i in range(5)]
    path.write_bytes(section("<") + interface("<", ETHERNET, 6) + b"".join(block("<", 3, struct.pack("<I", len(f)) + f) for f in frames))
    assert compiled(path)[0] == [(i, 0) for i in range(5)]


def test_a_filter_is_applied_to_each_link_layer(tmp_path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(pcapng("<"))
    assert compiled(path, "src host 10.5.0.1 and udp dst port 5064")[0] == EXPECTED
    done = cahelp.caplay("capture", "-r", path, "-w", tmp_path / "y.catrace", "udp dst port 9")
    assert done.returncode == USAGE and "no Channel Access" in done.stderr


def test_drops_that_a_pcapng_file_tells_are_in_the_trace(tmp_path):
    path = tmp_path / "drops.pcapng"
    path.write_bytes(pcapng("<", drops=17))
    trace = tmp_path / "x.catrace"
    done = cahelp.caplay("capture", "-r", path, "-w", trace)
    assert "17 packets dropped by the kernel" in done.stderr


DAMAGE = [
    ("length", lambda b: b[:-4] + b"\xff" * 4, r"byte \d+: length at a block's end: expected \d+, found \d+"),
    ("cut", lambda b: b[:-30], r"byte \d+: the file ends within a block: bytes of it: expected \d+, found \d+"),
    ("interface", lambda b: b + block("<", 6, struct.pack("<IIIII", 99, 0, 0, 0, 0)), r"byte \d+: interface of a packet, below: expected 4, found 99"),
    ("captured", lambda b: b + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 60, 60) + bytes(20)),
     r"byte \d+: bytes of a packet, at most: expected 20, found 60"),
    ("small", lambda b: b + struct.pack("<III", 6, 8, 0), r"byte \d+: length of a block, at least: expected 12, found 8"),
    ("odd", lambda b: b + struct.pack("<III", 6, 14, 0), r"byte \d+: length of a block, modulo 4: expected 0, found 2"),
    ("huge", lambda b: b + struct.pack("<III", 6, 1 << 30, 0), r"byte \d+: length of a block, at most: expected 16777216, found 1073741824"),
]


@pytest.mark.parametrize("name, damage, words", DAMAGE)
def test_what_comes_before_the_damage_is_recorded_and_its_place_is_told(tmp_path, name, damage, words):
    path = tmp_path / "bad.pcapng"
    path.write_bytes(damage(pcapng("<")))
    searches, said = compiled(path)
    assert searches == EXPECTED[: len(searches)] and len(searches) >= SEARCHES - 1
    assert re.search(r"warning: \S*bad.pcapng: " + words + ": what came before it is recorded", said), said


def test_a_gzip_file_that_is_cut_is_told(tmp_path):
    path = tmp_path / "cut.pcapng.gz"
    packed = gzip.compress(pcapng("<", count=60) + block("<", 0xBAD, os.urandom(60000)))
    path.write_bytes(packed[:20000])
    assert re.search(r"cut.pcapng.gz: byte \d+: cannot be read on: expected \d+ more bytes of a block, found damaged or cut gzip", compiled(path)[1])


# ---- what is written ----


def test_packets_of_several_link_layers_go_into_pcapng_but_not_into_pcap(tmp_path):
    path = tmp_path / "in.pcapng"
    path.write_bytes(pcapng(">"))
    copy = tmp_path / "copy.pcapng"
    assert cahelp.caplay("capture", "-r", path, "-w", copy).returncode == GOOD
    assert compiled(copy)[0] == EXPECTED
    done = cahelp.caplay("capture", "-r", path, "-w", tmp_path / "copy.pcap")
    assert done.returncode == USAGE
    assert re.search(r"copy.pcap: packets of link layer 101 behind those of 1: .*write .pcapng", done.stderr)


def large(tmp_path, count):
    """Packets of 10,000 bytes of something else between the searches, so that files fill."""
    path = tmp_path / "large.pcap"
    out = pcap("<", True, 0)
    for i in range(count):
        for frame in (FRAMES[ETHERNET](search(i)), bytes(12) + b"\x08\x06" + bytes(10000)):
            s, ns = divmod(stamp_ns(i), 10**9)
            out += struct.pack("<IIII", s, ns, len(frame), len(frame)) + frame
    path.write_bytes(out)
    return path


EXPECTED_LARGE = [(i, i * STEP_NS) for i in range(250)]


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_files_by_size_are_named_as_tcpdump_names_them_and_hold_every_packet(tmp_path, suffix):
    source = large(tmp_path, 250)
    assert cahelp.caplay("capture", "-r", source, "-w", tmp_path / f"part.{suffix}", "-C", "1").returncode == GOOD
    names = [f"part.{suffix}", f"part.{suffix}1", f"part.{suffix}2"]
    assert sorted(p.name for p in tmp_path.glob("part.*")) == names
    cids = [cid for name in names for cid, _ in compiled(tmp_path / name)[0]]
    assert cids == list(range(250))


def test_a_ring_of_files_holds_the_newest_packets(tmp_path):
    source = large(tmp_path, 450)
    assert cahelp.caplay("capture", "-r", source, "-w", tmp_path / "ring.pcapng", "-C", "1", "-W", "3").returncode == GOOD
    assert sorted(p.name for p in tmp_path.glob("ring.*")) == ["ring.pcapng0", "ring.pcapng1", "ring.pcapng2"]
    cids = sorted(cid for i in range(3) for cid, _ in compiled(tmp_path / f"ring.pcapng{i}")[0])
    assert cids == list(range(450 - len(cids), 450)) and 200 < len(cids) < 450


@pytest.mark.parametrize("suffix", ["pcapng", "catrace"])
def test_a_ring_of_one_file_is_written_over(tmp_path, suffix):
    count, source, path = 9_000, tmp_path / "many.pcap", tmp_path / f"ring.{suffix}"
    source.write_bytes(pcap("<", True, count))
    done = cahelp.caplay("capture", "-r", source, "-w", path, "-C", "1", "-W", "1")
    assert done.returncode == GOOD, done.stderr
    assert [p.name for p in tmp_path.glob("ring.*")] == [path.name]
    cids = [cid for cid, _ in (searches_in(path) if suffix == "catrace" else compiled(path)[0])]
    assert cids == list(range(count - len(cids), count)) and 0 < len(cids) < count


def test_files_by_time_have_the_packets_times_in_their_names_and_end_after_the_last(tmp_path):
    source = large(tmp_path, 100)  # 25 s
    command = [cahelp.CAPLAY, "capture", "-r", source, "-w", tmp_path / "at-%H%M%S.pcap", "-G", "5", "-W", "3"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TZ": "UTC"})
    assert done.returncode == GOOD, done.stderr
    names = ["at-221320.pcap", "at-221325.pcap", "at-221330.pcap"]
    assert sorted(p.name for p in tmp_path.glob("at-*")) == names
    assert [[cid for cid, _ in compiled(tmp_path / name)[0]] for name in names] == [list(range(i, i + 20)) for i in (0, 20, 40)]


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_where_no_more_can_be_written_the_file_ends_with_a_whole_packet(tmp_path, suffix):
    source, path = large(tmp_path, 250), tmp_path / f"full.{suffix}"
    done = cahelp.caplay("capture", "-r", source, "-w", path,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_001, 1_000_001)))
    assert done.returncode == ENVIRONMENT and done.stderr == f"caplay: {path}: cannot be written to its end: File too large\n"
    searches, said = compiled(path)
    assert searches == EXPECTED_LARGE[: len(searches)] and len(searches) > 80
    assert "warning" not in said and " 0 cut packets" in said


def test_where_no_more_can_be_written_a_trace_can_be_recovered_up_to_its_last_chunk(tmp_path):
    trace = tmp_path / "full.catrace"
    done = subprocess.run(["sh", "-c", f"cat {large(tmp_path, 250)} | {cahelp.CAPLAY} capture -r - -w {trace}"], capture_output=True,
                          text=True, timeout=60, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert done.returncode == ENVIRONMENT
    assert re.fullmatch(f"caplay: cannot write {trace}.part: .*File too large; `caplay recover {trace}.part -o FILE` saves what came before\n", done.stderr), done.stderr
    assert not trace.exists()
    done = cahelp.caplay("recover", f"{trace}.part", "-o", tmp_path / "recovered.catrace")
    assert done.returncode == GOOD, done.stderr
    assert cahelp.caplay("dump", tmp_path / "recovered.catrace").stdout.count("SEARCH") > 5


@pytest.mark.parametrize("options, words", [
    ("-W 3 -w {}/x.pcap", "-W 3 is about the files of -C or -G"),
    ("-G 1 -w {}/x.catrace", "-G: all parts would be called .*x.catrace: -w night-%H%M%S.catrace"),
    ("-C 0 -w {}/x.pcap", "file-size"),
    ("-Z nobody-at-all -w {}/x.pcap", "there is no user 'nobody-at-all'"),
])
def test_bad_options_are_one_clear_line(tmp_path, options, words):
    source = large(tmp_path, 2)
    done = cahelp.caplay("capture", "-r", source, *options.replace("{}", str(tmp_path)).split())
    assert done.returncode == USAGE
    assert re.fullmatch(f"caplay: .*{words}.*\n", done.stderr), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can go on as somebody else")
def test_the_files_of_a_capture_that_gave_up_root_are_not_root_s(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    source = large(tmp_path, 2)
    for path in (folder, *folder.parents):
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o777)
    done = cahelp.caplay("capture", "-r", source, "-w", folder / "x.pcap", "-Z", "nobody")
    assert done.returncode == GOOD, done.stderr
    assert (folder / "x.pcap").stat().st_uid != 0
