"""Are good runs taken for valid, and starved ones never? 120 Hz images to libca, on a server with a budget for its own lateness."""
import contextlib
import os
import signal
import subprocess
import sys
import time

import perf_machine as machine
from perf_table import Measure

BUDGET, INVALID, STARVED_S, SECONDS = "p99=1ms,max=20ms", 3, 0.05, 3
SPIN = "import sys, time\nprint(flush=True)\nsys.stdin.readline()\nend = time.monotonic() + 1.5 * float(sys.argv[1])\n" \
       "while time.monotonic() < end: pass"


def stopped(server):
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(STARVED_S)
    os.kill(server.pid, signal.SIGCONT)


def outranked(server):
    """A process of a higher priority takes the server's core."""
    def become_urgent():
        os.sched_setaffinity(0, machine.SERVER_CORES)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(machine.FIFO_PRIORITY + 1))
    with subprocess.Popen([sys.executable, "-c", SPIN, str(STARVED_S)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          preexec_fn=become_urgent) as other:
        other.stdout.readline()
        other.communicate(b"\n")


class Starver:
    """Does it once the client watches, beside the client: for machine.run(watch=)."""

    def __init__(self, server, how):
        time.sleep(1)
        how(server)

    def stop(self):
        pass


def exit_code(how=None):
    with machine.caplay("sim", "area-detector", "--late-budget", BUDGET) as server:
        job = {"task": "monitor", "names": [machine.IMAGE], "name": machine.IMAGE, "seconds": SECONDS, "timeout_s": 60}
        machine.client_job("libca", server, job, watch=(lambda _: Starver(server, how)) if how else None)
    return server.process.returncode


def validity(_run):
    """Undisturbed pinned runs, and starved ones; as many in a quick run."""
    good = [exit_code() for _ in range(10)]
    starved = [exit_code(stopped)]
    with contextlib.suppress(subprocess.SubprocessError):  # SCHED_FIFO is not granted
        starved.append(exit_code(outranked))
    starved.append(exit_code(stopped))
    valid, invalid = good.count(0), starved.count(INVALID)
    yield Measure("validity", f"valid runs of 10, budget {BUDGET}", "runs", [valid], at_least=9, absolute=True,
                  holds=((f"no other exit code than 0 and {INVALID} {sorted(set(good))}", set(good) <= {0, INVALID}),))
    yield Measure("validity", f"starved for 50 ms or more: invalid, exit code {INVALID}, of {len(starved)}", "runs", [invalid],
                  at_least=len(starved), absolute=True)
