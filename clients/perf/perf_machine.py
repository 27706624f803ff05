"""What the measures of `make perf` stand on: servers on the first allowed core, clients on the others, floors, samples, drops.

All servers are treated alike: one core, SCHED_FIFO where it is granted (the real IOC's threads ask for it themselves), 1,024
descriptors. Whatever is started is ended by its pid, on errors too."""
import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import random
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPLAY = pathlib.Path(os.environ.get("CAPLAY", ROOT / "build" / "caplay"))
LIBEXEC = CAPLAY.parent / "libexec"
LIBCA, FLOOR, PYTHON = LIBEXEC / "caplay-libca", LIBEXEC / "caplay-floor", ROOT / ".venv" / "bin" / "python"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES, CLIENT_CORES = CORES[:1], CORES[1:] or CORES
FIFO_PRIORITY, NOFILE, PATIENCE = 20, 1024, 120
IMAGE = "area-detector:image"
SCALARS = [f"ten-thousand:{i:05d}" for i in range(10000)]
folder = pathlib.Path(tempfile.mkdtemp(prefix="caplay-perf-"))


@atexit.register
def remove_folder():
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def realtime_is_granted():
    """In a child, so that we stay as we are."""
    child = os.fork()
    if child == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


REALTIME = realtime_is_granted()


def become(cores, realtime, urgent=False):
    """For preexec_fn."""
    os.sched_setaffinity(0, cores)
    resource.setrlimit(resource.RLIMIT_NOFILE, (NOFILE, NOFILE))
    if realtime and REALTIME:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    if urgent:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)


# ---- servers ----


class Server:
    """A process from its ready line to SIGINT: tcp, udp, pid (of the one that serves), lines (of its stdout, once it has ended)."""

    def __init__(self, *command, pinned=True, env=None):
        cores, realtime = SERVER_CORES if pinned else CORES, "ioc" not in command
        self.log = tempfile.TemporaryFile("w+")
        begin = time.monotonic()
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        stderr=self.log, preexec_fn=lambda: become(cores, realtime), env=os.environ | (env or {}))
        ready = self.process.stdout.readline()
        self.ready_s = time.monotonic() - begin
        if not ready.startswith("ready "):
            self.stop()
            raise RuntimeError(f"{' '.join(map(str, command))} did not start: {self.said()}")
        ports = dict(word.split("=") for word in ready.split()[1:])
        self.udp, self.tcp = int(ports["udp"]), int(ports["tcp"])
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = int(children[0]) if children else self.process.pid

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.lines = self.process.communicate(timeout=PATIENCE)[0].splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def cpu_s(self):
        """All of its threads, by the process's CPU clock."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory_bytes(self):
        return int(pathlib.Path(f"/proc/{self.pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024

    def drops(self):
        return sum(drops for local, drops in udp_sockets() if local == self.udp)


def caplay(*command, pinned=True, env=None):
    """`caplay COMMAND` on a free port, with a report that is there once it has stopped."""
    return Server(CAPLAY, *command, "--port", "0", pinned=pinned, env=env)


@contextlib.contextmanager
def reporting(*command, pinned=True):
    """Yields (server, report): the dict is filled when the server has stopped."""
    file, report = folder / f"report-{random.getrandbits(32)}.json", {}
    with caplay(*command, "--report", file, pinned=pinned) as server:
        yield server, report
    report |= json.loads(file.read_text())
    file.unlink()


def database(name, *lines):
    """A .db file for the real IOC, with what bench_db.py makes."""
    path = folder / f"{name}.db"
    path.write_text("".join(lines))
    return path


# ---- clients and floors ----


def run(command, env=None, cores=CLIENT_CORES, watch=None, server=False):
    """A client to its end: the JSON of its last line. watch(pid) returns what to stop then; server: it stands for one."""
    cores = SERVER_CORES if server else cores
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=os.environ | (env or {}), preexec_fn=lambda: become(cores, server, command[0] == FLOOR))
    watching = watch(process.pid) if watch else None
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
        if watching:
            watching.stop()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {(err or out).strip()[-300:]}")
    return json.loads(out.splitlines()[-1])


def floor(kind, *options, cores=CLIENT_CORES, samples=False, width=1, watch=None):
    """caplay-floor's answer; with samples: (answer, array). It is an instrument: others on its core have to wait, where we may."""
    if not samples:
        return run([FLOOR, kind, *options], cores=cores, watch=watch)
    file = folder / f"samples-{random.getrandbits(32)}"
    try:
        answer = run([FLOOR, kind, *options, "--samples", file], cores=cores, watch=watch)
        values = numpy.fromfile(file, dtype=numpy.int64)
    finally:
        file.unlink(missing_ok=True)
    return answer, values.reshape(-1, width) if width > 1 else values


