"""Every client against a real EPICS Base IOC, and against the fake server: what each stage of a job answers, right and wrong."""
import concurrent.futures
import json
import subprocess
import sys
import threading

import cahelp
import numpy
import pytest

every_client = pytest.mark.parametrize("client", cahelp.CLIENTS)
IMAGE, PIXELS = "area-detector:image", 640 * 480


@pytest.fixture(scope="module")
def ioc():
    with cahelp.server("ioc", cahelp.BENCH_DB, env={"EPICS_CA_MAX_ARRAY_BYTES": "10000000"}) as server:
        yield server


@pytest.fixture(scope="module")
def ten_thousand():
    with cahelp.server("sim", "ten-thousand") as server:
        yield server


@pytest.fixture(scope="module")
def area_detector():
    with cahelp.server("sim", "area-detector") as server:
        yield server


def run(client, server, **job):
    result = cahelp.run_job(client, job, server.env)
    assert result["error"] is None and result["ok"], result
    assert (result["client"], result["task"]) == (client, job["task"])
    return result


def scalar(i):
    return f"ten-thousand:{i:05d}"


def frame(serial):
    """base/frame.c in numpy."""
    words = numpy.uint32(serial * 0x9E3779B1 & 0xFFFFFFFF) ^ (numpy.arange(PIXELS // 2, dtype=numpy.uint64) * 0x85EBCA6B).astype(numpy.uint32)
    elements = numpy.empty(PIXELS, numpy.uint16)
    elements[0::2], elements[1::2] = words >> 16, words & 0xFFFF
    elements[:4] = [serial >> shift & 0xFFFF for shift in (48, 32, 16, 0)]
    return elements.view(numpy.int16)


# ---- connect, get, put ----


@every_client
@pytest.mark.parametrize("i, value", [(0, 0.5), (1, 1), (2, "s2"), (3, 0), (9, 9)])
def test_one_pv_is_connected_and_read_twice(client, ioc, i, value):
    result = run(client, ioc, task="connect", names=[scalar(i)], order="together", gets=2)
    assert result["values"] == [value, value]
    assert result["connected"] == 1
    assert result["setup_ns"] > 0 and result["connect_ns"] > 0 and len(result["get_ns"]) == 2
    assert result["put_ns"] is None and result["exit_code"] == 0


@every_client
@pytest.mark.parametrize("order", ["together", "sequential"])
def test_a_hundred_pvs_are_connected(client, ioc, order, tmp_path):
    names = tmp_path / "names"
    names.write_text("".join(scalar(i) + "\n" for i in range(100)))
    result = run(client, ioc, task="connect", names_file=str(names), order=order, gets=2, get_names=10)
    assert result["connected"] == 100
    assert result["values"] == [0.5, 0.5]


@every_client
@pytest.mark.parametrize("server", ["ioc", "ten_thousand"])
def test_a_put_is_seen_by_the_next_client(client, server, request):
    server, value = request.getfixturevalue(server), 1000 + cahelp.CLIENTS.index(client)
    put = run(client, server, task="connect", names=[scalar(4)], gets=1, put={"name": scalar(4), "value": value})
    assert put["put_ns"] > 0
    assert run("pyca", server, task="connect", names=[scalar(4)], gets=1)["values"] == [value]


@every_client
def test_ten_thousand_pvs_of_the_fake_server_are_connected(client, ten_thousand, tmp_path):
    names = tmp_path / "names"
    names.write_text("".join(scalar(i) + "\n" for i in range(10000)))
    result = run(client, ten_thousand, task="connect", names_file=str(names), gets=2, get_names=100)
    assert result["connected"] == 10000
    assert result["values"] == [0.5, 0.5]


@every_client
def test_a_name_that_nobody_serves_is_an_error_after_the_time_out(client, ioc):
    job = {"task": "connect", "names": [scalar(0), "no-such-pv"], "gets": 1, "timeout_s": 2}
    result = cahelp.run_job(client, job, ioc.env)
    assert result["exit_code"] == 1 and result["ok"] is False
    assert "no-such-pv" in result["error"]


# ---- read ----


@every_client
def test_read_tells_value_type_rights_and_metadata(client, ioc):
    names = [scalar(i) for i in (10, 1, 2, 3, 9)]
    ai, mbbo, stringin, bo, longout = (run(client, ioc, task="read", names=names)["pvs"][name] for name in names)
    assert (ai["value"], ai["type"], ai["count"], ai["access"], ai["units"], ai["precision"]) == (10.5, "DOUBLE", 1, 3, "mm", 3)
    assert ai["limits"] == {"upper_disp": 10000, "lower_disp": 0, "upper_alarm": 9900, "upper_warning": 9800, "lower_warning": 20,
                            "lower_alarm": 10, "upper_ctrl": 10000, "lower_ctrl": 0}
    assert (ai["status"], ai["severity"]) == (6, 1), "10.5 is under LOW = 20: LOW_ALARM, MINOR"
    assert (mbbo["value"], mbbo["type"], mbbo["labels"]) == (1, "ENUM", [f"state {i}" for i in range(16)])
    assert (stringin["value"], stringin["type"]) == ("s2", "STRING")
    assert (bo["value"], bo["type"], bo["labels"]) == (0, "ENUM", ["Off", "On"])
    assert (longout["value"], longout["type"], longout["units"]) == (9, "LONG", "counts")
    assert all(0 <= pv["nanoseconds"] < 10**9 and pv["seconds"] > 0 for pv in (ai, mbbo, stringin, bo, longout))


@every_client
def test_read_of_an_image_gives_its_first_elements_and_the_sum_of_all(client, ioc):
    image = run(client, ioc, task="read", names=[IMAGE])["pvs"][IMAGE]
    high, next_, middle, low = (element & 0xFFFF for element in image["value"][:4])
    expected = frame(high << 48 | next_ << 32 | middle << 16 | low)
    assert (image["type"], image["count"]) == ("SHORT", PIXELS)
    assert image["value"] == expected[:16].tolist()
    assert image["sum"] == expected.sum()


def test_the_java_client_reads_what_libca_reads(ioc):
    job = {"task": "read", "names": [*(scalar(i) for i in (10, 1, 2, 3, 9)), IMAGE]}
    java = cahelp.run_job("caj", job, ioc.env)
    if str(java["error"]).startswith("not installed: "):
        pytest.skip(java["error"])
    image, moving = java["pvs"].pop(IMAGE), {"value", "sum", "seconds", "nanoseconds"}
    libca = run("libca", ioc, **job)["pvs"]
    assert {k: v for k, v in image.items() if k not in moving} == {k: v for k, v in libca.pop(IMAGE).items() if k not in moving}
    high, next_, middle, low = (element & 0xFFFF for element in image["value"][:4])
    expected = frame(high << 48 | next_ << 32 | middle << 16 | low)
    assert image["value"] == expected[:16].tolist() and image["sum"] == expected.sum()
    assert java["pvs"] == libca


# ---- monitor, watch ----


@every_client
@pytest.mark.parametrize("server", ["ioc", "area_detector"])
def test_monitor_sums_every_frame_of_an_image(client, server, request):
    result = run(client, request.getfixturevalue(server), task="monitor", name=IMAGE, seconds=1, warmup_s=0.5)
    frames = result["frames"]
    assert "monitoring\n" in result["stderr"]
    assert result["native_count"] == PIXELS
    assert len(frames["serial"]) > 2, "a busy machine may deliver few, never none"
    # An IOC reads an array when it sends it: a frame posted just then comes again, as the next update, with its own stamp. One
    # posted while the subscription begins comes twice with one stamp: as first value and as update.
    stamps = list(zip(frames["seconds"], frames["nanoseconds"]))
    assert frames["serial"] == sorted(frames["serial"])
    assert stamps[1:] == sorted(set(stamps[1:])) and stamps[0] <= stamps[1]
    assert frames["sum"] == [frame(serial).sum() for serial in frames["serial"]]
    assert frames["arrived_ns"] == sorted(frames["arrived_ns"])
    assert all(len(column) == len(frames["serial"]) for column in frames.values())


@every_client
def test_watch_gives_every_update_of_moving_pvs_and_one_of_still_ones(client, ioc):
    names = ["moving:0", "moving:1", scalar(0), scalar(2), "area-detector:image-10hz"]
    updates = run(client, ioc, task="watch", names=names, seconds=1)["updates"]
    assert [update[2] for update in updates[scalar(0)]] == [0.5]
    assert [update[2] for update in updates[scalar(2)]] == ["s2"]
    for name in ("moving:0", "moving:1", "area-detector:image-10hz"):
        values = [update[2] for update in updates[name]][1:]
        again = 1000 if name.startswith("moving") else 2**63  # from HOPR, 999, to LOPR, 0: once in 100 s
        assert len(values) > 2 and values == [(values[0] + i) % again for i in range(len(values))], name
        stamps = [update[:2] for update in updates[name]]
        assert stamps == sorted(stamps)


def test_a_frame_that_is_being_summed_when_the_time_is_up_is_left_out(monkeypatch):
    monkeypatch.syspath_prepend(cahelp.ROOT / "clients" / "adapters")
    import adapter
    begun, ended = threading.Event(), threading.Event()

    class Image(list):
        def sum(self):
            if self[3] == 2:
                begun.set()
                assert ended.wait(60)
            return sum(self)

    class Library:
        @staticmethod
        def monitor(names, update, timeout):
            thread = threading.Thread(target=lambda: [update(names[0], Image([0, 0, 0, k]), k, 0, 0, 0) for k in (1, 2)])
            thread.start()
            assert begun.wait(60)
            return thread

    frames = adapter.task_monitor(Library, {"name": "x", "seconds": 0}, adapter.Deadline(60))["frames"]
    ended.set()
    assert {name: column for name, column in frames.items() if name != "arrived_ns"} == {
        "serial": [1], "sum": [1], "seconds": [1], "nanoseconds": [0]} and len(frames["arrived_ns"]) == 1


# ---- the clients that bench measures where they are named ----


@pytest.fixture(scope="module")
def more(ten_thousand, area_detector):
    """What each of them answers to the same three jobs; a few at a time, since most of it is starting up."""
    def answers(client):
        mine = scalar(500 + cahelp.MORE_CLIENTS.index(client))
        jobs = ((ten_thousand, {"task": "connect", "names": [scalar(i) for i in range(20)], "get_names": 2, "put": {"name": mine, "value": 7}}),
                (ten_thousand, {"task": "watch", "names": [scalar(10), scalar(11), mine], "seconds": 0.1}),
                (area_detector, {"task": "monitor", "name": IMAGE, "seconds": 0.5}))
        return [ended(client, job | {"timeout_s": 40}, server.env) for server, job in jobs] + [mine]

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return dict(zip(cahelp.MORE_CLIENTS, pool.map(answers, cahelp.MORE_CLIENTS)))


def ended(client, job, env):
    """A job's answer, also of a library that answers, and then hangs as its process ends."""
    try:
        return cahelp.run_job(client, job, env, timeout=60)
    except subprocess.TimeoutExpired as hung:
        return json.loads(hung.output) | {"exit_code": -9, "stderr": hung.stderr.decode()}


@pytest.mark.parametrize("client", cahelp.MORE_CLIENTS)
def test_a_further_client_connects_reads_writes_and_monitors(client, more, ten_thousand):
    connect, watch, monitor, mine = more[client]
    if str(connect["error"]).startswith("not installed: "):
        pytest.skip(connect["error"])
    assert all(answer["ok"] and answer["client"] == client for answer in (connect, watch, monitor)), (connect, watch, monitor)
    assert (connect["connected"], connect["values"]) == (20, [0.5, 0.5])
    assert connect["put_ns"] > 0 and len(connect["get_ns"]) == 2
    names = [scalar(10), scalar(11), mine]
    seen = run("libca", ten_thousand, task="watch", names=names, seconds=0)["updates"]
    assert watch["updates"] == seen and [seen[name][0][2] for name in names] == [10.5, 11.5, 7], "value, stamp and alarm as libca has them"
    frames = monitor["frames"]
    assert len(frames["serial"]) > 2 and frames["serial"] == sorted(frames["serial"]), "a busy machine may deliver few, never none"
    assert frames["sum"] == [frame(serial).sum() for serial in frames["serial"]]
    assert monitor["native_count"] == PIXELS and "monitoring\n" in monitor["stderr"]


def test_clients_are_listed_with_their_versions_or_why_they_do_not_run():
    done = cahelp.caplay("clients", "--json")
    clients = {client["client"]: client for client in json.loads(done.stdout)["clients"]}
    assert done.returncode == 0 and {*cahelp.CLIENTS, *cahelp.MORE_CLIENTS, "caj_cold"} == set(clients)
    assert {name for name, client in clients.items() if client["standard"]} == set(cahelp.CLIENTS)
    assert all(client["version"] if client["runs"] else client["not_installed"] for client in clients.values())
    assert clients["libca"]["runs"]

    done = cahelp.caplay("clients", env={"CAPLAY_PYTHON": "/usr/bin/false"})
    assert done.returncode == 0 and "not installed: it fails" in done.stdout
    assert len([line for line in done.stdout.splitlines() if not line.startswith(" ")]) == 1 + len(clients)


# ---- not installed ----


@pytest.mark.parametrize("client", ["pyca", "psp", "pyepics", "caproto", "aioca", "cothread", "cachannel"])
def test_a_client_that_is_not_installed_says_so(client, tmp_path):
    job = tmp_path / "job.json"
    job.write_text('{"task": "connect", "names": ["x"]}')
    script = cahelp.client_command(client)[1]
    without_site_packages = subprocess.run([sys.executable, "-S", script, job], capture_output=True, text=True, timeout=60)
    assert without_site_packages.returncode == 1
    assert '"error": "not installed: No module named ' in without_site_packages.stdout


def test_the_reason_noted_at_set_up_is_told(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(cahelp.ROOT / "clients" / "adapters")
    import adapter
    (tmp_path / "not-installed").mkdir()
    (tmp_path / "not-installed" / "pyepics").write_text("ERROR: no matching distribution\n")
    assert adapter.why_not_installed("pyepics", tmp_path) == "ERROR: no matching distribution"
    assert adapter.why_not_installed("caproto", tmp_path) is None
