"""aioca: libca for asyncio; its callbacks run in the event loop, so only while something is awaited."""
import asyncio
import sys

import adapter

NAME, PACKAGE = "aioca", "aioca"
LIMITS = tuple(f"{name}_limit" for name in adapter.LIMITS)


def setup():
    global aioca, run
    import aioca
    run = asyncio.new_event_loop().run_until_complete


def pause(seconds):
    run(asyncio.sleep(seconds))


def connect(names, timeout):
    run(aioca.connect(names, timeout=timeout))
    return names


def get(pv, timeout):
    return run(aioca.caget(pv, timeout=timeout))


def put(pv, value, timeout):
    run(aioca.caput(pv, value, wait=True, timeout=timeout))


def read(pv, timeout):
    info = run(aioca.cainfo(pv, timeout=timeout))
    control, now = (run(aioca.caget(pv, format=kind, timeout=timeout)) for kind in (aioca.FORMAT_CTRL, aioca.FORMAT_TIME))
    seconds, nanoseconds = adapter.since_1990(now.raw_stamp)
    return adapter.description(now, info.datatype_strings[info.datatype], info.count, info.read + 2 * info.write, vars(control), LIMITS,
                               units=getattr(control, "units", None), precision=getattr(control, "precision", None),
                               labels=getattr(control, "enums", None), status=now.status, severity=now.severity,
                               seconds=seconds, nanoseconds=nanoseconds)


def monitor(names, update, timeout):
    def on_update(value):
        update(value.name, value, *adapter.since_1990(value.raw_stamp), value.status, value.severity)

    async def subscribe():
        # Without all_updates a callback gets the newest value only.
        return [aioca.camonitor(name, on_update, format=aioca.FORMAT_TIME, all_updates=True) for name in names]

    return run(subscribe())


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
