"""The harness of the Python clients: runs one job against one CA client library and prints one JSON line.

    PYTHON client_pyca.py JOB.json

Each client_*.py holds what differs, as the same functions, so that they can be compared side by side:

    NAME, PACKAGE                   the client's name; the package that it comes in
    setup()                         import the library, create its context
    connect(names, timeout)         PV objects, all made before any is waited for; all are connected on return
    get(pv, timeout)                the value
    put(pv, value, timeout)         write with a callback and wait for it
    read(pv, timeout)               everything that the library knows of the PV: a description()
    monitor(names, update, timeout) subscribe; update(name, value, seconds, nanoseconds, status, severity) is called from
                                    the library's own thread; what is returned is kept until the end
    pause(seconds)                  only where callbacks run in this thread: let them, for so long
    finish()                        only where a library hangs without it: called when the line is out

A time-out is in seconds; what fails raises. Stamps are seconds since 1990 (EPICS). Stages are timed with CLOCK_MONOTONIC. Whatever a
library prints on stdout goes to stderr. The line is out before the interpreter ends, and nothing is unsubscribed or closed first:
a library that crashes at exit is seen to (pyca does, where updates still arrive).
"""
import importlib.metadata
import json
import math
import os
import pathlib
import resource
import sys
import threading
import time

LIMITS = ("upper_disp", "lower_disp", "upper_alarm", "upper_warning", "lower_warning", "lower_alarm", "upper_ctrl", "lower_ctrl")
EPOCH = 631152000  # 1990 in seconds since 1970
SHOWN = 16  # elements of an array in a read's answer
USED = []  # a dict a stage that is over
PAUSE = 0.01  # between two looks whether the first updates are there


def main(client):
    """Run the job in the file that is the one argument. Exits: 0, or 1 with "error" in the line."""
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answer = {"client": client.NAME, "version": version(client.PACKAGE), "task": None, "ok": False, "error": None}
    try:
        job = json.loads(pathlib.Path(sys.argv[1]).read_text())
        answer["task"] = job["task"]
        run = TASKS[job["task"]]
        answer["setup_ns"] = timed("setup", lambda: set_up(client))[0]
        answer |= run(client, job, Deadline(job.get("timeout_s", 60)))
        answer["used"] = USED
        answer["ok"] = True
    except Exception as error:
        answer["error"] = str(error) if isinstance(error, (NotInstalled, TimeoutError)) else f"{type(error).__name__}: {error}"
    print(json.dumps(plain(answer)), file=answer_to, flush=True)
    getattr(client, "finish", lambda: None)()
    sys.exit(0 if answer["ok"] else 1)


class NotInstalled(Exception):
    pass


def set_up(client):
    try:
        client.setup()
    except ImportError as error:
        raise NotInstalled(f"not installed: {why_not_installed(client.PACKAGE, sys.prefix) or error}") from error


def why_not_installed(package, prefix):
    """What scripts/setup noted when it could not install the package, or None."""
    note = pathlib.Path(prefix, "not-installed", package)
    return note.read_text().strip() if note.exists() else None


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---- tasks ----


def task_setup(client, job, deadline):
    """Nothing more: whether the library can be had, and its version."""
    return {}


def task_connect(client, job, deadline):
    """The stages of the published procedure: create and connect, first get, second get; then one put."""
    names = names_of(job)
    connect_ns, pvs = timed("connect", lambda: connect(client, names, job.get("order", "together"), deadline))
    read = pvs[: job.get("get_names", 1)]
    get_ns, values = [], []
    for i in range(job.get("gets", 2)):
        ns, got = timed(f"get_{i + 1}", lambda: [client.get(pv, deadline.left()) for pv in read])
        get_ns.append(ns)
        values.append(short(got[0]))
    put_ns = None
    if job.get("put"):
        target = dict(zip(names, pvs)).get(job["put"]["name"]) or client.connect([job["put"]["name"]], deadline.left())[0]
        put_ns, _ = timed("put", lambda: client.put(target, job["put"]["value"], deadline.left()))
    return {"connect_ns": connect_ns, "connected": len(pvs), "get_ns": get_ns, "values": values, "put_ns": put_ns}


def connect(client, names, order, deadline):
    if order == "together":
        return client.connect(names, deadline.left())
    return [client.connect([name], deadline.left())[0] for name in names]


def task_monitor(client, job, deadline):
    """Sum every frame of one image; "monitoring" on stderr when the first one is there."""
    columns, rows, first = ("arrived_ns", "sum", "serial", "seconds", "nanoseconds"), [], {}

    def update(name, value, seconds, nanoseconds, status, severity):
        arrived_ns = time.monotonic_ns()
        first.setdefault("count", len(value))
        rows.append((arrived_ns, int(value.sum()), serial(value), seconds, nanoseconds))  # at once: the last one may meet the end

    subscribed_ns = time.monotonic_ns()
    collect(client, [job["name"]], update, job["seconds"] + job.get("warmup_s", 0), deadline)
    frames = dict(zip(columns, map(list, zip(*rows.copy()))))
    return {"native_count": first["count"], "frames": frames, "first_ns": frames["arrived_ns"][0] - subscribed_ns}


