"""pytest fixtures that start Channel Access servers:

    def test_my_app(caplay_replay):
        server = caplay_replay("beamline.catrace", speed=10)
        subprocess.run(["my-app", "--once"], check=True)
        server.stop()
        assert server.observations.searches <= 12

caplay_sim, caplay_replay and caplay_ioc are called with what is served and with the options of `caplay sim`, `caplay replay` and
`caplay ioc`; each call starts one more server, on free ports, and returns once it serves. For the rest of the test os.environ has
what a client needs to find these servers and no others; libca reads it when its first channel is made, so a client in this very
process works in one test only: run the application as a process of its own. At the end of a test its servers are ended; one that
ended otherwise than with exit code 0 is an error. What servers said is shown with a test that failed.
"""
from __future__ import annotations

from typing import Dict, Generator, List, Optional

import pytest

from .process import CaplayError
from .server import Operand, Option, Server

_servers = pytest.StashKey[List[Server]]()


def joint_environment(servers: List[Server]) -> Dict[str, str]:
    """What a client needs to find several servers: the first one's, with the addresses of all."""
    if not servers:
        return {}
    return servers[0].env | {"EPICS_CA_ADDR_LIST": " ".join(server.env["EPICS_CA_ADDR_LIST"] for server in servers)}


class Starter:
    """Starts servers of one kind for one test."""

    def __init__(self, command: str, caplay: Optional[str], servers: List[Server], monkeypatch: pytest.MonkeyPatch) -> None:
        self._command, self._caplay, self._servers, self._monkeypatch = command, caplay, servers, monkeypatch

    def __call__(self, *operands: Operand, **options: Option) -> Server:
        server = Server(self._command, operands, options, self._caplay)
        self._servers.append(server)
        server.start()
        for name, value in joint_environment(self._servers).items():
            self._monkeypatch.setenv(name, value)
        return server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("caplay").addoption("--caplay", metavar="PATH", help="the program caplay (default $CAPLAY, or caplay in $PATH)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for server in item.stash.get(_servers, []):
            report.sections.append((f"caplay {server.command} at port {server.port}", server.stderr))
    return report


@pytest.fixture
def _caplay_servers(request: pytest.FixtureRequest) -> Generator[List[Server], None, None]:
    servers: List[Server] = []
    request.node.stash[_servers] = servers
    yield servers
    failures: List[CaplayError] = []
    for server in reversed(servers):
        try:
            server.stop()
        except CaplayError as failure:
            failures.append(failure)
        finally:
            server.close()
    if failures:
        pytest.fail("\n".join(map(str, failures)), pytrace=False)


def _starter(command: str, request: pytest.FixtureRequest, servers: List[Server], monkeypatch: pytest.MonkeyPatch) -> Starter:
    return Starter(command, request.config.getoption("--caplay"), servers, monkeypatch)


@pytest.fixture
def caplay_sim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _caplay_servers: List[Server]) -> Starter:
    """Start servers with synthesized PVs: caplay_sim("ten-thousand", count=10)."""
    return _starter("sim", request, _caplay_servers, monkeypatch)


@pytest.fixture
def caplay_replay(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _caplay_servers: List[Server]) -> Starter:
    """Start servers that replay a recording: caplay_replay("beamline.catrace", speed=10)."""
    return _starter("replay", request, _caplay_servers, monkeypatch)


@pytest.fixture
def caplay_ioc(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _caplay_servers: List[Server]) -> Starter:
    """Start real EPICS Base IOCs: caplay_ioc("motors.db", macros="P=TEST:")."""
    return _starter("ioc", request, _caplay_servers, monkeypatch)
