"""cothread.catools: libca with cooperative threads."""
import sys

import harness  # noqa: F401  it makes adapter known
import adapter

NAME, PACKAGE = "cothread", "cothread"
LIMITS = tuple(f"{name}_limit" for name in adapter.LIMITS)


def setup():
    global catools, pause
    import cothread
    from cothread import catools
    pause = cothread.Sleep


def connect(names, timeout):
    catools.connect(names, timeout=timeout)
    return names


def get(pv, timeout):
    return catools.caget(pv, timeout=timeout)


def put(pv, value, timeout):
    catools.caput(pv, value, wait=True, timeout=timeout)


def read(pv, timeout):
    info = catools.cainfo(pv, timeout=timeout)
    control, now = (catools.caget(pv, format=kind, timeout=timeout) for kind in (catools.FORMAT_CTRL, catools.FORMAT_TIME))
    return adapter.description(now, info.datatype_strings[info.datatype], info.count, rights(pv), vars(control), LIMITS,
                               units=getattr(control, "units", None), precision=getattr(control, "precision", None),
                               labels=getattr(control, "enums", None), status=now.status, severity=now.severity)


def monitor(names, update, timeout):
    def on_update(value):
        update(value.name, value, 0, 0, value.status, value.severity)

    return [catools.camonitor(name, on_update, format=catools.FORMAT_TIME, all_updates=True) for name in names]


def rights(pv):
    info = catools.cainfo(pv)
    return info.read + 2 * info.write


def get_all():
    return catools.caget(list(harness.WRITTEN), timeout=harness.TIMEOUT_S)


def get_string():
    return catools.caget("m:chars", datatype=catools.DBR_CHAR_STR), catools.caget("m:enum", datatype=catools.DBR_ENUM_STR)


OWN = {"caget of a list": get_all, "as strings": get_string}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
