"""Captures of lo for the rows capture and decode: who takes them, what they cost, what they hold."""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time

import perf_machine as machine

TCPDUMP, TSHARK, OPENSSL = map(shutil.which, ("tcpdump", "tshark", "openssl"))
RING_KIB = 65536  # tcpdump's -B; ours has as much without being asked
LAST_BLOCK_S = 0.2  # the kernel hands over its ring's last block within so long


def wait_for(process):
    """(CPU s, the rest of stderr) of a program that ends by itself; raises where it fails."""
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):  # 3: the kernel dropped packets, which is told
        raise RuntimeError(f"{' '.join(map(str, process.args))} ended with {process.returncode}: {said.strip()[-300:]}")
    return usage.ru_utime + usage.ru_stime, said


def start(command, stdin=subprocess.DEVNULL):
    return subprocess.Popen(list(map(str, command)), stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: machine.become(machine.CORES, False))


def spent(command, stdin=subprocess.DEVNULL):
    """(wall s, CPU s) of a program from its start to its end."""
    begin = time.monotonic()
    cpu_s, _ = wait_for(start(command, stdin))
    return time.monotonic() - begin, cpu_s


def need_room(bytes_needed):
    free = shutil.disk_usage(machine.folder).free
    if free < bytes_needed:
        raise RuntimeError(f"{machine.folder} has {free / 1e9:.0f} GB free, {bytes_needed / 1e9:.0f} are needed")


class Capture:
    """Packets of a server's ports on lo to a file, by one of COMMANDS. After the with-block: cpu_s, said."""

    def __init__(self, kind, server):
        self.kind, self.file = kind, machine.folder / f"capture{SUFFIXES[kind]}"
        self.process = start([*COMMANDS[kind](self.file), f"port {server.tcp} or port {server.udp}"])
        for line in self.process.stderr:
            if " on lo" in line:
                return
        wait_for(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(LAST_BLOCK_S)
        self.process.send_signal(signal.SIGINT)
        self.cpu_s, self.said = wait_for(self.process)

    def drops(self):
        """As its program tells them."""
        told = re.search(r"(\d+) packets dropped by|kernel dropped (\d+)", self.said)
        return int(told[1] or told[2])


def tcpdump(file):
    return [TCPDUMP, "-i", "lo", "-B", RING_KIB, *(["-Z", "root"] if os.geteuid() == 0 else []), "-w", file]


def ours(file):
    return [machine.CAPLAY, "capture", "-i", "lo", "-w", file]


COMMANDS = {"pcapng": ours, "catrace": ours, "tcpdump": tcpdump}
SUFFIXES = {"pcapng": ".pcapng", "catrace": ".catrace", "tcpdump": ".pcap"}


# ---- what a capture holds ----


def to_trace(file):
    """(the trace of a capture, its gaps)."""
    trace = machine.folder / "capture.catrace"
    with open(file) as stdin:
        said = wait_for(start([machine.CAPLAY, "capture", "-r", "-", "-w", trace], stdin))[1]
    return trace, gaps(said)


def gaps(said):
    """Of a summary of `caplay capture`."""
    return int(re.search(r"(\d+) gaps", said)[1])


def serials(trace, pv):
    """Of each circuit, in their order, the serials of its frames in theirs."""
    found = {}
    dump = subprocess.run([machine.CAPLAY, "dump", "--format", "jsonl", "--pv", pv, trace], stdout=subprocess.PIPE, check=True)
    for line in map(json.loads, dump.stdout.splitlines()):
        if line.get("role") in ("first", "update"):
            serial = int.from_bytes(struct.pack(">4h", *line["value"][:4]), "big")
            found.setdefault(line["circuit"], []).append(serial)
    return [found[circuit] for circuit in sorted(found)]
