"""CaChannel: a class around libca's calls, with its own binding."""
import sys
import threading

import harness  # noqa: F401  it makes adapter known
import adapter

NAME, PACKAGE = "CaChannel", "CaChannel"
LIMITS = ("pv_updislim", "pv_lodislim", "pv_upalarmlim", "pv_upwarnlim", "pv_lowarnlim", "pv_loalarmlim",
          "pv_upctrllim", "pv_loctrllim")


def setup():
    global CaChannel, ca
    from CaChannel import CaChannel, ca


def connect(names, timeout):
    pvs = [CaChannel(name) for name in names]
    for pv in pvs:
        pv.setTimeout(timeout)
        pv.searchw()
    return pvs


def get(pv, timeout):
    return pv.getw()


def put(pv, value, timeout):
    done = threading.Event()
    answers = []
    pv.array_put_callback(value, None, None, lambda answer, _: (answers.append(answer), done.set()))
    pv.flush_io()
    if not done.wait(timeout):
        raise TimeoutError(f"no answer to a put within {timeout} s: {pv.name()}")
    if answers[0]["status"] != ca.ECA_NORMAL:
        raise RuntimeError(f"put refused: {answers[0]['status']}")


def answer_of(pv, kind, timeout):
    done, answers = threading.Event(), []
    pv.array_get_callback(kind, None, lambda answer, _: (answers.append(answer), done.set()))
    pv.flush_io()
    if not done.wait(timeout):
        raise TimeoutError(f"no answer within {timeout} s: {pv.name()}")
    return answers[0]


def read(pv, timeout):
    native = ca.dbf_text(pv.field_type())
    control = answer_of(pv, ca.dbf_type_to_DBR_CTRL(pv.field_type()), timeout)
    return adapter.description(get(pv, timeout), native, pv.element_count(), rights(pv), control, LIMITS,
                               units=control.get("pv_units"), precision=control.get("pv_precision"),
                               labels=control.get("pv_statestrings"), status=int(control["pv_status"]),
                               severity=int(control["pv_severity"]))


def monitor(names, update, timeout):
    def on_update(answer, _):
        update(None, answer["pv_value"], 0, 0, answer["pv_status"], answer["pv_severity"])

    pvs = connect(names, timeout)
    for pv in pvs:
        pv.add_masked_array_event(ca.dbf_type_to_DBR_TIME(pv.field_type()), None, ca.DBE_VALUE | ca.DBE_ALARM, on_update)
        pv.flush_io()
    return pvs


def rights(pv):
    return pv.read_access() + 2 * pv.write_access()


def put_wait():
    pv = connect(["m:enum"], harness.TIMEOUT_S)[0]
    pv.putw("moving", ca.DBR_STRING)
    return pv.getw(), pv.getw(ca.DBR_STRING)


OWN = {"putw": put_wait}

if __name__ == "__main__":
    harness.main(sys.modules[__name__])
