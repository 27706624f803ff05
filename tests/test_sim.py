"""The fake server as a process: its life, its ports, what it does with slow and silent clients, and that it answers byte for byte as a
real IOC does. What the clients under test see of it is in test_adapters.py."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess

import cahelp
import pytest
import rawca

IMAGE, PIXELS = "area-detector:image", 640 * 480
IMAGE_BYTES = 2 * PIXELS
LARGE_ARRAYS = {"EPICS_CA_MAX_ARRAY_BYTES": "10000000"}
DOUBLE, SHORT, TIME_SHORT, TIME_DOUBLE = 6, 1, 15, 20
VALUE = 1
ECHO, EVENT_CANCEL, CLEAR_CHANNEL, EVENTS_OFF, EVENTS_ON = 23, 2, 12, 8, 9


def scalar(i):
    return f"ten-thousand:{i:05d}"


def event_add(sid, subid, type=DOUBLE, count=1, mask=VALUE):
    return rawca.message(rawca.EVENT_ADD, type, count, sid, subid, struct.pack(">3fHH", 0, 0, 0, mask, 0))


def serial_of(payload):
    return int.from_bytes(payload[:8], "big")


@contextlib.contextmanager
def circuit(server):
    with rawca.Circuit("127.0.0.1", server.tcp) as c:
        yield c


def report_of(server, path):
    assert server.stop() == 0
    return json.loads(path.read_text())


# ---- life ----


def test_a_port_in_use_is_an_error_that_names_it_and_the_remedies():
    with cahelp.server("sim", "ten-thousand", "--count", "10") as first:
        second = cahelp.caplay("sim", "ten-thousand", "--count", "10", "--port", first.udp)
        assert second.returncode == 5
        assert f"UDP port {first.udp} at 127.0.0.1 is in use" in second.stderr
        assert "--port 0" in second.stderr and "--share-port" in second.stderr
        assert "ready" not in second.stdout


def test_share_port_shares_udp_with_a_server_that_shares_it():
    with cahelp.free_pair() as (_, tcp):
        port = tcp.getsockname()[1]
        command = ["sim", "ten-thousand", "--count", "10", "--port", port]
        shared = cahelp.caplay(*command, "--share-port", "--", "true")
        assert shared.returncode == 0
        assert shared.stdout.startswith(f"ready udp={port} tcp=") and f"tcp={port}" not in shared.stdout
        assert cahelp.caplay(*command, "--", "true").returncode == 5


def test_a_command_runs_with_a_client_s_environment_and_its_exit_code_comes_back():
    script = 'echo "list=$EPICS_CA_ADDR_LIST auto=$EPICS_CA_AUTO_ADDR_LIST"; exit 37'
    done = cahelp.caplay("sim", "ten-thousand", "--count", "1", "--port", "0", "--", "sh", "-c", script)
    ready, environment = done.stdout.splitlines()
    port = ready.split()[1].removeprefix("udp=")
    assert environment == f"list=127.0.0.1:{port} auto=NO"
    assert done.returncode == 37


def test_a_command_finds_no_server_but_ours(tmp_path):
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"task": "connect", "names": [scalar(4)], "gets": 1, "timeout_s": 1}))
    with cahelp.server("sim", "ten-thousand", "--count", "5") as other:
        elsewhere = {"EPICS_CA_NAME_SERVERS": f"127.0.0.1:{other.tcp}", "EPICS_CA_ADDR_LIST": f"127.0.0.1:{other.udp}"}
        done = cahelp.caplay("sim", "ten-thousand", "--count", "4", "--port", "0", "--", *cahelp.client_command("libca"), job,
                             env=elsewhere)
    assert done.returncode == 1 and "not connected in time" in done.stdout


def test_a_rate_beyond_any_machine_does_not_hold_the_server_up():
    with cahelp.server("sim", "area-detector", "--size", "2x2", "--rate", "1000000000Hz") as server:
        with rawca.Circuit("127.0.0.1", server.tcp, timeout_s=10) as c:
            c.send(event_add(c.create(IMAGE).sid, 1, type=SHORT, count=4))
            for _ in range(4):  # each is answered, although more is overdue each time
                c.create(IMAGE)
        assert server.stop(timeout=10) == 0


def test_a_command_that_is_not_there():
    done = cahelp.caplay("sim", "ten-thousand", "--count", "1", "--port", "0", "--", "/no/such/program")
    assert done.returncode == 5
    assert "/no/such/program" in done.stderr


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 9), (signal.SIGINT, 7)])
def test_a_signal_goes_to_the_command_and_its_code_comes_back(number, code):
    script = "trap 'exit 9' TERM; trap 'exit 7' INT; echo on; while :; do read line || wait; sleep 1 & wait $!; done"
    server = subprocess.Popen([cahelp.CAPLAY, "sim", "ten-thousand", "--count", "1", "--port", "0", "--", "sh", "-c", script],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout.readline().startswith("ready ")
    assert server.stdout.readline() == "on\n"
    server.send_signal(number)
    assert server.wait(30) == code
    server.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_well(number, tmp_path):
    report = tmp_path / "report.json"
    with cahelp.server("sim", "ten-thousand", "--count", "1", "--report", report) as server:
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        assert json.loads(report.read_text())["valid"] is True


def test_a_beacon_period_of_next_to_nothing_does_not_hold_the_server_up():
    with cahelp.server("sim", "ten-thousand", "--count", "1", env={"EPICS_CAS_BEACON_PERIOD": "1e-10"}) as server:
        with circuit(server) as c:
            assert c.create(scalar(0)).native == DOUBLE


def test_the_env_file_is_what_a_shell_needs(tmp_path):
    env = tmp_path / "env"
    with cahelp.server("sim", "ten-thousand", "--count", "1", "--env-file", env) as server:
        shell = subprocess.run(["sh", "-c", f". {env}; echo $EPICS_CA_ADDR_LIST"], capture_output=True, text=True, check=True)
        assert shell.stdout == f"127.0.0.1:{server.udp}\n"


def test_a_device_as_env_file_or_report_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = cahelp.caplay("sim", "ten-thousand", "--port", "0", "--env-file", pipe, "--report", pipe, "--", "true")
    said = os.read(reader, 1 << 16).decode()
    os.close(reader)
    assert done.returncode == 0
    assert "export EPICS_CA_ADDR_LIST=" in said and '"valid": true' in said
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("option", ["--env-file", "--report"])
def test_a_file_that_cannot_be_written_is_told_before_it_serves(option, tmp_path):
    done = cahelp.caplay("sim", "ten-thousand", "--port", "0", option, tmp_path / "none" / "x", "--", "true")
    assert done.returncode == 5
    assert done.stdout == ""
    assert done.stderr == f"caplay: cannot write {tmp_path}/none/x: No such file or directory\n"


def test_an_address_that_is_not_ours_is_named():
    done = cahelp.caplay("sim", "ten-thousand", "--port", "0", "--interface", "192.0.2.1", "--", "true")
    assert done.returncode == 5
    assert done.stderr.startswith("caplay: cannot serve at 192.0.2.1, no address of this machine")


@pytest.mark.parametrize("arguments, told", [
    (["no-such"], "there are: ten-thousand, area-detector"),
    ([], "sim"),
    (["ten-thousand", "--rate", "10Hz"], "--rate"),
    (["area-detector", "--count", "3"], "--count"),
    (["area-detector", "--size", "1x1"], "--size"),
    (["area-detector", "--pv", "A", "--pv", "A"], "given twice"),
    (["ten-thousand", "--start-when", "noon"], "noon"),
    (["ten-thousand", "--interface", "localhorst"], "localhorst"),
    (["ten-thousand", "--latency", "5"], "--latency"),
    (["ten-thousand", "--latency", "read=pareto:1ms,1", "--late-budget", "p99=1ms"], "its mean is infinite"),
    (["ten-thousand", "--latency", "empirical:/nowhere.catrace"], "--latency empirical:/nowhere.catrace: "),
    (["ten-thousand", "--link", "0Gb/s,50us"], "--link"),
    (["ten-thousand", "--start-when", "subscriptions=99999999999999999999"], "99999999999999999999"),
])
def test_what_it_does_not_understand(arguments, told):
    done = cahelp.caplay("sim", *arguments)
    assert done.returncode == 2
    assert told in done.stderr and len(done.stderr.splitlines()) == 1


def test_epics_environment_sets_port_and_interface():
    port = cahelp.free_port()
    env = {"EPICS_CAS_SERVER_PORT": str(port), "EPICS_CA_SERVER_PORT": "5999", "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.2:77"}
    done = cahelp.caplay("sim", "ten-thousand", "--count", "1", "--", "sh", "-c", "echo $EPICS_CA_ADDR_LIST", env=env)
    assert done.stdout.splitlines() == [f"ready udp={port} tcp={port}", f"127.0.0.2:{port}"]


# ---- search ----


def test_ten_thousand_channels_and_no_search_repeated(tmp_path):
    report = tmp_path / "report.json"
    with cahelp.server("sim", "ten-thousand", "--report", report) as server:
        job = {"task": "connect", "names": [scalar(i) for i in range(10000)], "gets": 1}
        result = cahelp.run_job("libca", job, server.env)
        assert result["connected"] == 10000 and result["values"] == [0.5]
        told = report_of(server, report)
    assert (told["searches"], told["repeated_searches"], told["udp_drops"], told["channels"]) == (10000, 0, 0, 10000)


def test_a_list_of_names_is_served_as_scalars(tmp_path):
    names = tmp_path / "names.yaml"
    names.write_text("pvs:\n- BL01:A\n- BL01:B\n")
    with cahelp.server("sim", names) as server:
        pvs = cahelp.run_job("pyepics", {"task": "read", "names": ["BL01:A", "BL01:B.VAL"]}, server.env)["pvs"]
    assert [pv["value"] for pv in pvs.values()] == [0.5, 1.5]


@pytest.mark.parametrize("text, told", [
    ("pvs: [A, B, A]", ":1: the name 'A' comes twice"), ("pvs:\n- ''", ":2: the name '' has not 1 to 60 characters"),
    ("pvs: []", ": it has no names"), ("pvs: [A]\nx: 1", ":2: the one key is pvs"), ("pvs: [A, [B]]", ":1: a name is expected here"),
    ("pvs: 7", ":1: pvs must be a list of names")])
def test_a_list_of_names_that_is_none(tmp_path, text, told):
    names = tmp_path / "names.yaml"
    names.write_text(text)
    result = cahelp.caplay("sim", names, "--port", "0")
    assert result.returncode == 2 and f"names.yaml{told}" in result.stderr


@pytest.mark.parametrize("client", ["libca", "pyca"])
def test_a_name_server_is_searched_over_tcp(client):
    with cahelp.server("sim", "ten-thousand", "--count", "10") as server:
        env = server.env | {"EPICS_CA_NAME_SERVERS": f"127.0.0.1:{server.tcp}", "EPICS_CA_ADDR_LIST": "",
                            "EPICS_CA_SERVER_PORT": "5999"}
        result = cahelp.run_job(client, {"task": "connect", "names": [scalar(3)], "gets": 1}, env)
        assert result["values"] == [3.5]


def test_beacons_come_with_the_real_server_s_numbers(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as repeater:
        repeater.bind(("127.0.0.1", 0))
        repeater.settimeout(30)
        env = {"EPICS_CA_REPEATER_PORT": str(repeater.getsockname()[1])}
        with cahelp.server("sim", "ten-thousand", "--count", "1", env=env) as server:
            beacons = [rawca.split(repeater.recv(100))[0] for _ in range(5)]
    assert [b.p1 for b in beacons] == [0, 0, 1, 2, 3]
    assert {(b.command, b.type, b.count, b.p2) for b in beacons} == {(13, 13, server.tcp, 0)}


# ---- images ----


def images(server, *, type=SHORT, count=PIXELS, subid=7):
    """A subscribed circuit and its updates' payloads, one after the other."""
    c = rawca.Circuit("127.0.0.1", server.tcp)
    channel = c.create(IMAGE)
    c.send(event_add(channel.sid, subid, type, count))
    while True:
        reply = c.receive()
        assert (reply.command, reply.type, reply.count, reply.p1, reply.p2) == (rawca.EVENT_ADD, type, count or PIXELS, 1, subid)
        yield reply.payload


