"""caproto's client with the interface of pyepics."""
import sys
import threading

import harness
import adapter

NAME, PACKAGE = "caproto pyepics_compat", "caproto"
LIMITS = tuple(f"{name}_limit" for name in adapter.LIMITS)


def setup():
    global epics
    import caproto.threading.pyepics_compat as epics


def connect(names, timeout):
    pvs = [epics.PV(name, form="time") for name in names]
    for pv in pvs:
        if not pv.wait_for_connection(timeout=timeout):
            raise TimeoutError(f"not connected: {pv.pvname}")
    return pvs


def get(pv, timeout):
    return pv.get(timeout=timeout, use_monitor=False)


def put(pv, value, timeout):
    pv.put(value, wait=True, timeout=timeout)


def read(pv, timeout):
    control = pv.get_ctrlvars(timeout=timeout)
    data = pv.get_with_metadata(timeout=timeout, use_monitor=False)
    return adapter.description(data["value"], str(pv.type), pv.nelm, rights(pv), control, LIMITS, units=control.get("units"),
                               precision=control.get("precision"), labels=control.get("enum_strs"), status=data["status"],
                               severity=data["severity"])


def monitor(names, update, timeout):
    def on_change(pvname, value, status, severity, **_):
        update(pvname, value, 0, 0, status, severity)

    return [epics.PV(name, callback=on_change, form="time", auto_monitor=True) for name in names]


def rights(pv):
    return pv.read_access + 2 * pv.write_access


def get_many():
    return epics.caget_many(harness.SCALARS, timeout=harness.TIMEOUT_S)


def put_callback():
    done = threading.Event()
    pv = connect(["m:double"], harness.TIMEOUT_S)[0]
    pv.put(4.5, callback=done.set)
    return done.wait(harness.TIMEOUT_S), get(pv, harness.TIMEOUT_S)


OWN = {"caget_many": get_many, "put with callback": put_callback}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
