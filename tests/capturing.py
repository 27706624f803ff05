"""What tests of captures share: a program that captures, a file of packets as a trace, what two recordings have in common."""
import ctypes
import json
import os
import re
import signal
import socket
import subprocess

import cahelp
import pytest

CLONE_NEWNET = 0x40000000

# For tshark: what lies above UDP and TCP is data. It would guess another protocol by our free ports.
AS_DATA = [word for name in ("tcp", "udp") for word in ("-d", f"{name}.port==1024-65535,data")]


def own_network():
    """A loopback of our own, so that nobody else's packets count; where that is not allowed, tests filter by port. Is it our own?"""
    own = ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
    if own:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return own


def can_capture():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        pass
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except PermissionError:
        return False
    return True


needs_capture = pytest.mark.skipif(not can_capture(), reason="no permission to capture")


class recorder:
    """A program that captures, from the line that says so to SIGINT; `said` is what it wrote to stderr."""

    def __init__(self, *command, ready, env=None):
        command = [str(word) for word in command]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | (env or {}))
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if re.search(ready, line):
                return
        raise RuntimeError(f"{command}: {self.said}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.said += self.process.communicate(timeout=60)[1]
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def capture(*words, env=None):
    return recorder(cahelp.CAPLAY, "capture", "-B", 256, *words, ready="^capturing on lo$", env=env)


def tcpdump(path, condition):
    return recorder("tcpdump", "-i", "lo", "-w", path, "-B", 65536, "-Z", "root", "--immediate-mode", condition,
                    ready="^tcpdump: listening on lo")


def dump(trace):
    done = cahelp.caplay("dump", "--format", "jsonl", trace)
    assert done.returncode == 0, done.stderr
    return [row for row in map(json.loads, done.stdout.splitlines()) if "loss" not in row]


def compile_file(path, trace):
    """Read a capture file; the messages, and what was said."""
    done = cahelp.caplay("capture", "-r", path, "-w", trace)
    assert done.returncode == 0, done.stderr
    return dump(trace), done.stderr


def conversation(rows):
    """Each side of each circuit: its messages in order, without what depends on times and numbering."""
    sides = {}
    for row in rows:
        said = {k: v for k, v in row.items() if k not in ("index", "t_ns", "span_ns", "service_ns", "circuit", "peer")}
        said["paired"] = row["peer"] is not None
        sides.setdefault((row["circuit"], row["from"]), []).append(said)
    return sides


def of(rows, pv, command, speaker="server"):
    return [row for row in rows if row["pv"] == pv and row["command"] == command and row["from"] == speaker]