def stream_to_libca(report):
    """Three seconds at 120 Hz: (libca's serials, what the server tells, was it a machine with time: nobody waited for a core)."""
    budget = ("--late-budget", "p99=1ms,max=20ms")
    with cahelp.server("sim", "area-detector", *budget, "--report", report) as server:
        waited = cahelp.cpu_wait_s()
        job = {"task": "monitor", "name": IMAGE, "seconds": 3, "warmup_s": 0}
        serials = cahelp.run_job("libca", job, server.env | LARGE_ARRAYS)["frames"]["serial"]
        has_time = waited is not None and cahelp.cpu_wait_s() - waited < 0.3
        assert server.stop() in (0, 3)
    return serials, json.loads(report.read_text()), has_time


def test_every_serial_arrives_at_libca_at_120_hz(tmp_path):
    """A client that gets no core takes no frames, and they are merged as on an IOC: such a run is no run, and is done again."""
    for _ in range(3):
        serials, told, has_time = stream_to_libca(tmp_path / "report.json")
        assert serials[0] == 0 and serials == sorted(set(serials))
        assert serials[-1] + 1 - len(serials) <= told["merged"]
        assert told["pvs"][IMAGE]["sent"] >= len(serials) - 1
        assert told["events_off"] == 0
        if told["merged"] == 0:
            return
        assert not (has_time and told["valid"]), f"{told['merged']} frames merged on a machine with time"
    pytest.fail(f"{told['merged']} frames merged in the last of 3 runs, all on a machine that was too busy, or whose kernel does not tell")


