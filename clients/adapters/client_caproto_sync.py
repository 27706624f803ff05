"""caproto's sync client: no threads and no connection that lasts. Each call searches, makes a circuit, does its work and closes
it, so that "connected" means here: found, and read once."""
import sys
import threading

import adapter
from client_caproto import described, value_of

NAME, PACKAGE = "caproto_sync", "caproto"


def setup():
    global sync
    from caproto.sync import client as sync


def read_as(pv, kind, timeout):
    # Without repeater=False each call would look for a repeater, and start one.
    return sync.read(pv, data_type=kind, timeout=timeout, repeater=False, force_int_enums=True)


def connect(names, timeout):
    for name in names:
        read_as(name, None, timeout)
    return names


def get(pv, timeout):
    return value_of(read_as(pv, "time", timeout))


def put(pv, value, timeout):
    answer = sync.write(pv, value, notify=True, timeout=timeout, repeater=False)
    if not answer.status.success:
        raise RuntimeError(f"put refused: {answer.status.name}")


def read(pv, timeout):
    control, now = (read_as(pv, kind, timeout) for kind in ("control", "time"))
    return described(control, now, now.data_type.name, now.data_count, None)  # it tells no access rights


def monitor(names, update, timeout):
    def on_update(subscription, answer):
        now = answer.metadata
        update(subscription.pv_name, value_of(answer), now.secondsSinceEpoch, now.nanoSeconds, now.status, now.severity)

    subscriptions = [sync.subscribe(name, data_type="time", priority=1) for name in names]  # a circuit beside those of get and put
    for subscription in subscriptions:
        subscription.add_callback(on_update)
    listen = {"timeout": timeout, "force_int_enums": True, "repeater": False}
    threading.Thread(target=sync.block, args=subscriptions, kwargs=listen, daemon=True).start()
    return subscriptions, on_update  # caproto holds callbacks weakly


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
