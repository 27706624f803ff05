"""aioca: libca for asyncio."""
import asyncio
import sys

import harness  # noqa: F401  it makes adapter known
import adapter

NAME, PACKAGE = "aioca", "aioca"
LIMITS = tuple(f"{name}_limit" for name in adapter.LIMITS)
EPOCH = 631152000  # 1990 in Unix seconds


def setup():
    global aioca, run, pause
    import aioca
    loop = asyncio.new_event_loop()
    run = loop.run_until_complete


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
    return adapter.description(now, info.datatype_strings[info.datatype], info.count, rights(pv), vars(control), LIMITS,
                               units=getattr(control, "units", None), precision=getattr(control, "precision", None),
                               labels=getattr(control, "enums", None), status=now.status, severity=now.severity)


def monitor(names, update, timeout):
    def on_update(value):
        update(value.name, value, 0, 0, value.status, value.severity)

    async def subscribe():
        return [aioca.camonitor(name, on_update, format=aioca.FORMAT_TIME, all_updates=True) for name in names]

    return run(subscribe())


def rights(pv):
    info = run(aioca.cainfo(pv))
    return info.read + 2 * info.write


def get_all():
    return run(aioca.caget(list(harness.WRITTEN), timeout=harness.TIMEOUT_S))


def get_string():
    names = ["m:double", "m:float", "m:long", "m:short", "m:char", "m:enum", "m:doubles", "m:strings"]
    return run(aioca.caget("m:chars", datatype=aioca.DBR_CHAR_STR)), run(aioca.caget(names, datatype=str))


def put_texts():
    run(aioca.caput("m:enum", "open", datatype=str, wait=True))
    run(aioca.caput("m:double", "1e1", datatype=str, wait=True))
    text = "a text of more than forty characters, as an array of CHAR"
    run(aioca.caput("m:text.VAL$", text, datatype=aioca.DBR_CHAR_STR, wait=True))
    return run(aioca.caget(["m:enum", "m:double"])), run(aioca.caget("m:text.VAL$", datatype=aioca.DBR_CHAR_STR))


def counts():
    return [run(aioca.caget("m:doubles", count=count)) for count in (1, 2, 6, -1)]


def put_without_wait():
    run(aioca.caput("m:long", 5))
    return get("m:long", harness.TIMEOUT_S)


OWN = {"caget of a list": get_all, "as strings": get_string, "put as strings": put_texts, "counts": counts,
       "caput without wait": put_without_wait}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