def test_time_0_comes_with_a_signal():
    with cahelp.server("sim", "area-detector", "--start-when", "signal") as server:
        frames = images(server)
        assert serial_of(next(frames)) == 0
        with circuit(server) as c:
            channel = c.create(IMAGE)
            assert all(serial_of(c.read(channel, SHORT, 4)[2]) == 0 for _ in range(100))
        server.process.send_signal(signal.SIGUSR1)
        assert [serial_of(next(frames)) for _ in range(3)] == [1, 2, 3]


def test_time_0_comes_with_the_second_subscription():
    with cahelp.server("sim", "area-detector", "--start-when", "subscriptions=2", "--rate", "20Hz") as server:
        first, second = images(server), images(server)
        assert serial_of(next(first)) == 0
        assert serial_of(next(second)) == 0
        for frames in (first, second):
            assert [serial_of(next(frames)) for _ in range(3)] == [1, 2, 3]


def test_time_0_is_at_once():
    with cahelp.server("sim", "area-detector", "--start-when", "ready", "--size", "16x16") as server, circuit(server) as c:
        channel = c.create(IMAGE)
        while serial_of(c.read(channel, SHORT, 4)[2]) < 3:
            pass


def test_stamps_lie_on_the_grid():
    with cahelp.server("sim", "area-detector", "--rate", "100Hz", "--size", "64x48") as server:
        c = rawca.Circuit("127.0.0.1", server.tcp)
        channel = c.create(IMAGE)
        assert channel.count == 64 * 48
        c.send(event_add(channel.sid, 1, TIME_SHORT, 0))
        stamps = []
        for _ in range(20):
            status, severity, seconds, nanoseconds = struct.unpack(">HHII", c.receive_until(rawca.EVENT_ADD).payload[:12])
            stamps.append(seconds * 10**9 + nanoseconds)
        assert [b - a for a, b in zip(stamps, stamps[1:])] == [10_000_000] * 19


