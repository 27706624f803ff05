"""caproto's threading client: the protocol in Python, without libca."""
import sys
import time

import adapter

NAME, PACKAGE = "caproto", "caproto"
LIMITS = tuple(f"{name}_limit" for name in adapter.LIMITS)


def setup():
    global context
    from caproto.threading.client import Context
    context = Context()


def connect(names, timeout):
    end = time.monotonic() + timeout
    pvs = context.get_pvs(*names)
    for pv in pvs:
        pv.wait_for_connection(timeout=max(0.001, end - time.monotonic()))
    return pvs


def value_of(response):
    return response.data[0] if response.data_count == 1 else response.data


def get(pv, timeout):
    return value_of(pv.read(data_type="time", timeout=timeout))  # travels


def put(pv, value, timeout):
    answer = pv.write(value, wait=True, timeout=timeout)
    if not answer.status.success:
        raise RuntimeError(f"put refused: {answer.status.name}")


def read(pv, timeout):
    control, now = (pv.read(data_type=kind, timeout=timeout) for kind in ("control", "time"))
    return described(control, now, pv.channel.native_data_type.name, pv.channel.native_data_count, int(pv.access_rights))


def described(control, time_, kind, count, access):
    """A read's answer from the two responses; also caproto's other clients'."""
    data, now = control.metadata.to_dict(), time_.metadata
    return adapter.description(value_of(time_), kind, count, access, data, LIMITS, units=data.get("units"),
                               precision=data.get("precision"), labels=data.get("enum_strings"), status=now.status,
                               severity=now.severity, seconds=now.secondsSinceEpoch, nanoseconds=now.nanoSeconds)


def monitor(names, update, timeout):
    def on_update(subscription, response):
        now = response.metadata
        update(subscription.pv.name, value_of(response), now.secondsSinceEpoch, now.nanoSeconds, now.status, now.severity)

    subscriptions = [pv.subscribe(data_type="time") for pv in connect(names, timeout)]
    for subscription in subscriptions:
        subscription.add_callback(on_update)
    return subscriptions, on_update  # caproto holds callbacks weakly


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
