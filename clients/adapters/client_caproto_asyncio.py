"""caproto's asyncio client: the protocol in Python, in one event loop; callbacks run only while something is awaited."""
import asyncio
import sys

import adapter
from client_caproto import described, value_of

NAME, PACKAGE = "caproto_asyncio", "caproto"


def setup():
    global context, loop, run
    from caproto.asyncio.client import Context
    loop = asyncio.new_event_loop()

    def run(work, timeout):
        return loop.run_until_complete(asyncio.wait_for(work, timeout))

    async def start():
        return Context()

    context = run(start(), None)


def pause(seconds):
    run(asyncio.sleep(seconds), None)


def finish():
    """As asyncio.run() ends: tasks that are left when the interpreter ends made it hang in 1 of 100 runs."""
    if "loop" in globals():
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=2))


def connect(names, timeout):
    async def connected():
        pvs = await context.get_pvs(*names)
        await asyncio.gather(*(pv.wait_for_connection(timeout=timeout) for pv in pvs))
        return pvs

    return run(connected(), timeout)


def get(pv, timeout):
    return value_of(run(pv.read(data_type="time", timeout=timeout), timeout))


def put(pv, value, timeout):
    answer = run(pv.write(value, wait=True, timeout=timeout), timeout)
    if not answer.status.success:
        raise RuntimeError(f"put refused: {answer.status.name}")


def read(pv, timeout):
    control, now = (run(pv.read(data_type=kind, timeout=timeout), timeout) for kind in ("control", "time"))
    return described(control, now, pv.channel.native_data_type.name, pv.channel.native_data_count, int(pv.access_rights))


def monitor(names, update, timeout):
    async def on_update(subscription, answer):
        now = answer.metadata
        update(subscription.pv.name, value_of(answer), now.secondsSinceEpoch, now.nanoSeconds, now.status, now.severity)

    async def subscribe():
        for subscription in subscriptions:
            subscription.add_callback(on_update)

    subscriptions = [pv.subscribe(data_type="time") for pv in connect(names, timeout)]
    run(subscribe(), timeout)
    return subscriptions, on_update  # caproto holds callbacks weakly


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