def test_several_images_show_the_same_frames():
    with cahelp.server("sim", "area-detector", "--pv", "A", "--pv", "B:cam", "--size", "32x8") as server, circuit(server) as c:
        for subid, name in enumerate(("A", "B:cam")):
            c.send(event_add(c.create(name).sid, subid, SHORT, 256))
        seen = {0: [], 1: []}
        while min(map(len, seen.values())) < 10:
            reply = c.receive()
            seen[reply.p2].append(serial_of(reply.payload))
        for serials in seen.values():
            assert serials[1:] == list(range(serials[1], serials[1] + len(serials) - 1))


def test_subscribers_of_other_types_and_counts_get_the_same_image():
    with cahelp.server("sim", "area-detector", "--rate", "20Hz") as server, circuit(server) as c:
        sid = c.create(IMAGE).sid
        c.send(event_add(sid, 1, SHORT, PIXELS) + event_add(sid, 2, TIME_DOUBLE, PIXELS) + event_add(sid, 3, SHORT, 100))
        seen = {1: {}, 2: {}, 3: {}}  # by serial: a slow reader may miss some of one and not of the other
        while len(set(seen[1]) & set(seen[2]) & set(seen[3])) < 3:
            reply = c.receive_until(rawca.EVENT_ADD)
            values = struct.unpack(f">{PIXELS}d", reply.payload[16:]) if reply.p2 == 2 else struct.unpack(f">{reply.count}h", reply.payload)
            seen[reply.p2][serial_of(struct.pack(">4h", *map(int, values[:4])))] = values
    for serial in set(seen[1]) & set(seen[2]) & set(seen[3]):
        assert seen[1][serial] == seen[2][serial]
        assert seen[1][serial][:100] == seen[3][serial]


