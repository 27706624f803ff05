"""caproto's client with the interface of pyepics: the protocol in Python under PV objects."""
import sys

import adapter
from client_pyepics import LIMITS

NAME, PACKAGE = "caproto_pyepics", "caproto"


def setup():
    global epics
    import caproto.threading.pyepics_compat as epics


def connect(names, timeout):
    deadline = adapter.Deadline(timeout)
    pvs = [epics.PV(name, form="time") for name in names]
    missing = [pv.pvname for pv in pvs if not pv.wait_for_connection(timeout=deadline.left())]
    if missing:
        raise TimeoutError(f"not connected within {timeout:.0f} s: {adapter.few(missing)}")
    return pvs


def get(pv, timeout):
    value = pv.get(timeout=timeout, use_monitor=False)  # travels
    if value is None:
        raise TimeoutError(f"no value within {timeout:.0f} s: {pv.pvname}")
    return value


def put(pv, value, timeout):
    pv.put(value, wait=True, timeout=timeout)


def read(pv, timeout):
    control = pv.get_ctrlvars(timeout=timeout) or {}
    data = pv.get_with_metadata(timeout=timeout, use_monitor=False)
    return adapter.description(data["value"], pv.type.name, pv.nelm, pv.read_access + 2 * pv.write_access, control, LIMITS,
                               units=control.get("units"), precision=control.get("precision"), labels=control.get("enum_strs"),
                               status=data["status"], severity=data["severity"], seconds=data["posixseconds"],  # since 1990, whatever its name
                               nanoseconds=data["nanoseconds"])


def monitor(names, update, timeout):
    def on_change(pvname, value, posixseconds, nanoseconds, status, severity, **_):
        update(pvname, value, posixseconds, nanoseconds, status, severity)

    return [epics.PV(name, callback=on_change, form="time", auto_monitor=True) for name in names], on_change


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
