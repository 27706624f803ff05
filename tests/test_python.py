"""The Python package clients/python: installed as a user would, without network; its examples side by side, its plugin, and what it
says when something is wrong."""
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import typing

import cahelp
import pytest

SOURCE = cahelp.ROOT / "clients" / "python"
sys.path.insert(0, str(SOURCE / "src"))
import caplay  # noqa: E402


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.setenv("CAPLAY", str(cahelp.CAPLAY))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that it was installed to: from a copy, since building leaves files behind."""
    folder = tmp_path_factory.mktemp("python")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-build-isolation",
           "--no-deps", "--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def run_pytest(installed, *arguments, **keywords):
    """pytest as a user runs it: the plugin comes by its entry point."""
    return subprocess.run([sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)], text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(installed)}, timeout=240, **keywords)


def test_the_examples_pass_side_by_side(installed):
    done = run_pytest(installed, "-n", "2", "-rs", SOURCE / "examples")
    assert done.returncode == 0, done.stdout
    skipped = len(re.findall(r"^SKIPPED \[1\] .*(?:capture|matplotlib)", done.stdout, re.M))
    assert re.search(f"{4 - skipped} passed" + (f", {skipped} skipped" if skipped else ""), done.stdout), done.stdout


def test_servers_are_found_together_and_the_environment_comes_back(installed, tmp_path):
    (tmp_path / "test_it.py").write_text(textwrap.dedent("""\
        import os
        import socket

        def test_two_servers(caplay_sim):
            one, other = caplay_sim("ten-thousand", count=1), caplay_sim("ten-thousand", count=2, latency=["1ms", "read=0"])
            assert one.port != other.port
            assert os.environ["EPICS_CA_ADDR_LIST"] == f"127.0.0.1:{one.port} 127.0.0.1:{other.port}"
            assert os.environ["EPICS_CA_AUTO_ADDR_LIST"] == "NO"
            socket.create_connection(("127.0.0.1", other.port)).close()

        def test_the_environment_is_as_it_was():
            assert os.environ["EPICS_CA_ADDR_LIST"] == "192.0.2.1" and "EPICS_CA_SERVER_PORT" not in os.environ

        def test_one_that_ends_badly(caplay_sim):
            os.kill(caplay_sim("ten-thousand", count=1, late_budget="max=1h").pid, 9)

        def test_what_it_said_is_shown(caplay_sim):
            caplay_sim("ten-thousand", count=1, status=True).stop()
            assert False
        """))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EPICS_")}
    environment |= {"EPICS_CA_ADDR_LIST": "192.0.2.1", "PYTHONPATH": str(installed), "CAPLAY": "/nowhere/caplay"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--caplay={cahelp.CAPLAY}", "test_it.py"],
                          cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert "1 failed, 3 passed, 1 error" in done.stdout, done.stdout
    assert "exit code -9" in done.stdout  # test_one_that_ends_badly
    assert "caplay: served 0 circuits" in done.stdout  # test_what_it_said_is_shown


def test_a_server_is_observed_and_starts_again_at_its_port():
    with caplay.sim("ten-thousand", count=1) as server:
        port = server.port
        with pytest.raises(caplay.CaplayError, match="was not stopped yet"):
            server.observations
        server.restart()
        assert server.port == port and server.is_running
        socket.create_connection(("127.0.0.1", port)).close()
    seen = server.observations
    assert seen.valid and seen.why == "" and seen.searches == seen.channels == seen.posts == 0 and seen.pvs == {}
    assert seen.bytes_in == 0 and math.isnan(seen.connect_s)
    assert seen.lateness["self"].count == 0 and seen.report["server"] == "caplay sim" and server.exit_code == 0


def test_what_is_wrong_is_said(tmp_path, monkeypatch):
    with pytest.raises(caplay.CaplayError, match="(?s)exit code 2.*--count: 'many'") as failure:
        caplay.sim("ten-thousand", count="many").start()
    assert failure.value.exit_code == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(caplay.CaplayError, match="exit code 5"):
            caplay.sim("ten-thousand", http=taken.getsockname()[1]).start()
    with pytest.raises(caplay.CaplayError, match="no line 'ready ' in 0.2 s"):
        silent = tmp_path / "silent"
        silent.write_text("#!/bin/sh\nexec sleep 60\n")
        silent.chmod(0o755)
        caplay.Server("sim", [], {}, caplay=str(silent), ready_s=0.2).start()
    monkeypatch.setenv("CAPLAY", str(tmp_path / "nothing"))
    with pytest.raises(caplay.CaplayError, match=r"nothing': put caplay into \$PATH"):
        caplay.sim("ten-thousand")


def test_an_ioc_does_not_observe():
    if not (cahelp.BUILD / "libexec" / "caplay-ioc").exists():
        pytest.skip("no EPICS Base here")
    with caplay.ioc(SOURCE / "examples" / "beam.db") as ioc:
        assert ioc.env["EPICS_CA_SERVER_PORT"] == str(ioc.port)
    with pytest.raises(caplay.CaplayError, match="a real IOC does not observe"):
        ioc.observations


def test_what_is_public_is_documented_and_typed():
    assert (SOURCE / "src" / "caplay" / "py.typed").exists()
    for name in caplay.__all__:
        what = getattr(caplay, name)
        assert what.__doc__, name
        if not isinstance(what, type):
            assert typing.get_type_hints(what).keys() >= {"return"}, name


def test_its_types_are_strict(tmp_path):
    if not shutil.which("mypy"):
        pytest.skip("no mypy: apt-get install mypy")
    if os.environ.get("CAPLAY_SANITIZE") == "1":
        pytest.skip("the same files as without sanitizers")
    check = ["mypy", "--strict", "--python-executable", sys.executable, "--cache-dir", str(tmp_path), str(SOURCE / "src" / "caplay")]
    done = subprocess.run(check, capture_output=True, text=True, cwd=tmp_path, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