# ---- slow, silent and rude clients ----


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def test_a_client_that_never_reads_blocks_nobody_and_takes_no_memory():
    with cahelp.server("sim", "area-detector") as server:
        stopped = [rawca.Circuit("127.0.0.1", server.tcp) for _ in range(3)]
        for c in stopped:
            sid = c.create(IMAGE).sid
            c.send(event_add(sid, 1, SHORT, PIXELS))
            c.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):  # and asks for more and more
                for _ in range(2000):
                    c.socket.send(rawca.message(rawca.READ_NOTIFY, SHORT, PIXELS, sid, 1) * 100)
        good = images(server)
        before = None
        serials = []
        for i in range(120):
            serials.append(serial_of(next(good)))
            before = before or resident_kb(server.process.pid)
        assert resident_kb(server.process.pid) - before < 4000
        assert serials[0] < serials[-1] and serials == sorted(set(serials))
        for c in stopped:
            c.close()
        assert serial_of(next(good)) > serials[-1]


def test_a_stopped_reader_gets_the_newest_image_when_it_goes_on():
    with cahelp.server("sim", "area-detector") as server:
        slow, quick = images(server), images(server)
        seen = [serial_of(next(slow))]
        newest = 0
        while newest < 60:
            newest = serial_of(next(quick))
        while seen[-1] < newest:
            payload = next(slow)
            assert len(payload) == IMAGE_BYTES
            seen.append(serial_of(payload))
        assert seen == sorted(set(seen))


def test_circuits_may_die_at_any_moment():
    with cahelp.server("sim", "area-detector", "--size", "320x240") as server:
        for i in range(50):
            with circuit(server) as c:
                sid = c.create(IMAGE).sid
                c.send(event_add(sid, 1, SHORT, 0) * 3 + rawca.message(rawca.READ_NOTIFY, SHORT, 0, sid, 1) * i)
                if i % 2:
                    c.receive()
                if i % 3:  # reset instead of an orderly end
                    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with circuit(server) as c:
            assert c.read(c.create(IMAGE), SHORT, 4)[:2] == (1, 4)


def test_half_close_is_answered_to_the_end():
    with cahelp.server("sim", "ten-thousand", "--count", "10", "--latency", "20ms") as server, circuit(server) as c:
        sid = c.create(scalar(0)).sid
        c.send(b"".join(rawca.message(rawca.READ_NOTIFY, DOUBLE, 1, sid, i) for i in range(50)))
        c.socket.shutdown(socket.SHUT_WR)
        assert [c.receive_until(rawca.READ_NOTIFY).p2 for _ in range(50)] == list(range(50))
        with pytest.raises(ConnectionError):
            c.receive()


