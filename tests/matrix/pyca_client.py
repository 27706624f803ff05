"""pyca in the matrix."""
import sys

import harness
from client_pyca import *  # noqa: F403
import client_pyca as base


def put(pv, value, timeout):
    base.put(pv, tuple(value) if isinstance(value, list) else value, timeout)  # pyca takes no list


def rights(pv):
    return pv.rwaccess()


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
