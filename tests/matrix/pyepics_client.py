"""pyepics in the matrix: PV, and what its users call most."""
import sys
import threading

import harness
from client_pyepics import *  # noqa: F403
import client_pyepics as base


def get(pv, timeout):
    """Travels; PV.get() would cut an array to the length of the monitor's last update, which may be behind."""
    value = base.epics.ca.get(pv.chid, timeout=timeout) if pv.wait_for_connection(timeout) else None
    if value is None:
        raise TimeoutError(f"no value: {pv.pvname}")
    return value


def rights(pv):
    return pv.read_access + 2 * pv.write_access


def get_many():
    return base.epics.caget_many(list(harness.WRITTEN), timeout=harness.TIMEOUT_S)


def put_callback():
    done = threading.Event()
    base.epics.PV("m:double").put(4.5, callback=lambda **_: done.set())
    return done.wait(harness.TIMEOUT_S), base.epics.caget("m:double", use_monitor=False)


def camonitor():
    """Whether it gives the value before the first change depends on what came first, the PV's monitor or this."""
    got, opened = [], threading.Event()

    def on_change(value, char_value, **_):
        got.append([value, char_value])
        if value == 1:
            opened.set()

    base.epics.camonitor("m:enum", callback=on_change)
    base.epics.caput("m:enum", "open", wait=True)
    opened.wait(harness.TIMEOUT_S)
    base.epics.camonitor_clear("m:enum")
    return got[-1]


def long_strings():
    """EPICS Base's `$`: a text as an array of CHAR."""
    base.epics.caput("m:text.VAL$", "a text that is longer than forty characters by far, and comes whole", wait=True)
    return [base.epics.caget(name, as_string=True, use_monitor=False) for name in ("m:text.VAL$", "m:double.NAME$", "m:chars")]


def ctrlvars():
    known = base.epics.PV("m:double").get_ctrlvars(timeout=harness.TIMEOUT_S)
    return {name: value for name, value in sorted(known.items())}


OWN = {"caget_many": get_many, "put with callback": put_callback, "camonitor": camonitor, "long strings": long_strings,
       "get_ctrlvars": ctrlvars}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
