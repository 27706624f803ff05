"""psp: the PV class that ships with pyca and stands on it."""
import sys
import threading

import adapter

NAME, PACKAGE = "psp", "pyca_epics"
LIMITS = ("display_hlim", "display_llim", "alarm_hlim", "warn_hlim", "warn_llim", "alarm_llim", "ctrl_hlim", "ctrl_llim")


def setup():
    global psp, pyca
    import psp
    import pyca


def connect(names, timeout):
    pvs, events = [psp.PV(name, use_numpy=True) for name in names], [threading.Event() for _ in names]
    for pv, event in zip(pvs, events):
        pv.add_connection_callback(lambda up, event=event: event.set() if up else event.clear())
        pv.connect()
    pyca.flush_io()
    adapter.wait_connected(names, events, timeout)
    return pvs


def get(pv, timeout):
    return pv.get(timeout=timeout)  # travels


def put(pv, value, timeout):
    done, errors = threading.Event(), []
    pv.putevt_cb = lambda error=None: (errors.append(error), done.set())
    pv.put_data(value, -1.0)  # psp's own put() has no callback: this is pyca's
    pyca.flush_io()
    if not done.wait(timeout):
        raise TimeoutError(f"no answer to a put within {timeout:.0f} s: {pv.name}")
    if errors[0]:
        raise RuntimeError(f"put refused: {errors[0]}")


def read(pv, timeout):
    labels = pv.get_enum_set(timeout) if pv.type() == "DBF_ENUM" else None
    pv.get(ctrl=True, timeout=timeout)
    pv.get(ctrl=False, timeout=timeout)
    data = pv.data
    return adapter.description(pv.value, pv.type(), pv.count, pv.rwaccess(), data, LIMITS, units=data.get("units"),
                               precision=data.get("precision"), labels=labels, status=pv.status, severity=pv.severity,
                               seconds=pv.secs, nanoseconds=pv.nsec)


def monitor(names, update, timeout):
    pvs = connect(names, timeout)
    for pv in pvs:
        pv.add_monitor_callback(on_update(pv, update))
        pv.monitor(wait_for_init=False)
    pyca.flush_io()
    return pvs


def on_update(pv, update):
    def callback(error=None):
        if error is None:
            update(pv.name, pv.value, pv.secs, pv.nsec, pv.status, pv.severity)
    return callback


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