def test_where_no_descriptor_is_left_clients_wait_for_their_turn():
    limited = ["sh", "-c", 'ulimit -n 40; exec "$0" "$@"', str(cahelp.CAPLAY)]
    process = subprocess.Popen([*limited, "sim", "ten-thousand", "--count", "10", "--port", "0"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline().split("tcp=")[1])
        circuits = [rawca.Circuit("127.0.0.1", port) for _ in range(100)]
        for c in circuits:
            status, count, payload = c.read(c.create(scalar(2)), DOUBLE, 1)
            assert struct.unpack(">d", payload) == (2.5,)
            c.close()
        spent = cahelp.cpu_seconds(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "no file descriptor is left" in process.communicate()[1]
    assert spent < 5  # it has not asked for connections without a pause


# ---- latency ----


def test_latency_is_kept_and_never_undercut(tmp_path):
    report = tmp_path / "report.json"
    with cahelp.server("sim", "ten-thousand", "--count", "10", "--latency", "30ms", "--latency", "read=10ms", "--report",
                       report) as server:
        result = cahelp.run_job("libca", {"task": "connect", "names": [scalar(1)], "gets": 2}, server.env)
        told = report_of(server, report)
        said = server.stderr()
    read = told["latency"]["classes"]["read"]
    assert min(result["get_ns"]) >= read["effective"]["min_ns"] >= read["drawn"]["max_ns"] == 10_000_000
    assert read["model"] == "10ms" and read["effective"]["count"] == read["drawn"]["count"] == 2
    assert "latency read 10ms; drawn 2: p50 10 ms" in said and "; effective 2: p50 " in said
    assert result["connect_ns"] >= 60_000_000  # search and CREATE_CHAN
    assert told["lateness"]["self"]["count"] >= 4
    assert told["arrival"]["kernel"] > 0


def test_a_link_delays_every_byte(tmp_path):
    report = tmp_path / "report.json"
    with cahelp.server("sim", "ten-thousand", "--count", "10", "--latency", "0", "--link", "1Gb/s,5ms", "--report",
                       report) as server:
        result = cahelp.run_job("libca", {"task": "connect", "names": [scalar(1)], "gets": 2}, server.env)
        told = report_of(server, report)
    assert min(result["get_ns"]) >= 5_000_000
    assert told["link"]["bits_per_s"] == 1_000_000_000 and told["link"]["longest_ns"] >= 5_000_000
    assert told["latency"]["classes"]["read"]["effective"]["min_ns"] >= 5_000_000


# ---- the same as a real IOC ----


RECORDS = "".join(f'record(ai, "{scalar(i)}") {{ field(VAL, "{i}.5") field(PREC, "3") field(EGU, "mm") field(PINI, "YES") }}\n'
                  for i in range(2))

M = rawca.message


def text(value):
    return value.encode() + b"\0"


# What one client sends in one segment (sids of two channels, cids 1 and 2, are filled in), how many messages come back, and whether the
# circuit ends.
DIALOGUES = {
    "ECHO": (lambda a, b: M(ECHO, 1, 2, 3, 4), 1, False),
    "ECHO with a payload": (lambda a, b: M(ECHO, payload=b"12345678"), 1, False),
    "READ_SYNC": (lambda a, b: M(10, 1, 2, 3, 4), 1, False),
    "every DBR type": (lambda a, b: b"".join(M(rawca.READ_NOTIFY, type, 1, a, type) for type in range(39)), 39, False),
    "every DBR type, count 0": (lambda a, b: b"".join(M(rawca.READ_NOTIFY, type, 0, b, type) for type in range(38)), 38, False),
    "READ": (lambda a, b: b"".join(M(rawca.READ, type, 1, a, 9) for type in (0, 1, 6, 34)), 4, False),
    "more than there is": (lambda a, b: M(rawca.READ_NOTIFY, DOUBLE, 3, a, 1), 1, False),
    "a long header that is not needed": (lambda a, b: struct.pack(">HHHHIIII", 15, 0xFFFF, DOUBLE, 0, a, 1, 0, 1), 1, False),
    "type 39 read": (lambda a, b: M(rawca.READ_NOTIFY, 39, 1, a, 1), 0, True),
    "type 39 subscribed": (lambda a, b: event_add(a, 1, 39), 0, True),
    "type 39 read the old way": (lambda a, b: M(rawca.READ, 39, 1, a, 1), 1, True),
    "type 39 written": (lambda a, b: M(rawca.WRITE, 39, 1, a, 1, bytes(8)), 1, True),
    "type 39 written with notice": (lambda a, b: M(rawca.WRITE_NOTIFY, 39, 1, a, 1, bytes(8)), 1, True),
    "bad text written": (lambda a, b: M(rawca.WRITE, 0, 1, a, 1, text("abc")), 1, False),
    "bad text written with notice": (lambda a, b: M(rawca.WRITE_NOTIFY, 0, 1, a, 1, text("abc")), 1, False),
    "a structure written with notice": (lambda a, b: M(rawca.WRITE_NOTIFY, TIME_DOUBLE, 1, a, 1, bytes(24)), 1, False),
    "types 37 and 38 written": (lambda a, b: M(rawca.WRITE, 37, 1, a, 1, bytes(48)) + M(rawca.WRITE, 38, 1, a, 1, bytes(40)), 2, False),
    "alarms acknowledged": (lambda a, b: M(rawca.WRITE_NOTIFY, 35, 1, a, 1, b"\0\1") + M(rawca.READ_NOTIFY, 37, 1, a, 2), 2, False),
    "put, then read": (lambda a, b: M(rawca.WRITE, DOUBLE, 1, a, 1, struct.pack(">d", 0.25)) + M(rawca.READ_NOTIFY, 0, 1, a, 2), 1, False),
    "put by text": (lambda a, b: M(rawca.WRITE, 0, 1, a, 1, text("2.5xyz")) + M(rawca.READ_NOTIFY, DOUBLE, 1, a, 2), 1, False),
    "subscribed": (lambda a, b: event_add(a, 5), 1, False),
    "subscribed to nothing but properties": (lambda a, b: event_add(a, 5, mask=8), 1, False),
    "subscribed as type 36": (lambda a, b: event_add(a, 5, 36), 1, False),
    "subscribed, then cancelled": (lambda a, b: event_add(a, 5) + M(EVENT_CANCEL, DOUBLE, 1, a, 5), 1, False),
    "subscribed, then cleared": (lambda a, b: event_add(a, 5) + M(CLEAR_CHANNEL, p1=a, p2=1), 1, False),
    "subscribed twice under one number": (lambda a, b: event_add(a, 5) + event_add(a, 5, 13) + M(EVENT_CANCEL, DOUBLE, 1, a, 5), 2, False),
    "mask 0": (lambda a, b: event_add(a, 5, mask=0), 1, True),
    "mask 256": (lambda a, b: event_add(a, 5, mask=256), 1, True),
    "an unknown subscription cancelled": (lambda a, b: M(EVENT_CANCEL, DOUBLE, 1, a, 99), 1, True),
    "a cleared channel read": (lambda a, b: M(CLEAR_CHANNEL, p1=a, p2=1) + M(rawca.READ_NOTIFY, DOUBLE, 1, a, 1), 2, True),
    "an unknown channel cleared": (lambda a, b: M(CLEAR_CHANNEL, p1=0x7FFFFFFF, p2=1), 1, True),
    "EVENTS_OFF holds the first update": (lambda a, b: M(EVENTS_OFF) + event_add(a, 5) + M(ECHO), 1, False),
    "EVENTS_ON brings it": (lambda a, b: M(EVENTS_OFF) + event_add(a, 5) + M(EVENTS_ON), 1, False),
    "an unknown name": (lambda a, b: M(rawca.CREATE_CHAN, p1=9, p2=13, payload=text("nobody")), 1, False),
    "no name": (lambda a, b: M(rawca.CREATE_CHAN, p1=9, p2=13), 0, False),
    "CREATE_CHAN of 4.3": (lambda a, b: M(rawca.CREATE_CHAN, p1=9, p2=3, payload=text(scalar(0))), 0, True),
    "VERSION of 4.3": (lambda a, b: M(rawca.VERSION, 0, 3), 0, True),
    "priority 99": (lambda a, b: M(rawca.VERSION, 99, 13) + M(ECHO), 1, False),
    "priority 100": (lambda a, b: M(rawca.VERSION, 100, 13), 0, True),
    "user name too late": (lambda a, b: M(20, payload=text("somebody")), 1, False),
    "host name too late": (lambda a, b: M(21, payload=text("somewhere")), 1, False),
    "found over TCP": (lambda a, b: M(rawca.SEARCH, 5, 13, 6, 6, text(scalar(0))), 1, False),
    "not found over TCP": (lambda a, b: M(rawca.SEARCH, 5, 13, 6, 6, text("nobody")) + M(rawca.SEARCH, 10, 13, 7, 7, text("nobody")), 1,
                           False),
    "search of 4.3 over TCP": (lambda a, b: M(rawca.SEARCH, 5, 3, 6, 6, text(scalar(0))), 0, True),
    "a crooked payload": (lambda a, b: struct.pack(">HHHHII", 4, 4, DOUBLE, 1, a, 1), 1, True),
    "a crooked payload of no channel": (lambda a, b: struct.pack(">HHHHII", 23, 4, 0, 0, 0, 0), 1, True),
    "SNAPSHOT": (lambda a, b: M(5), 1, True),
    "a server's command": (lambda a, b: M(rawca.ACCESS_RIGHTS), 1, True),
    "no command at all": (lambda a, b: M(48, 1, 2, 3, 4), 1, True),
}


def without_remains(data):
    """A C string without what lies behind its end."""
    return data.split(b"\0")[0]


def masked(reply, sids):
    """What two servers must agree on: no sids, stamps, padding, bytes behind a string's end, source lines, ports."""
    p1 = "sid" if reply.command in (CLEAR_CHANNEL, rawca.EVENT_ADD) and reply.p1 in sids else reply.p1
    payload, type = reply.payload, reply.type
    if reply.command == rawca.ERROR:
        header = struct.unpack(">HHHHII", payload[:16])
        sid = "sid" if header[4] in sids else header[4]
        payload = (*header[:4], sid, header[5], without_remains(payload[16:]).split(b" at ")[0])
    elif reply.command in (rawca.READ, rawca.READ_NOTIFY, rawca.EVENT_ADD):
        size = {0: 0, 7: 4, 14: 12, 21: 4, 28: 4, 37: 8, 38: 0}.get(type)
        if size is not None:  # strings
            stamp = payload[:4] if type == 14 else payload[:size]
            payload = (len(payload), stamp, without_remains(payload[size:]))
        elif 14 <= type <= 20:
            payload = payload[:4] + bytes(12) + payload[16:] if type == 20 else payload[:4] + payload[12:]
            if type in (15, 17, 18):
                payload = payload[:4] + payload[7 if type == 18 else 6:]
        elif type in (11, 13, 25, 32):  # their padding
            start, end = {11: (4, 5), 13: (4, 8), 25: (18, 19), 32: (20, 21)}[type]
            payload = payload[:start] + payload[end:]
        if reply.count == 0 and not isinstance(payload, tuple):
            payload = payload[:4]  # rsrv pads with remains
    return reply.command, "port" if reply.command == rawca.SEARCH else type, reply.count, p1, reply.p2, payload


def converse(server, said, messages, ends):
    with circuit(server) as c:
        sids = [c.create(scalar(i)).sid for i in range(2)]
        c.send(said(*sids))
        replies = []
        if not ends:
            c.send(M(ECHO, p1=0xECC0))
        try:
            while ends or len(replies) < messages + 1:
                replies.append(c.receive())
        except ConnectionError:
            assert ends, replies
        echo = [reply for reply in replies if (reply.command, reply.p1) == (ECHO, 0xECC0)]
        others = [masked(reply, sids) for reply in replies if reply not in echo]
        assert len(echo) == (not ends) and len(others) == messages, replies
        return others


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    path = tmp_path_factory.mktemp("db") / "two.db"
    path.write_text(RECORDS)
    with cahelp.server("ioc", path) as ioc, cahelp.server("sim", "ten-thousand", "--count", "2") as sim:
        yield ioc, sim


@pytest.mark.parametrize("name", DIALOGUES)
def test_it_says_what_a_real_ioc_says(both, name):
    for server in both:  # the same start: values that earlier dialogues put
        with circuit(server) as c:
            for i in range(2):
                assert c.write(c.create(scalar(i)), DOUBLE, 1, struct.pack(">d", i + 0.5)) == 1
                assert c.write(c.create(scalar(i)), 35, 1, b"\0\1") == 1
    real, fake = (converse(server, *DIALOGUES[name]) for server in both)
    assert fake == real
