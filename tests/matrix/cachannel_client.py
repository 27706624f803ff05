"""CaChannel in the matrix."""
import sys

import harness
from client_cachannel import *  # noqa: F403
import client_cachannel as base


def rights(pv):
    return pv.read_access() + 2 * pv.write_access()


def put_wait():
    pv = base.connect(["m:enum"], harness.TIMEOUT_S)[0]
    pv.putw("moving", base.ca.DBR_STRING)
    return pv.getw(), pv.getw(base.ca.DBR_STRING)


OWN = {"putw": put_wait}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
