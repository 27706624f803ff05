"""aioca in the matrix."""
import sys

import harness
from client_aioca import *  # noqa: F403
import client_aioca as base


def run(work):
    return base.run(work)


def rights(pv):
    info = run(base.aioca.cainfo(pv))
    return info.read + 2 * info.write


def get_all():
    return run(base.aioca.caget(list(harness.WRITTEN), timeout=harness.TIMEOUT_S))


def get_string():
    names = ["m:double", "m:float", "m:long", "m:short", "m:char", "m:enum", "m:doubles", "m:strings"]
    return run(base.aioca.caget("m:chars", datatype=base.aioca.DBR_CHAR_STR)), run(base.aioca.caget(names, datatype=str))


def put_texts():
    run(base.aioca.caput("m:enum", "open", datatype=str, wait=True))
    run(base.aioca.caput("m:double", "1e1", datatype=str, wait=True))
    text = "a text of more than forty characters, as an array of CHAR"
    run(base.aioca.caput("m:text.VAL$", text, datatype=base.aioca.DBR_CHAR_STR, wait=True))
    return run(base.aioca.caget(["m:enum", "m:double"])), run(base.aioca.caget("m:text.VAL$", datatype=base.aioca.DBR_CHAR_STR))


def counts():
    return [run(base.aioca.caget("m:doubles", count=count)) for count in (1, 2, 6, -1)]


def put_without_wait():
    run(base.aioca.caput("m:long", 5))
    return get("m:long", harness.TIMEOUT_S)


OWN = {"caget of a list": get_all, "as strings": get_string, "put as strings": put_texts, "counts": counts,
       "caput without wait": put_without_wait}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
