"""caproto's sync client: a circuit for every call, and none is made again."""
import sys
import threading

import harness  # noqa: F401  it makes adapter known
import adapter
import client_caproto as threading_client

NAME, PACKAGE = "caproto sync", "caproto"
RECONNECTS = False


def setup():
    global sync
    from caproto.sync import client as sync


def connect(names, timeout):
    for name in names[:1]:
        sync.read(name, timeout=timeout, repeater=False)
    return names


def get(pv, timeout):
    return threading_client.value_of(sync.read(pv, data_type="time", timeout=timeout, repeater=False, force_int_enums=True))


def put(pv, value, timeout):
    answer = sync.write(pv, harness.listed(value), notify=True, timeout=timeout, repeater=False)
    if not answer.status.success:
        raise RuntimeError(f"put refused: {answer.status.name}")


def read(pv, timeout):
    control, time_ = (sync.read(pv, data_type=kind, timeout=timeout, repeater=False, force_int_enums=True)
                      for kind in ("control", "time"))
    data, now = control.metadata.to_dict(), time_.metadata
    return adapter.description(threading_client.value_of(time_), time_.data_type.name, time_.data_count, None, data,
                               threading_client.LIMITS, units=data.get("units"), precision=data.get("precision"),
                               labels=data.get("enum_strings"), status=now.status, severity=now.severity)


def monitor(names, update, timeout):
    def on_update(subscription, answer):
        update(subscription.pv_name, threading_client.value_of(answer), 0, 0, answer.metadata.status, answer.metadata.severity)

    subscription = sync.subscribe(names[0], priority=1)  # a circuit of its own beside those of get and put
    subscription.add_callback(on_update)
    threading.Thread(target=subscription.block, kwargs={"repeater": False}, daemon=True).start()
    return subscription, on_update


def read_write_read():
    before, answer, after = sync.read_write_read("m:long", 21, notify=True, repeater=False, timeout=harness.TIMEOUT_S)
    return before.data, answer.status.name, after.data


OWN = {"read_write_read": read_write_read}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
