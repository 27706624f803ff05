"""Every client at home: each CA client library takes the same steps (tests/matrix/harness.py) on a real IOC with
tests/db/matrix.db, on the replay of a recording of that IOC, and on `caplay sim` with the same database, and what came out is
compared with the IOC's.

A step that comes out otherwise is a defect of ours, or stands in tests/matrix/explained.py with its reason. All outcomes go to
matrix.json in the build folder; tests/matrix/table.py prints them as the README's table.
"""
import concurrent.futures
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import threading
import time

import cahelp
import pytest
import rawca

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE / "matrix"))
from explained import EXPLAINED, LEFT_OUT  # noqa: E402

DATABASE = HERE / "db" / "matrix.db"
IOC = ("ioc", DATABASE, "--access-security", HERE / "db" / "matrix.acf")
CLIENTS = sorted(path.name.removesuffix("_client.py") for path in (HERE / "matrix").glob("*_client.py"))
SERVERS = ("ioc", "replay", "sim")
OURS = SERVERS[1:]
AT_ONCE = 10  # most of the time is spent waiting for libraries to search again
SCALARS = "m:double m:float m:long m:short m:char m:enum m:string m:watched m:disabled m:guarded".split()
LOCKED_S = 2  # how long m:guarded is, in the recording
ARRAYS = "m:doubles m:floats m:longs m:shorts m:chars m:enums m:strings m:image m:text.VAL$ m:double.NAME$".split()


