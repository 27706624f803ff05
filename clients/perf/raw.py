"""What `make hostile` and `make memory` stand on: servers on the first core that is allowed, and a Channel Access client of bytes.

All servers are treated alike, as an ordinary user's: none has real-time priority or locks its memory. A real IOC that may does
both, and then keeps the whole stacks of its two threads a circuit."""
import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess

BUILD = pathlib.Path(__file__).absolute().parents[2] / "build"
CAPLAY = pathlib.Path(os.environ.get("CAPLAY", BUILD / "caplay"))
IMAGE, IMAGE_ELEMENTS = b"area-detector:image", 640 * 480
SHORT, DOUBLE = 1, 6
VERSION, EVENT_ADD, SEARCH, READ_NOTIFY, CREATE_CHAN, ECHO = 0, 1, 6, 15, 18, 23
CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORE = CORES[-1]
PR_CAPBSET_DROP, CAP_IPC_LOCK, CAP_SYS_NICE = 24, 14, 23
libc = ctypes.CDLL(None)


def server_of(pv):
    """The arguments of caplay that serve it, by server: what is measured is measured on both in the same run."""
    return {"caplay sim": ("sim", pv), "real IOC": ("ioc", CAPLAY.parent / "bench.db")}


def message(command, type=0, count=0, p1=0, p2=0, payload=b""):
    payload += bytes(-len(payload) % 8)
    if count > 0xFFFE:
        return struct.pack(">HHHHIIII", command, 0xFFFF, type, 0, p1, p2, len(payload), count) + payload
    return struct.pack(">HHHHII", command, len(payload), type, count, p1, p2) + payload


def subscribe(sid, subid, type, count):
    return message(EVENT_ADD, type, count, sid, subid, struct.pack(">fffHH", 0, 0, 0, 1, 0))


class Client:
    """A circuit; replies are read as bytes of a known length, for the clock stands at nothing else."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(message(VERSION, 0, 13))
        self.take(16)

    def take(self, n):
        data = self.socket.recv(n, socket.MSG_WAITALL)
        if len(data) < n:
            raise ConnectionError("the server ended the circuit")
        return data

    def replies(self, command, n):
        """p1 and p2 of the next n messages with this command."""
        found = []
        while len(found) < n:
            got, size, _, count, p1, p2 = struct.unpack(">HHHHII", self.take(16))
            if size == 0xFFFF:
                size, count = struct.unpack(">II", self.take(8))
            if size:
                self.take(size)
            if got == command:
                found.append((p1, p2))
        return found

    def create(self, names):
        """The sids of so many new channels."""
        self.socket.sendall(b"".join(message(CREATE_CHAN, 0, 0, i, 13, name + b"\0") for i, name in enumerate(names)))
        return [sid for _, sid in self.replies(CREATE_CHAN, len(names))]


def become_ordinary():
    os.sched_setaffinity(0, CORES[:1])
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    for capability in (CAP_IPC_LOCK, CAP_SYS_NICE):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@contextlib.contextmanager
def server(*command):
    """Its TCP port and the process id of the one that serves."""
    process = subprocess.Popen([CAPLAY, *command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, stdin=subprocess.DEVNULL, preexec_fn=become_ordinary)
    try:
        port = int(process.stdout.readline().split("tcp=")[1])
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield port, int(children[0]) if children else process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def memory_kib(pid):
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])