def client_env(server):
    return {"EPICS_CA_ADDR_LIST": "127.0.0.1", "EPICS_CA_AUTO_ADDR_LIST": "NO", "EPICS_CA_SERVER_PORT": str(server.udp),
            "EPICS_CA_REPEATER_PORT": str(repeater_port()), "EPICS_CA_MAX_ARRAY_BYTES": "10000000"}


def client_job(client, server, job, watch=None):
    """A benchmark client's job: the answer of its adapter."""
    file = folder / f"job-{random.getrandbits(32)}.json"
    file.write_text(json.dumps(job))
    program = [LIBCA] if client == "libca" else [PYTHON, LIBEXEC / f"client_{client}.py"]
    try:
        return run([*program, file], client_env(server), watch=watch)
    finally:
        file.unlink()


repeater = []


def repeater_port():
    """One CA repeater of our own for the whole run."""
    if not repeater:
        port = free_port()
        process = subprocess.Popen([LIBCA, "--repeater"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=os.environ | {"EPICS_CA_REPEATER_PORT": str(port)},
                                   preexec_fn=lambda: become(SERVER_CORES, False))
        repeater.extend([port, process])
        atexit.register(lambda: (process.terminate(), process.wait()))
        await_repeater(port)
    return repeater[0]


def await_repeater(port):
    """Register as a client does, with an empty datagram; its confirmation says that it runs (ca-protocol 9.2)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.05)
        for _ in range(400):
            with contextlib.suppress(OSError):
                s.sendto(b"", ("127.0.0.1", port))
                s.recv(16)
                return
    raise RuntimeError("our CA repeater does not answer")


def free_port():
    """Below the ephemeral range, so that no client's socket gets it."""
    for port in random.sample(range(10000, 30000), 1000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free UDP port")


# ---- what the kernel tells ----


def udp_sockets(pid="self"):
    """(local port, drops) of every UDP socket."""
    for line in pathlib.Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]:
        words = line.split()
        yield int(words[1].split(":")[1], 16), int(words[12])


class DropWatch:
    """Looks every 20 ms at the drops of a process's own UDP sockets, until stop(): drops."""

    def __init__(self, pid):
        self.pid, self.drops, self.done = pid, {}, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.done.wait(0.02):
            with contextlib.suppress(OSError):
                self.look()

    def look(self):
        inodes = {os.readlink(path) for path in pathlib.Path(f"/proc/{self.pid}/fd").iterdir()}
        for line in pathlib.Path(f"/proc/{self.pid}/net/udp").read_text().splitlines()[1:]:
            words = line.split()
            if f"socket:[{words[9]}]" in inodes:
                self.drops[words[9]] = int(words[12])

    def stop(self):
        self.done.set()
        self.thread.join()

    def total(self):
        return sum(self.drops.values())


def stolen():
    """Seconds that the hypervisor kept from us, and all seconds, of all cores, since boot."""
    ticks = list(map(int, pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    hz = os.sysconf("SC_CLK_TCK")
    return ticks[7] / hz, sum(ticks) / hz


class Listener:
    """Packets of one port on lo, stamped by the kernel and kept by it until packets() asks: nobody runs for it meanwhile.
    Raises OSError where we may not."""

    def __init__(self, port):
        # ldh [20]; jeq port; ldh [22]; jeq port; drop; accept: the ports behind an IPv4 header of 20 bytes
        code = [(0x28, 0, 0, 20), (0x15, 3, 0, port), (0x28, 0, 0, 22), (0x15, 1, 0, port), (0x06, 0, 0, 0), (0x06, 0, 0, 0x40000)]
        program = b"".join(struct.pack("HBBI", *line) for line in code)
        kept = ctypes.create_string_buffer(program)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", len(code), ctypes.addressof(kept)))  # SO_ATTACH_FILTER
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)  # SO_RCVBUFFORCE
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.socket.bind(("lo", 0x0800))
        self.socket.setblocking(False)

    def packets(self):
        """(ns, is UDP, source port, bytes behind the header) of each packet, once, in order."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, address = self.socket.recvmsg(1 << 17, 64)
                if address[2] == 4:  # PACKET_OUTGOING: lo shows it again as it comes in
                    continue
                seconds, ns = struct.unpack("qq", extra[0][2])
                is_udp = data[9] == 17
                header = 28 if is_udp else 20 + (data[32] >> 4) * 4
                yield seconds * 10**9 + ns, is_udp, struct.unpack(">H", data[20:22])[0], data[header:]
        self.socket.close()
