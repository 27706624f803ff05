"""caproto's threading client in the matrix."""
import sys
import time

import harness
from client_caproto import *  # noqa: F403
import client_caproto as base

NAME = "caproto threading"
STAMP = ("secondsSinceEpoch", "nanoSeconds", "timestamp")


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


def every_type():
    """Each scalar in each DBR type, but for CTRL_STRING, where an IOC sends what its buffer held; stamps left out."""
    from caproto import ChannelType
    put(base.connect(["m:enum"], harness.TIMEOUT_S)[0], 1, harness.TIMEOUT_S)  # a state without an alarm
    kinds = [kind for kind in ChannelType if not kind.name.startswith(("PUT_", "STSACK", "CLASS", "CTRL_STRING"))]
    return {pv.name: {kind.name: in_type(pv, kind) for kind in kinds} for pv in base.connect(harness.SCALARS, harness.TIMEOUT_S)}


def in_type(pv, kind):
    answer = pv.read(data_type=kind, timeout=harness.TIMEOUT_S)
    told = answer.metadata.to_dict() if hasattr(answer.metadata, "to_dict") else {}
    return [answer.data, {name: value for name, value in told.items() if name not in STAMP}]


def slices():
    pv, text = base.connect(["m:doubles", "m:text.VAL$"], harness.TIMEOUT_S)
    return [pv.read(data_count=count).data for count in (1, 2, 6)] + [text.read(data_count=6).data]


OWN = {"batch of reads": batch, "every DBR type": every_type, "counts": slices}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
