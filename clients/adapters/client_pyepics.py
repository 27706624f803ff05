"""pyepics: PV objects over ctypes and libca."""
import sys
import threading

import adapter

NAME, PACKAGE = "pyepics", "pyepics"
LIMITS = tuple(f"{name}_limit" for name in adapter.LIMITS)


def setup():
    global epics
    import epics
    epics.ca.use_initial_context()


def connect(names, timeout):
    events = [threading.Event() for _ in names]
    pvs = [epics.PV(name, form="time", connection_callback=lambda conn, event=event, **_: event.set() if conn else event.clear())
           for name, event in zip(names, events)]
    adapter.wait_connected(names, events, timeout)
    for pv in pvs:
        pv.wait_for_connection(timeout)
    return pvs


def get(pv, timeout):
    # As users and the published benchmark call it: a PV of up to 65,536 elements is monitored from its connection on (the
    # library's default), and get() gives the monitor's value once that is there; until then, and for longer arrays, it travels.
    value = pv.get(timeout=timeout)
    if value is None:
        raise TimeoutError(f"no value within {timeout:.0f} s: {pv.pvname}")
    return value


def put(pv, value, timeout):
    if pv.put(value, wait=True, timeout=timeout) != 1:
        raise TimeoutError(f"no answer to a put within {timeout:.0f} s: {pv.pvname}")


def read(pv, timeout):
    control = pv.get_ctrlvars(timeout=timeout) or {}
    data = pv.get_with_metadata(form="time", use_monitor=False, timeout=timeout)
    return adapter.description(data["value"], pv.type, pv.nelm, pv.read_access + 2 * pv.write_access, control, LIMITS,
                               units=control.get("units"), precision=control.get("precision"), labels=control.get("enum_strs"),
                               status=data["status"], severity=data["severity"], seconds=int(data["posixseconds"]) - adapter.EPOCH,
                               nanoseconds=data["nanoseconds"])


def monitor(names, update, timeout):
    def on_change(pvname, value, posixseconds, nanoseconds, status, severity, **_):
        update(pvname, value, int(posixseconds) - adapter.EPOCH, nanoseconds, status, severity)

    # Without auto_monitor=True no array over 65,536 elements is monitored.
    return [epics.PV(name, callback=on_change, form="time", auto_monitor=True) for name in names]


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