def task_watch(client, job, deadline):
    """All updates of all names, for some seconds after each has had its first."""
    updates = {name: [] for name in names_of(job)}

    def update(name, value, seconds, nanoseconds, status, severity):
        updates[name].append([seconds, nanoseconds, short(value), status, severity])

    collect(client, list(updates), update, job["seconds"], deadline)
    return {"updates": updates}


def task_read(client, job, deadline):
    names = names_of(job)
    pvs = client.connect(names, deadline.left())
    return {"pvs": {name: client.read(pv, deadline.left()) for name, pv in zip(names, pvs)}}


TASKS = {"setup": task_setup, "connect": task_connect, "monitor": task_monitor, "watch": task_watch, "read": task_read}


def collect(client, names, update, seconds, deadline):
    """Subscribe, wait for the first update of each name, go on for `seconds`; an update later than that is not taken."""
    waiting, all_there, open_ = set(names), threading.Event(), [True]

    def take(name, *values):
        if open_[0]:
            update(name, *values)
            waiting.discard(name)
            if not waiting:
                all_there.set()

    kept = client.monitor(names, take, deadline.left())
    pause = getattr(client, "pause", None)
    while pause and not all_there.is_set() and not deadline.is_over():
        pause(PAUSE)
    if not all_there.wait(deadline.left()):
        raise TimeoutError(f"no update within {deadline.seconds} s: {few(sorted(waiting))}")
    print("monitoring", file=sys.stderr, flush=True)
    (pause or time.sleep)(seconds)
    open_[0] = False
    return kept


# ---- for the clients ----


def wait_connected(names, events, timeout):
    """Wait until every threading.Event is set."""
    end = time.monotonic() + timeout
    missing = [name for name, event in zip(names, events) if not event.wait(max(0, end - time.monotonic()))]
    if missing:
        raise TimeoutError(f"not connected within {timeout:.0f} s: {few(missing)}")


def description(value, kind, count, access, data, limits, **known):
    """A read's answer. kind: the library's name of the native type; data: the library's dict of metadata; limits: its names for
    LIMITS, in that order. What the library does not tell is left out."""
    kind = kind.upper().removeprefix("DBF_").removeprefix("TIME_")
    found = {ours: data[theirs] for ours, theirs in zip(LIMITS, limits) if data.get(theirs) is not None}
    known |= {"type": {"INT": "SHORT"}.get(kind, kind), "count": count, "access": access, "limits": found or None}
    if count > 1:
        known |= {"value": value[:SHOWN], "sum": int(value.sum())}
    else:
        known["value"] = value
    return {name: what for name, what in known.items() if what is not None}


def since_1990(stamp):
    """The stamp of a library that gives (seconds since 1970, nanoseconds)."""
    return stamp[0] - EPOCH, stamp[1]


# ---- small helpers ----


class Deadline:
    """One budget for all that a job does."""

    def __init__(self, seconds):
        self.seconds, self.end = seconds, time.monotonic() + seconds

    def left(self):
        return max(0.001, self.end - time.monotonic())

    def is_over(self):
        return time.monotonic() >= self.end


def timed(name, stage):
    """Its nanoseconds and its result. The two calls of getrusage() are also the marks by which `caplay bench --count` tells stages
    apart, so there are no others."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.monotonic_ns()
    result = stage()
    ns = time.monotonic_ns() - begin
    USED.append({"stage": name, **used(before, resource.getrusage(resource.RUSAGE_SELF))})
    return ns, result


def used(before, after):
    """CPU time, context switches and page faults between two looks."""
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_ns": round(cpu_s * 1e9), "switches_waiting": after.ru_nvcsw - before.ru_nvcsw,
            "switches_forced": after.ru_nivcsw - before.ru_nivcsw, "faults_minor": after.ru_minflt - before.ru_minflt,
            "faults_major": after.ru_majflt - before.ru_majflt}


def names_of(job):
    if "names_file" in job:
        return pathlib.Path(job["names_file"]).read_text().split()
    return job["names"]


def serial(frame):
    """A frame's serial number: its first four 16-bit elements, the most significant first."""
    number = 0
    for element in frame[:4]:
        number = number << 16 | int(element) & 0xFFFF
    return number


def short(value):
    """A value in one number or string: an array's is its serial number."""
    return serial(value) if hasattr(value, "shape") and value.shape else value


def few(names):
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def plain(value):
    """What json can write: numpy's numbers and arrays become Python's, bytes text, and what is not finite None."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.split(b"\0")[0].decode("latin-1")
    return None if isinstance(value, float) and not math.isfinite(value) else value
