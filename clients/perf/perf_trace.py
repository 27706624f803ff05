"""How long a trace of 10 GB takes to open: its index only, in version 2.0 of the file."""
import struct
import subprocess
import time

import perf_machine as machine
from perf_table import Measure

POOL_BYTES, MESSAGES, PVS = 9_280_000_000, 10_000_000, 10_000
CHUNK, BLOCK, HEADER, ALIGN = 4 << 20, 4096, 512, 8


def crc_entry(value):
    """Of the table for CRC32C, a byte at a time: RFC 3720."""
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


TABLE = [crc_entry(n) for n in range(256)]


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


class Sections:
    """They are placed one behind the other; zeros are holes in the file."""

    def __init__(self, file):
        self.file, self.at, self.rows, self.sums, self.zeros = file, HEADER, [], [], {}

    def zero_sum(self, n):
        if n not in self.zeros:
            self.zeros[n] = crc32c(bytes(n))
        return self.zeros[n]

    def row(self, n, checks, record):
        self.at = -(-self.at // ALIGN) * ALIGN
        self.rows.append((self.at, n, checks, len(self.rows), record))
        self.at += n

    def add_zeros(self, n, record):
        self.row(n, len(self.sums), record)
        self.sums += [self.zero_sum(CHUNK)] * (n // CHUNK) + ([self.zero_sum(n % CHUNK)] if n % CHUNK else [])

    def add(self, data, record, checks=None):
        self.row(len(data), len(self.sums) if checks is None else checks, record)
        self.file.seek(self.at - len(data))
        self.file.write(data)
        if checks is None:
            self.sums += [crc32c(data[i:i + CHUNK]) for i in range(0, len(data), CHUNK)]


def make_trace(path):
    """A good trace, most of which is zeros and so a hole: 9.3 GB of payloads, 10^7 messages of command 0 at time 0, 10^4 PVs."""
    names = b"".join(b"perf:%05d\0" % i for i in range(PVS))
    with open(path, "wb") as file:
        sections = Sections(file)
        sections.add_zeros(POOL_BYTES, 1)
        sections.add(names, 1)
        sections.add(b"".join(struct.pack("<IIHHI", 11 * i, 1, 6, 3, 0) for i in range(PVS)), 16)
        sections.add(struct.pack("<QQIIHHHHIIII", 0, 0, 1, 2, 3, 4, 13, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0), 48)
        sections.add_zeros(MESSAGES * 72, 72)
        sections.add(bytes(256), 256)
        sections.add(bytes(-(-MESSAGES // BLOCK) * 8), 8)
        checks = struct.pack(f"<{len(sections.sums)}I", *sections.sums)
        sections.add(checks, 4, crc32c(checks))
        head = struct.pack("<8sHHIQII", b"catrace\x1a", 2, 0, HEADER, sections.at, len(sections.rows), CHUNK)
        head = (head + b"".join(struct.pack("<QQQII", *row) for row in sections.rows)).ljust(HEADER - 4, b"\0")
        file.seek(0)
        file.write(head + struct.pack("<I", crc32c(head)))
    return path.stat()


def dump_ms(path):
    """The whole command, which looks for messages that are not there."""
    begin = time.monotonic()
    subprocess.run([machine.CAPLAY, "dump", "--from", "1h", path], check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - begin) * 1e3


def opening(run):
    path = machine.folder / "big.catrace"
    stat = make_trace(path)
    note = f"{stat.st_size / 1e9:.1f} GB, of which {stat.st_blocks * 512 / 1e6:.1f} MB are no hole; page cache warm"
    ours, bare, command = [], [], []
    for _ in run.pairs(30, 10):
        answer = machine.floor("open", "--file", path)
        ours.append(answer["ours_ns"] / 1e6)
        bare.append(answer["bare_ns"] / 1e6)
        command.append(dump_ms(path))
    path.unlink()
    yield Measure("open", "a trace of 10 GB", "ms", ours, bare, peer="bare mmap, index touched", at_most=50, absolute=True, note=note)
    yield Measure("open", "and dump --from, as a command", "ms", command, at_most=50, absolute=True)
