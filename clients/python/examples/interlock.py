"""An application, as any: it watches a current, and prints a line at each change, `ok 99.5` or `high 100.5`.

    python interlock.py [N]     end after N lines
"""
import asyncio
import sys

from caproto.asyncio.client import Context


async def watch(lines):
    current, limit = await Context().get_pvs("beam:current", "beam:limit")
    await asyncio.gather(current.wait_for_connection(), limit.wait_for_connection())
    most = (await limit.read()).data[0]
    async for answer in current.subscribe():
        print("high" if answer.data[0] > most else "ok", answer.data[0], flush=True)
        lines -= 1
        if lines == 0:
            return


asyncio.run(watch(int(sys.argv[1]) if len(sys.argv) > 1 else -1))
