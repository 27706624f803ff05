"""What the end-to-end tests share: a caplay server, a client's job, one run of caplay.

    with cahelp.server("sim", "ten-thousand") as server:
        result = cahelp.run_job("pyca", {"task": "read", "names": ["ten-thousand:00000"]}, server.env)

Every process is started on ports of its own and ended by its pid, also when a test fails. Nothing waits by sleeping.
"""
import contextlib
import json
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CAPLAY = pathlib.Path(os.environ.get("CAPLAY", ROOT / "build" / "caplay"))
BUILD = CAPLAY.parent
LIBCA = BUILD / "libexec" / "caplay-libca"
BENCH_DB = BUILD / "bench.db"
CLIENTS = ("libca", "pyca", "psp", "pyepics", "caproto")
MORE_CLIENTS = ("libca_nopreempt", "caj", "cachannel", "cothread", "aioca", "caproto_pyepics", "caproto_asyncio", "caproto_sync")
SPECIAL = {"libca_nopreempt": {"preemptive": False}, "caj": {"rehearse_s": 0.1}}  # what their jobs have besides


def caplay(*args, timeout=60, env=None, **keywords):
    """Run caplay to its end: a CompletedProcess with returncode, stdout and stderr as text."""
    return subprocess.run([str(CAPLAY), *map(str, args)], capture_output=True, text=True, timeout=timeout,
                          env=os.environ | (env or {}), **keywords)


def free_port():
    """A UDP port that was free just now, below the ephemeral range: there Linux may give it to a client's socket, too, although
    it is bound, where both sockets are reusable (caproto's are, and the repeater's)."""
    for port in random.sample(range(10000, 30000), 1000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free UDP port from 10000 to 29999 in 1000 tries")


@contextlib.contextmanager
def free_pair():
    """A UDP socket that shares its port as EPICS's servers do, and a listening TCP socket with the same number."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())  # free for UDP may be taken for TCP
            except OSError:
                continue
            tcp.listen()
            yield udp, tcp
            return


def client_env(udp):
    """What a CA client needs to find the server at this UDP port and nothing else; images of any size pass."""
    return {"EPICS_CA_ADDR_LIST": "127.0.0.1", "EPICS_CA_AUTO_ADDR_LIST": "NO", "EPICS_CA_SERVER_PORT": str(udp),
            "EPICS_CA_REPEATER_PORT": str(REPEATER_PORT), "EPICS_CA_MAX_ARRAY_BYTES": "10000000"}


class server:
    """`caplay ARGS... --port 0` from its ready line to SIGINT: udp, tcp (ports), env (for clients), process.
    port: where an earlier server was, to start it again there."""

    def __init__(self, *args, env=None, ready_s=60, port=0, **popen):
        self.log = tempfile.TemporaryFile("w+")
        popen = {"stdin": subprocess.DEVNULL, "env": os.environ | (env or {})} | popen
        self.process = subprocess.Popen([str(CAPLAY), *map(str, args), "--port", str(port)], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, **popen)
        try:
            self._wait_ready(ready_s)
        except BaseException:
            self.kill()
            raise

    def _wait_ready(self, ready_s):
        readable, _, _ = select.select([self.process.stdout], [], [], ready_s)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("ready "):
            raise RuntimeError(f"{self.process.args}: no ready line but {line!r}; stderr: {self.stderr()}")
        ports = dict(word.split("=") for word in line.split()[1:])
        self.udp, self.tcp = int(ports["udp"]), int(ports["tcp"])
        self.env = client_env(self.udp)

    def stderr(self):
        """What the server has said so far."""
        self.log.seek(0)
        return self.log.read()

    def stop(self, timeout=30):
        """End it as a user would, with SIGINT; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        ended_by_test = self.process.poll() is not None
        try:
            code = self.stop()
        finally:
            self.kill()
        assert failed or ended_by_test or code == 0, f"{self.process.args}: exit code {code}; stderr: {self.stderr()}"


def realtime_server(*args):
    """A server that was started as chrt(1) does; skips the test where SCHED_FIFO is not granted."""
    try:
        return server(*args, preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
    except subprocess.SubprocessError:
        pytest.skip("SCHED_FIFO is not granted here")


@contextlib.contextmanager
def capture(trace, server):
    """The server's traffic on lo goes to a recording while the body runs; skips the test where capturing is not allowed."""
    process = subprocess.Popen([CAPLAY, "capture", "-i", "lo", "-w", trace, f"port {server.udp} or port {server.tcp}"],
                               stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("capturing on"):
                break
        else:
            if process.wait() == 5:
                pytest.skip("".join(said))
        yield
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert process.returncode == 0, "".join(said) + rest
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def cpu_seconds(pid):
    """Processor time of a process so far, as user and in the kernel."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_wait_s():
    """For how long so far at least one of this machine's processes has been waiting for a core; None: the kernel does not tell."""
    try:
        some = pathlib.Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return None
    return int(some.split("total=")[1]) / 1e6


def memory_kib(pid):
    """Resident memory of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def client_command(client):
    """The command that runs a client's adapter; the job's file is its one argument."""
    if client in ("libca", "libca_nopreempt"):
        return [str(LIBCA)]
    if client == "caj":
        return [str(LIBCA.with_name("client_caj"))]
    return [sys.executable, str(ROOT / "clients" / "adapters" / f"client_{client}.py")]


def start_job(client, job, env):
    """Start an adapter on a job (a dict); finish_job() waits for it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(job | SPECIAL.get(client, {}), file)
    process = subprocess.Popen([*client_command(client), file.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=os.environ | env)
    process.job_file = file.name
    return process


def finish_job(process, timeout=120):
    """The adapter's one line as a dict, with "exit_code" and "stderr" added."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.unlink(process.job_file)
    lines = out.splitlines()
    assert len(lines) == 1, f"{process.args}: not one line: {out!r}, exit code {process.returncode}, stderr: {err}"
    return json.loads(lines[0]) | {"exit_code": process.returncode, "stderr": err}


def run_job(client, job, env, timeout=120):
    return finish_job(start_job(client, job, env), timeout)


# Nobody listens here: a libca client that finds no repeater says so on stderr and goes on.
REPEATER_PORT = free_port()
