"""caproto's client with the interface of pyepics in the matrix."""
import sys
import threading

import harness
from client_caproto_pyepics import *  # noqa: F403
import client_caproto_pyepics as base


def rights(pv):
    return pv.read_access + 2 * pv.write_access


def get_many():
    return base.epics.caget_many(harness.SCALARS, timeout=harness.TIMEOUT_S)


def put_callback():
    done = threading.Event()
    pv = base.connect(["m:double"], harness.TIMEOUT_S)[0]
    pv.put(4.5, callback=done.set)
    return done.wait(harness.TIMEOUT_S), base.get(pv, harness.TIMEOUT_S)


OWN = {"caget_many": get_many, "put with callback": put_callback}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
