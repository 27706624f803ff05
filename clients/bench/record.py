#!/usr/bin/env python3
"""Record the benchmark's IOC: the IOC, a capture on lo, and three real clients at the same time on the same PVs.

    clients/bench/record.py build/bench.db build/bench.catrace [--seconds N]

One line a step on stderr. Exits with the capture's code (0 good, also where it says that packets were dropped; 5 not allowed to capture), 4 if a
client failed, 5 if a part is missing. Whatever was started is ended, by its pid, also on errors and on Ctrl-C.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPLAY = pathlib.Path(os.environ.get("CAPLAY", ROOT / "build" / "caplay"))
LIBCA = CAPLAY.parent / "libexec" / "caplay-libca"
PYTHON = ROOT / ".venv" / "bin" / "python"
CLIENTS = {"libca": [LIBCA], **{name: [PYTHON, ROOT / "clients" / "adapters" / f"client_{name}.py"] for name in ("pyepics", "caproto")}}

IMAGE, IMAGE_680, IMAGE_10HZ = "area-detector:image", "area-detector:image-680", "area-detector:image-10hz"
SCALARS = [f"ten-thousand:{i:05d}" for i in range(10000)]
CORES = sorted(os.sched_getaffinity(0))
MOVING = [f"moving:{i}" for i in range(10)]
PUT = {"name": "ten-thousand:00004", "value": 4}  # the value that it has: a put that changes nothing but its stamp
RING_MIB = 256  # holds what the clients below get in half a second: lo shows each packet twice
SHARED_SECONDS = 5  # how long all three monitor the image, and one the other size: enough, at 220 MB/s on lo


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with contextlib.ExitStack() as started:
            code = Recording(options, started).run()
    except Failed as failed:
        say(failed)
        code = failed.code
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def parse_options():
    parser = argparse.ArgumentParser(description="Record the benchmark's IOC while three real clients use it.")
    parser.add_argument("database", help="the IOC's database, made by the build: build/bench.db")
    parser.add_argument("trace", help="the recording to write")
    parser.add_argument("--both-images", action="store_true", help="watch the 680x480 image as long as the other: 1 GB more")
    parser.add_argument("--seconds", type=float, default=12, metavar="N", help="how long the moving PVs are watched (default 12)")
    return parser.parse_args()


class Failed(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def on(cores):
    """The IOC has the first core for itself, as in the benchmark: its service times are not those of a crowd."""
    return ["taskset", "-c", ",".join(map(str, cores or CORES))]


class Recording:
    """started: an ExitStack that ends every process."""

    def __init__(self, options, started):
        self.options, self.started = options, started
        self.folder = pathlib.Path(started.enter_context(tempfile.TemporaryDirectory(prefix="caplay-record-")))
        self.env = os.environ | {"EPICS_CA_MAX_ARRAY_BYTES": "10000000", "EPICS_CA_REPEATER_PORT": str(unused_port())}
        self.jobs = 0

    def run(self):
        with step("starting a repeater and the IOC"):
            self.start_server("repeater", LIBCA, "--repeater")
            self.start_ioc()
        with step("starting the capture"):
            capture = self.start_capture()
        with step("reading 10,000 scalars and three images with their metadata", seconds=4):
            self.finish(self.readers())
        with step("watching moving PVs and images, three clients at once", seconds=self.options.seconds):
            watchers = self.watchers()
            self.finish(self.put(client) for client in CLIENTS)
            self.finish(watchers)
        with step("writing the recording", seconds=2):
            capture.send_signal(signal.SIGINT)
            code = capture.wait()
            capture.pump.join()
        return code

    # ---- servers ----

    def start_ioc(self):
        env_file = self.folder / "env"
        ready = self.start_server("ioc", *on(CORES[:1]), CAPLAY, "ioc", self.options.database, "--port", "0", "--env-file", env_file)
        self.filter = " or ".join(f"port {word.partition('=')[2]}" for word in ready.split()[1:])  # nothing else that uses lo
        for line in env_file.read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value

    def start_server(self, what, *command):
        """Returns its ready line, once that is there; what it says is shown only if it never comes."""
        log = self.folder / f"{what}.log"
        with open(log, "w") as said:
            server = self.start(what, *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
        ready = server.stdout.readline()
        if not ready.startswith("ready "):
            raise Failed(server.wait() or 5, f"{log.read_text()}the {what} did not start")
        return ready

    def start_capture(self):
        """Returns once packets are being captured; from then on what it says goes to our stderr."""
        capture = self.start("capture", *on(CORES[1:]), CAPLAY, "capture", "-i", "lo", "-B", RING_MIB, "-w", self.options.trace, self.filter,
                             stderr=subprocess.PIPE)
        for line in capture.stderr:
            sys.stderr.write(line)
            if line.startswith("capturing on"):
                capture.pump = threading.Thread(target=lambda: sys.stderr.writelines(capture.stderr), daemon=True)
                capture.pump.start()
                return capture
        raise Failed(capture.wait() or 5, "the capture did not start")

    def start(self, what, *command, **keywords):
        command = [str(word) for word in command]
        try:
            with signals_held():
                process = subprocess.Popen(command, text=True, env=self.env, **keywords)
                self.started.callback(end, process)
        except OSError as error:
            raise Failed(5, f"{what}: {command[0]}: {error.strerror}: run make") from error
        return process

    # ---- clients ----

    def readers(self):
        everything = self.folder / "names"
        everything.write_text("\n".join(SCALARS + MOVING + [IMAGE, IMAGE_680, IMAGE_10HZ]) + "\n")
        some = SCALARS[:100] + MOVING + [IMAGE]
        return [self.job("libca", task="read", names_file=str(everything)), self.job("pyepics", task="read", names=some),
                self.job("caproto", task="read", names=some)]

    def watchers(self):
        seconds, shared = self.options.seconds, min(self.options.seconds, SHARED_SECONDS)
        # First the images, one client all the time: a replay of it runs at 120 Hz from its start for as long as the benchmark measures.
        jobs = [self.job(client, task="monitor", name=name, seconds=lasts, warmup_s=0) for client, name, lasts in (
            ("libca", IMAGE, seconds), ("libca", IMAGE_10HZ, seconds), ("libca", IMAGE_680, seconds if self.options.both_images else shared),
            ("pyepics", IMAGE, shared), ("caproto", IMAGE, shared))]
        return jobs + [self.job(client, task="watch", names=MOVING + SCALARS[:20], seconds=seconds) for client in CLIENTS]

    def put(self, client):
        return self.job(client, task="connect", names=[PUT["name"]], gets=1, put=PUT)

    def job(self, client, **job):
        """Start a client on a job; its answer goes to a file."""
        self.jobs += 1
        path = self.folder / f"job-{self.jobs}.json"
        path.write_text(json.dumps(job | {"timeout_s": 60}))
        with open(path.with_suffix(".answer"), "w") as answer, open(path.with_suffix(".log"), "w") as log:
            process = self.start(client, *on(CORES[1:]), "nice", *CLIENTS[client], path, stdout=answer, stderr=log)  # the capture comes first
        process.client, process.path = client, path
        return process

    def finish(self, processes):
        for process in list(processes):
            process.wait()
            text = process.path.with_suffix(".answer").read_text()
            answer = json.loads(text) if text else {"error": f"no answer, exit code {process.returncode}"}
            if (answer["error"] or "").startswith("not installed"):
                say(f"{process.client}: {answer['error']}: recorded without it")
            elif answer["error"]:
                raise Failed(4, f"{process.client}: {answer['error']}\n{process.path.with_suffix('.log').read_text()}")


@contextlib.contextmanager
def signals_held():
    """SIGINT and SIGTERM wait until the end, so that nothing is started without being noted."""
    caught = []
    handlers = {number: signal.signal(number, lambda n, _: caught.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in caught:
            signal.raise_signal(number)


def end(process):
    """End what we started: politely, then for certain."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unused_port():
    """A UDP port where no repeater is, and where no client's socket will be: below the ephemeral range."""
    for port in random.sample(range(10000, 30000), 1000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free UDP port from 10000 to 29999 in 1000 tries")


# ---- what a person sees ----

BEGIN = time.monotonic()
WIDTH = 30


def say(text):
    print(f"record {time.monotonic() - BEGIN:5.1f} s  {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text, seconds=0):
    """One line a step; on a terminal, a bar below it while a step takes more than 2 s. seconds: about how long it takes."""
    say(text)
    done = threading.Event()
    bar = threading.Thread(target=draw_bar, args=(seconds, done))
    if seconds > 2 and sys.stderr.isatty():
        bar.start()
    try:
        yield
    finally:
        done.set()
        if bar.ident:
            bar.join()


def draw_bar(seconds, done):
    begin = time.monotonic()
    while not done.wait(0.2):
        part = min(1, (time.monotonic() - begin) / seconds)
        sys.stderr.write(f"\r  [{'#' * int(WIDTH * part):<{WIDTH}}] {part:4.0%}")
    sys.stderr.write("\r\33[K")


if __name__ == "__main__":
    main()
