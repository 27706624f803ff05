"""caproto's threading client in the matrix."""
import sys
import time

import harness
from client_caproto import *  # noqa: F403
import client_caproto as base

NAME = "caproto threading"


def put(pv, value, timeout):
    base.put(pv, harness.listed(value), timeout)  # caproto takes a bare number for none but CHAR


def rights(pv):
    return int(pv.access_rights)


def batch():
    from caproto.threading.client import Batch
    got = {}
    pvs = base.connect(harness.SCALARS, harness.TIMEOUT_S)
    with Batch(harness.TIMEOUT_S) as reads:
        for pv in pvs:
            reads.read(pv, lambda answer, name=pv.name: got.__setitem__(name, answer.data[0]))
    end = time.monotonic() + harness.TIMEOUT_S
    while len(got) < len(pvs) and time.monotonic() < end:
        time.sleep(0.01)
    return got


OWN = {"batch of reads": batch}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
