"""cothread in the matrix."""
import sys

import harness
from client_cothread import *  # noqa: F403
import client_cothread as base


def pause(seconds):
    base.pause(seconds)


def rights(pv):
    info = base.catools.cainfo(pv)
    return info.read + 2 * info.write


def get_all():
    return base.catools.caget(list(harness.WRITTEN), timeout=harness.TIMEOUT_S)


def get_string():
    return base.catools.caget("m:chars", datatype=base.catools.DBR_CHAR_STR), base.catools.caget("m:enum", datatype=base.catools.DBR_ENUM_STR)


OWN = {"caget of a list": get_all, "as strings": get_string}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
