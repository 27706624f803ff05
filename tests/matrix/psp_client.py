"""psp in the matrix."""
import sys

import harness
from client_psp import *  # noqa: F403
import client_psp as base


def put(pv, value, timeout):
    base.put(pv, tuple(value) if isinstance(value, list) else value, timeout)  # pyca takes no list


def rights(pv):
    return pv.rwaccess()


def put_without_callback():
    import psp
    pv = connect(["m:long"], harness.TIMEOUT_S)[0]  # noqa: F405
    pv.put(9)
    return pv.get()


OWN = {"put": put_without_callback}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
