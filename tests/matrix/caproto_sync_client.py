"""caproto's sync client in the matrix: no connection is made again."""
import sys

import harness
from client_caproto_sync import *  # noqa: F403
import client_caproto_sync as base

RECONNECTS = False


def connect(names, timeout):
    return base.connect(names[:1], timeout) and names


def put(pv, value, timeout):
    base.put(pv, harness.listed(value), timeout)  # caproto takes a bare number for none but CHAR


def read_write_read():
    before, answer, after = base.sync.read_write_read("m:long", 21, notify=True, repeater=False, timeout=harness.TIMEOUT_S)
    return before.data, answer.status.name, after.data


OWN = {"read_write_read": read_write_read}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
