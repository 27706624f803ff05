"""caproto's asyncio client."""
import asyncio
import sys

import harness  # noqa: F401  it makes adapter known
import adapter
import client_caproto as threading_client

NAME, PACKAGE = "caproto asyncio", "caproto"


def setup():
    global context, run
    from caproto.asyncio.client import Context
    loop = asyncio.new_event_loop()
    run = loop.run_until_complete

    async def start():
        return Context()

    context = run(start())


def pause(seconds):
    run(asyncio.sleep(seconds))


def connect(names, timeout):
    async def connected():
        pvs = await context.get_pvs(*names)
        await asyncio.wait_for(asyncio.gather(*(pv.wait_for_connection(timeout=timeout) for pv in pvs)), timeout)
        return pvs

    return run(connected())


def get(pv, timeout):
    return threading_client.value_of(run(pv.read(data_type="time", timeout=timeout)))


def put(pv, value, timeout):
    answer = run(pv.write(harness.listed(value), wait=True, timeout=timeout))
    if not answer.status.success:
        raise RuntimeError(f"put refused: {answer.status.name}")


def read(pv, timeout):
    control, time_ = (run(pv.read(data_type=kind, timeout=timeout)) for kind in ("control", "time"))
    data, now = control.metadata.to_dict(), time_.metadata
    return adapter.description(threading_client.value_of(time_), pv.channel.native_data_type.name, pv.channel.native_data_count,
                               rights(pv), data, threading_client.LIMITS, units=data.get("units"), precision=data.get("precision"),
                               labels=data.get("enum_strings"), status=now.status, severity=now.severity)


def monitor(names, update, timeout):
    async def on_update(subscription, answer):
        update(subscription.pv.name, threading_client.value_of(answer), 0, 0, answer.metadata.status, answer.metadata.severity)

    subscriptions = [pv.subscribe(data_type="time") for pv in connect(names, timeout)]

    async def add():
        for subscription in subscriptions:
            subscription.add_callback(on_update)

    run(add())
    return subscriptions, on_update


def rights(pv):
    return int(pv.access_rights)


def iterate():
    """Updates as an asynchronous iterator."""
    async def three():
        pv, = await context.get_pvs("m:long")
        await pv.wait_for_connection()
        got, subscription = [], pv.subscribe(data_type="time")
        async for answer in subscription:
            got.append(answer.data[0])
            if len(got) == 3:
                return got
            await pv.write([len(got)], wait=True)

    return run(asyncio.wait_for(three(), harness.TIMEOUT_S))


OWN = {"async for": iterate}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
