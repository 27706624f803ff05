"""cothread.catools: libca with cooperative threads; its callbacks run in its own scheduler, so only while this thread sleeps there."""
import sys

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
    seconds, nanoseconds = adapter.since_1990(now.raw_stamp)
    return adapter.description(now, info.datatype_strings[info.datatype], info.count, info.read + 2 * info.write, vars(control), LIMITS,
                               units=getattr(control, "units", None), precision=getattr(control, "precision", None),
                               labels=getattr(control, "enums", None), status=now.status, severity=now.severity,
                               seconds=seconds, nanoseconds=nanoseconds)


def monitor(names, update, timeout):
    def on_update(value):
        update(value.name, value, *adapter.since_1990(value.raw_stamp), value.status, value.severity)

    # Without all_updates a callback gets the newest value only.
    return [catools.camonitor(name, on_update, format=catools.FORMAT_TIME, all_updates=True) for name in names]


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
