"""A recorded IOC and its replay are the same to every client: an IOC is recorded while five clients watch its moving PVs, then
replayed, and what each client reads on the two is compared. The still PVs are read by all five before the capture begins: the
recording knows them only from one client, libca, which reads them once."""
import contextlib

import cahelp
import pytest

every_client = pytest.mark.parametrize("client", cahelp.CLIENTS)
STILL = [f"ten-thousand:{i:05d}" for i in range(25)]  # five of each kind of record, some in alarm
MOVING = [f"moving:{i}" for i in range(10)]
IMAGE = "area-detector:image-10hz"
IOC_SECONDS, REPLAY_SECONDS, COMPARED_SECONDS = 12, 18, 10  # the replay's watch covers what was recorded before the IOC's began


def good(result):
    assert result["error"] is None, result
    return result


def read_by_all(env):
    return {client: good(cahelp.run_job(client, {"task": "read", "names": [*STILL, *MOVING, IMAGE]}, env))["pvs"]
            for client in cahelp.CLIENTS}


@contextlib.contextmanager
def watched_by_all(env, seconds):
    """Five watchers at once. The body runs while they watch; the dict is filled at its end."""
    updates = {}
    job = {"task": "watch", "names": [*MOVING, IMAGE], "seconds": seconds}
    watchers = {client: cahelp.start_job(client, job, env) for client in cahelp.CLIENTS}
    try:
        for process in watchers.values():
            assert any(line == "monitoring\n" for line in process.stderr), "a watcher did not start"
        yield updates
    finally:
        results = {client: cahelp.finish_job(process) for client, process in watchers.items()}
    updates |= {client: good(result)["updates"] for client, result in results.items()}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What each client read and watched: {"ioc" or "replay": {"read": {client: ...}, "watch": {client: ...}}}."""
    trace = tmp_path_factory.mktemp("fidelity") / "ioc.catrace"
    with cahelp.server("ioc", cahelp.BENCH_DB) as ioc:
        ioc_read = read_by_all(ioc.env)
        with cahelp.capture(trace, ioc):
            with watched_by_all(ioc.env, IOC_SECONDS) as ioc_watch:
                # While they watch: a value that is first known from metadata, which have no stamp, would bear its packet's time,
                # and that may be after the stamp of a change which is on its way.
                good(cahelp.run_job("libca", {"task": "read", "names": [*STILL, *MOVING, IMAGE]}, ioc.env))
    with cahelp.server("replay", trace) as replay:
        with watched_by_all(replay.env, REPLAY_SECONDS) as replay_watch:
            replay_read = read_by_all(replay.env)  # while it plays: time 0 has come
    return {"ioc": {"read": ioc_read, "watch": ioc_watch}, "replay": {"read": replay_read, "watch": replay_watch}}


def stamp_ns(pv):
    return pv["seconds"] * 10**9 + pv["nanoseconds"]


def shift_ns(seen, client):
    """How much later than recorded a stamp is on the replay: one number, whatever the PV."""
    ioc, replay = (seen[side]["read"][client] for side in ("ioc", "replay"))
    shifts = {name: stamp_ns(replay[name]) - stamp_ns(ioc[name]) for name in STILL}
    assert len(set(shifts.values())) == 1, shifts
    return shifts[STILL[0]]


def differences(seen, client, names, but):
    """{name: [on the IOC, on the replay]} of what is not the same, fields `but` apart."""
    pairs = {name: [{field: value for field, value in seen[side]["read"][client][name].items() if field not in but}
                    for side in ("ioc", "replay")] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@every_client
def test_still_pvs_read_alike(seen, client):
    assert not differences(seen, client, STILL, but=("seconds", "nanoseconds"))


@every_client
def test_moving_pvs_have_the_same_types_rights_and_metadata(seen, client):
    assert not differences(seen, client, [*MOVING, IMAGE], but=("seconds", "nanoseconds", "value", "sum", "status", "severity"))


@every_client
def test_stamps_keep_their_ages(seen, client):
    assert shift_ns(seen, client) == shift_ns(seen, "libca"), "all clients asked the same replay"


def updates_by_recorded_stamp(seen, client, side, name):
    """[(recorded stamp, [value, status, severity])]; an update that came both as first value and as update counts once."""
    shift = shift_ns(seen, client) if side == "replay" else 0
    updates = [(seconds * 10**9 + nanoseconds - shift, rest) for seconds, nanoseconds, *rest in seen[side]["watch"][client][name]]
    return updates[1:] if updates[:1] == updates[1:2] else updates


def overlap(ioc, replay):
    """Both lists cut to the time that both cover."""
    begin, end = max(ioc[0][0], replay[0][0]), min(ioc[-1][0], replay[-1][0])
    assert end - begin > COMPARED_SECONDS * 10**9, f"only {(end - begin) / 1e9:.3f} s can be compared"
    return [[update for update in updates if begin <= update[0] <= end] for updates in (ioc, replay)]


@every_client
def test_moving_pvs_have_the_same_updates_in_the_same_order(seen, client):
    for name in MOVING:
        ioc, replay = overlap(*(updates_by_recorded_stamp(seen, client, side, name) for side in ("ioc", "replay")))
        assert replay == ioc, name


def unmerged(frames):
    """{recorded stamp: [serial, status, severity]}. On a busy machine the IOC or the replay merges frames: such an update bears
    the first one's stamp and the last one's data, and is known by the serial that it leaves out."""
    return {stamp: now for (_, before), (stamp, now) in zip(frames, frames[1:]) if now[0] == before[0] + 1}


@every_client
def test_frames_keep_their_stamps_and_are_never_doubled(seen, client):
    ioc, replay = overlap(*(updates_by_recorded_stamp(seen, client, side, IMAGE) for side in ("ioc", "replay")))
    serials = [frame[0] for _, frame in replay]
    assert serials == sorted(set(serials))
    common = unmerged(ioc).keys() & unmerged(replay).keys()
    assert len(common) > len(ioc) / 2
    assert {stamp: unmerged(replay)[stamp] for stamp in common} == {stamp: unmerged(ioc)[stamp] for stamp in common}
