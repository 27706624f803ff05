"""CaChannel: a class around libca's calls, by its own binding or, where that cannot be had, by caffi."""
import sys
import threading

import adapter

NAME, PACKAGE = "cachannel", "CaChannel"
LIMITS = ("pv_updislim", "pv_lodislim", "pv_upalarmlim", "pv_upwarnlim", "pv_lowarnlim", "pv_loalarmlim",
          "pv_upctrllim", "pv_loctrllim")


def setup():
    global CaChannel, ca
    import CaChannel as package
    from CaChannel import CaChannel, ca
    package.USE_NUMPY = True  # its default is a list


def connect(names, timeout):
    pvs, events = [CaChannel(name) for name in names], [threading.Event() for _ in names]
    for pv, event in zip(pvs, events):
        pv.search_and_connect(None, lambda state, _, event=event: event.set() if state[1] == ca.CA_OP_CONN_UP else event.clear())
    if pvs:
        pvs[0].flush_io()
    adapter.wait_connected(names, events, timeout)
    return pvs


def get(pv, timeout):
    pv.setTimeout(timeout)
    return pv.getw()  # ca_array_get and ca_pend_io


def put(pv, value, timeout):
    answer = answer_of(pv, lambda done: pv.array_put_callback(value, None, None, done), timeout)
    if answer["status"] != ca.ECA_NORMAL:
        raise RuntimeError(f"put refused: {answer['status']}")


def answer_of(pv, ask, timeout):
    """What the callback of a request is called with."""
    done, answers = threading.Event(), []
    ask(lambda answer, _: (answers.append(answer), done.set()))
    pv.flush_io()
    if not done.wait(timeout):
        raise TimeoutError(f"no answer within {timeout:.0f} s: {pv.name()}")
    return answers[0]


def read(pv, timeout):
    native = pv.field_type()
    control, now = (answer_of(pv, lambda done: pv.array_get_callback(kind, None, done), timeout)
                    for kind in (ca.dbf_type_to_DBR_CTRL(native), ca.dbf_type_to_DBR_TIME(native)))
    return adapter.description(now["pv_value"], ca.dbf_text(native), pv.element_count(), pv.read_access() + 2 * pv.write_access(),
                               control, LIMITS, units=control.get("pv_units"), precision=control.get("pv_precision"),
                               labels=control.get("pv_statestrings"), status=int(now["pv_status"]),
                               severity=int(now["pv_severity"]), seconds=int(now["pv_seconds"]), nanoseconds=now["pv_nseconds"])


def monitor(names, update, timeout):
    pvs = connect(names, timeout)
    for name, pv in zip(names, pvs):
        pv.add_masked_array_event(ca.dbf_type_to_DBR_TIME(pv.field_type()), None, ca.DBE_VALUE | ca.DBE_LOG | ca.DBE_ALARM,
                                  on_update(name, update))
        pv.flush_io()
    return pvs


def on_update(name, update):
    def callback(now, _):
        update(name, now["pv_value"], int(now["pv_seconds"]), now["pv_nseconds"], int(now["pv_status"]), int(now["pv_severity"]))
    return callback


if __name__ == "__main__":
    adapter.main(sys.modules[__name__])
