"""caproto's asyncio client in the matrix."""
import sys

import harness
from client_caproto_asyncio import *  # noqa: F403
import client_caproto_asyncio as base


def put(pv, value, timeout):
    base.put(pv, harness.listed(value), timeout)  # caproto takes a bare number for none but CHAR


def rights(pv):
    return int(pv.access_rights)


def iterate():
    """Updates as an asynchronous iterator."""
    async def three():
        pv, = await base.context.get_pvs("m:long")
        await pv.wait_for_connection()
        got, subscription = [], pv.subscribe(data_type="time")
        async for answer in subscription:
            got.append(answer.data[0])
            if len(got) == 3:
                return got
            await pv.write([len(got)], wait=True)

    return base.run(three(), harness.TIMEOUT_S)


OWN = {"async for": iterate}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
