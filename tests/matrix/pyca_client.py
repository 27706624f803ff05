"""pyca in the matrix."""
import sys

import harness
from client_pyca import *  # noqa: F403
import client_pyca as base


def put(pv, value, timeout):
    base.put(pv, tuple(value) if isinstance(value, list) else value, timeout)  # pyca takes no list


def rights(pv):
    return pv.rwaccess()


def texts():
    """By label, and as text."""
    pvs = dict(zip(harness.SCALARS, connect(harness.SCALARS, harness.TIMEOUT_S)))  # noqa: F405
    put(pvs["m:enum"], 1, harness.TIMEOUT_S)
    pvs["m:enum"].get_enum_strings(harness.TIMEOUT_S)
    pvs["m:string"].put_data("12.5", harness.TIMEOUT_S)
    state, text = (get(pvs[name], harness.TIMEOUT_S) for name in ("m:enum", "m:string"))  # noqa: F405
    return [state, pvs["m:enum"].data["enum_set"], text]


OWN = {"states and texts": texts}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
