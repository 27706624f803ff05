"""pyca: a thin C++ binding of libca; a reply's fields are in pv.data."""
import sys
import threading

import adapter

NAME, PACKAGE = "pyca", "pyca_epics"
LIMITS = ("display_hlim", "display_llim", "alarm_hlim", "warn_hlim", "warn_llim", "alarm_llim", "ctrl_hlim", "ctrl_llim")


def setup():
    global pyca
    import pyca  # creates the libca context


def connect(names, timeout):
    pvs, events = [pyca.capv(name) for name in names], [threading.Event() for _ in names]
    for pv, event in zip(pvs, events):
        pv.use_numpy = True
        pv.connect_cb = lambda up, event=event: event.set() if up else event.clear()
        pv.create_channel()
    pyca.flush_io()
    adapter.wait_connected(names, events, timeout)
    return pvs


def get(pv, timeout):
    pv.get_data(False, timeout)  # travels: ca_array_get and ca_pend_io
    return pv.data["value"]


def put(pv, value, timeout):
    done, errors = threading.Event(), []
    pv.putevt_cb = lambda error=None: (errors.append(error), done.set())
    pv.put_data(value, -1.0)  # a negative time-out asks for the callback
    pyca.flush_io()
    if not done.wait(timeout):
        raise TimeoutError(f"no answer to a put within {timeout:.0f} s: {pv.name}")
    if errors[0]:
        raise RuntimeError(f"put refused: {errors[0]}")


def read(pv, timeout):
    if pv.type() == "DBF_ENUM":
        pv.get_enum_strings(timeout)
    pv.get_data(True, timeout)  # DBR_CTRL
    pv.get_data(False, timeout)  # DBR_TIME
    data = pv.data
    return adapter.description(data["value"], pv.type(), pv.count(), pv.rwaccess(), data, LIMITS, units=data.get("units"),
                               precision=data.get("precision"), labels=data.get("enum_set"), status=data["status"],
                               severity=data["severity"], seconds=data["secs"], nanoseconds=data["nsec"])


def monitor(names, update, timeout):
    pvs = connect(names, timeout)
    for pv in pvs:
        pv.monitor_cb = on_update(pv, update)
        pv.subscribe_channel(pyca.DBE_VALUE | pyca.DBE_LOG | pyca.DBE_ALARM, False)
    pyca.flush_io()
    return pvs


def on_update(pv, update):
    def callback(error=None):
        if error is None:
            data = pv.data
            update(pv.name, data["value"], data["secs"], data["nsec"], data["status"], data["severity"])
    return callback


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