@pytest.fixture(scope="module")
def repeater():
    """The port of a repeater that passes the servers' beacons on, as on every machine with EPICS."""
    port = cahelp.free_port()
    process = subprocess.Popen([cahelp.LIBCA, "--repeater"], env=os.environ | {"EPICS_CA_REPEATER_PORT": str(port)},
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline().startswith("ready "), "no repeater"
    yield port
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """One client reads everything once, arrays as long as they are (libca would ask for all elements that there can be), and
    watches a PV being locked and unlocked: that is time 0."""
    trace = tmp_path_factory.mktemp("matrix") / "ioc.catrace"
    with cahelp.server(*IOC) as ioc, cahelp.capture(trace, ioc):
        for job in ({"task": "read", "names": [*SCALARS, "m:doubles"]},
                    {"task": "connect", "names": ARRAYS, "gets": 1, "get_names": len(ARRAYS)}):
            result = cahelp.run_job("caproto", job, ioc.env)
            assert result["error"] is None, result
        watcher = cahelp.start_job("caproto", {"task": "watch", "names": ["m:guarded"], "seconds": LOCKED_S + 1}, ioc.env)
        assert any(line == "monitoring\n" for line in watcher.stderr), "no update came"
        lock(ioc, 1)
        time.sleep(LOCKED_S)
        lock(ioc, 0)
        assert cahelp.finish_job(watcher)["error"] is None
    return trace


def lock(ioc, value):
    with rawca.Circuit("127.0.0.1", ioc.tcp) as circuit:
        assert circuit.write(circuit.create("m:lock"), 5, 1, struct.pack(">i4x", value)) == 1


class Crashed(Exception):
    pass


class Home:
    """One client on one server, which it may ask to restart."""

    def __init__(self, client, served, repeater):
        self.client, self.served = client, served
        self.env = {"EPICS_CA_REPEATER_PORT": str(repeater), "EPICS_CAS_BEACON_PORT": str(repeater)}

    def run(self):
        """A library that crashes (pyca did on the IOC, once in some 150 runs) or an IOC that does gets a second try, which is said
        at the end; a server of ours gets none."""
        try:
            return self.once()
        except Crashed as crash:
            return self.once() | {"crashed": str(crash)}

    def once(self):
        self.server = cahelp.server(*self.served, env=self.env)
        try:
            return self.steps()
        finally:
            self.server.kill()

    def steps(self):
        left_out = [step for server, step in LEFT_OUT if server == self.served[0]]
        command = [sys.executable, HERE / "matrix" / f"{self.client}_client.py", *left_out]
        env = os.environ | self.server.env | self.env | {"PYTHONFAULTHANDLER": "1"}
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        said = []
        threading.Thread(target=lambda: said.extend(process.stderr), daemon=True).start()
        timer = threading.Timer(120, process.kill)
        timer.start()
        try:
            return self.answer(process, said)
        finally:
            timer.cancel()
            process.kill()
            process.wait()

    def answer(self, process, said):
        ready_ns = None
        for line in process.stdout:
            word = line.strip()
            if word in ("lock", "unlock"):
                self.lock(word == "lock")
            elif word == "restart":
                ready_ns = self.restart()
            else:
                return self.complete(json.loads(line), ready_ns)
        raise Crashed(f"{self.client} on {self.served[0]}: exit code {process.wait()} without an answer: {''.join(said)[-2000:]}")

    def lock(self, is_locked):
        """On the replay it is locked once time 0 has come, and unlocked later, as recorded."""
        if self.served[0] == "ioc":
            lock(self.server, int(is_locked))
        elif is_locked:
            self.server.process.send_signal(signal.SIGUSR1)

    def restart(self):
        port = self.server.udp
        code = self.server.stop()
        if code != 0 and self.served[0] == "ioc":
            raise Crashed(f"the IOC of {self.client} ended with exit code {code}: {self.server.stderr()[-2000:]}")
        assert code == 0, self.server.stderr()
        self.server = cahelp.server(*self.served, env=self.env, port=port)
        return time.monotonic_ns()

    def complete(self, answer, ready_ns):
        again_ns = answer.pop("reconnected_ns", None)
        if again_ns and ready_ns:
            answer["reconnect_s"] = round((again_ns - ready_ns) / 1e9, 2)
        return answer


@pytest.fixture(scope="module")
def outcomes(recording, repeater):
    """{server: {client: what it answered}}, all run now, some at once."""
    served = {"ioc": IOC, "replay": ("replay", recording, "--start-when", "signal"), "sim": ("sim", DATABASE)}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {(server, client): pool.submit(Home(client, served[server], repeater).run)
                for client in CLIENTS for server in SERVERS}
        found = {server: {client: runs[server, client].result() for client in CLIENTS} for server in SERVERS}
    (cahelp.BUILD / "matrix.json").write_text(json.dumps(found, indent=1))
    return found


def installed(outcomes, server, client):
    answer = outcomes[server][client]
    if answer["not_installed"]:
        pytest.skip(answer["not_installed"])
    return answer


@pytest.mark.parametrize("client", CLIENTS)
def test_a_real_ioc_gives_each_client_what_it_asks(outcomes, client):
    """What the others are compared with: the steps were taken, and none went wrong that should not."""
    steps = installed(outcomes, "ioc", client)["steps"]
    wrong = {step: outcome["error"] for step, outcome in steps.items()
             if "error" in outcome and step not in ("refused put", "PV that does not exist")}
    assert not wrong
    assert "error" in steps["PV that does not exist"]


def alike(server, step, ioc, ours):
    _, may = EXPLAINED.get((server, step), (None, None))
    return may(ioc, ours) if may else ours == ioc


@pytest.mark.parametrize("server", OURS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_finds_what_it_found_on_the_ioc(outcomes, client, server):
    ioc, ours = installed(outcomes, "ioc", client)["steps"], installed(outcomes, server, client)["steps"]
    assert ours.keys() == {step for step in ioc if (server, step) not in LEFT_OUT}
    differences = {step: {"ioc": ioc[step], server: ours[step]} for step in ours if not alike(server, step, ioc[step], ours[step])}
    assert not differences, json.dumps(differences, indent=1)


def test_every_client_comes_back_after_a_restart(outcomes, capsys):
    times = {(server, client): answer.get("reconnect_s") for server in SERVERS for client, answer in outcomes[server].items()
             if not answer["not_installed"]}
    with capsys.disabled():
        for client in CLIENTS:
            print(f"\n{client}: first update after the restarted server was ready:",
                  ", ".join(f"{server} {times.get((server, client))} s" for server in SERVERS), end="")
        for answer in (answer for answers in outcomes.values() for answer in answers.values() if "crashed" in answer):
            print(f"\ncrashed and tried again: {answer['crashed']}", end="")
    assert None not in times.values()
