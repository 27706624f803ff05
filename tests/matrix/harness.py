"""What every client does in the matrix: the same steps on the PVs of tests/db/matrix.db, with one client library, as one process.

    PYTHON tests/matrix/pyca_client.py [STEP...]       all steps but these

Each *_client.py holds what differs, as the functions of clients/adapters/adapter.py (NAME, PACKAGE, setup, connect, get, put, read,
monitor), and may have:

    rights(pv)                      the access rights now: 1 read, 2 write; without it they are no step
    pause(seconds)                  let time pass, for libraries that do their work only then
    OWN                             {name: function()}: what this library alone offers
    monitor_step(run), restart_step(run)
                                    in place of the harness's own
    RECONNECTS = False              the library leaves that to its user: a get is repeated until it succeeds

One JSON line on stdout at the end: {"client":..., "version":..., "steps": {step: {"result":...} or {"error":...}},
"reconnected_ns":...}. Results hold nothing that differs between two runs on the same server. A word on a line of stdout asks the
parent for something: "restart" the server, "lock" and "unlock" the PV m:guarded.
"""
import collections.abc
import json
import os
import pathlib
import re
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "adapters"))
import adapter  # noqa: E402

TIMEOUT_S = 10.0
MISSING_S = REFUSED_S = 1.0  # how long something is waited for that does not come
SHOWN = 100  # longer arrays are compared by count, sum and first elements

WRITTEN = {  # what is written to each PV
    "m:double": 12.5,
    "m:float": 0.75,
    "m:long": 123456,
    "m:short": 1234,
    "m:char": 66,
    "m:enum": 2,
    "m:string": "another text",
    "m:doubles": [9.5, -8.25, 7.0],
    "m:floats": [1.5, -0.5],
    "m:longs": [5, 6, -70000, 8],
    "m:shorts": [-1, 2, -3],
    "m:chars": [98, 121, 101],
    "m:enums": [2, 1, 0],
    "m:strings": ["three", "four", "five"],
}
SCALARS = [name for name, value in WRITTEN.items() if not isinstance(value, list)]
WATCHED = [1, 2, 3, 0.5]  # from 2 on there is an alarm
IMAGE = [k % 1000 for k in range(307200)]


def main(client):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints on stdout goes to stderr
    answer = {"client": client.NAME, "version": adapter.version(client.PACKAGE), "steps": {}, "not_installed": None}
    try:
        adapter.set_up(client)
        Run(client, answer, out).all()
    except adapter.NotInstalled as why:
        answer["not_installed"] = str(why)
    print(json.dumps(answer), file=out, flush=True)
    os._exit(0)  # several libraries crash at exit, where updates still arrive


class Run:
    def __init__(self, client, answer, out):
        self.client, self.answer, self.out = client, answer, out
        self.pause = getattr(client, "pause", time.sleep)

    def all(self):
        step = self.step
        self.pvs = dict(zip(WRITTEN, self.client.connect(list(WRITTEN), TIMEOUT_S)))
        for name in WRITTEN:
            step(f"get {name}", lambda: self.get(name))
        for name in SCALARS:
            step(f"metadata {name}", lambda: self.metadata(name))
        for name, value in WRITTEN.items():
            step(f"put {name}", lambda: self.put(name, value))
        step("array of 614,400 bytes", self.image)
        step("monitor", self.own_or("monitor_step", self.monitor))
        if hasattr(self.client, "rights"):
            step("access rights", self.rights)
        step("refused put", self.refused)
        step("PV that does not exist", self.missing)
        for name, function in getattr(self.client, "OWN", {}).items():
            step(name, function)
        step("restart", self.own_or("restart_step", self.restart))

    def own_or(self, name, function):
        own = getattr(self.client, name, None)
        return (lambda: own(self)) if own else function

    def step(self, name, function):
        if name in sys.argv[1:]:
            return
        self.answer["steps"][name] = self.outcome(function)

    @staticmethod
    def outcome(function):
        try:
            return {"result": shown(function())}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {without_ports(str(error))}"}

    def one(self, name):
        if name not in self.pvs:
            self.pvs[name] = self.client.connect([name], TIMEOUT_S)[0]
        return self.pvs[name]

    def get(self, name):
        return self.client.get(self.one(name), TIMEOUT_S)

    def metadata(self, name):
        known = self.client.read(self.one(name), TIMEOUT_S)
        return {field: value for field, value in known.items() if field not in ("seconds", "nanoseconds")}

    def put(self, name, value):
        self.client.put(self.one(name), value, TIMEOUT_S)
        return self.get(name)

    def image(self):
        first = self.get("m:image")
        return [len(adapter.plain(first)), self.put("m:image", IMAGE)]

    def monitor(self):
        """Updates of what is put, one after the other; the second put raises an alarm."""
        self.updates = updates = []

        def update(name, value, seconds, nanoseconds, status, severity):
            updates.append([adapter.plain(value), int(status), int(severity)])

        self.kept = self.client.monitor(["m:watched"], update, TIMEOUT_S)
        for count, value in enumerate(WATCHED, 2):
            self.until(lambda: len(updates) == count - 1)
            self.client.put(self.one("m:watched"), value, TIMEOUT_S)
        self.until(lambda: len(updates) >= count)
        return updates[:]

    def rights(self):
        """They are taken away and given back while the channel is connected."""
        pv = self.one("m:guarded")
        before = self.client.rights(pv)
        self.ask("lock")
        self.until(lambda: self.client.rights(pv) == 1)
        refused = self.outcome(lambda: self.client.put(pv, 5, REFUSED_S))
        self.ask("unlock")
        self.until(lambda: self.client.rights(pv) == 3)
        return [before, refused, self.put("m:guarded", 8)]

    def refused(self):
        self.client.put(self.one("m:disabled"), "x", REFUSED_S)
        return self.get("m:disabled")

    def missing(self):
        self.client.connect(["m:there:is:no:such:pv"], MISSING_S)

    def restart(self):
        """The server restarts: its PVs have their first values again, and the monitor says so."""
        self.ask("restart")
        reconnects = getattr(self.client, "RECONNECTS", True)
        self.until((lambda: self.updates[-1][0] == 0) if reconnects else self.answers_again)
        self.answer["reconnected_ns"] = time.monotonic_ns()
        return [self.get("m:watched"), self.put("m:long", 7)]

    def ask(self, word):
        print(word, file=self.out, flush=True)

    def answers_again(self):
        try:
            return self.get("m:watched") == 0
        except Exception:
            return False

    def until(self, condition):
        end = time.monotonic() + TIMEOUT_S * 2
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {TIMEOUT_S * 2} s; updates so far: {getattr(self, 'updates', None)}")
            self.pause(0.002)


def shown(value):
    """A result as it is compared: what JSON holds, an array in short."""
    value = adapter.plain(value)
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items()}
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, str):
        value = list(value)  # a library's own kind of list
    if not isinstance(value, list):
        return value
    return [shown(item) for item in value] if len(value) <= SHOWN else {"count": len(value), "sum": sum(value), "first": value[:5]}


def listed(value):
    return value if isinstance(value, list) else [value]


def without_ports(text):
    """An error's text less what differs from run to run: ports, addresses, times."""
    return re.sub(r"0x[0-9a-f]+|\b\d{4,}\b|\d+\.\d+", "#", text)
