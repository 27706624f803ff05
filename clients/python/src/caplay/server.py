"""`caplay sim`, `caplay replay` and `caplay ioc` as servers of a test, on ports of their own."""
from __future__ import annotations

import os
import pathlib
import random
import shlex
import socket
import tempfile
from types import TracebackType
from typing import Dict, List, Mapping, Optional, Sequence, Type, Union

from .observations import Observations, read_report
from .process import CaplayError, Process, find_caplay

Operand = Union[str, "os.PathLike[str]"]
Option = Union[None, bool, int, float, str, "os.PathLike[str]", List[str]]

PORTS = range(10000, 30000)  # below the ephemeral range: there Linux may give a port that is bound to a client's socket, too
OBSERVERS = ("sim", "replay")  # the commands that have --report

_repeater: List[int] = []


def _repeater_port() -> int:
    """One CA repeater for all servers of this process, beside that of the machine; the first server is it."""
    for port in random.sample(PORTS, 100) if not _repeater else ():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("", port))
            except OSError:
                continue
            _repeater.append(port)
            break
    if not _repeater:
        raise CaplayError("no free UDP port for a CA repeater")
    return _repeater[0]


def _arguments(options: Mapping[str, Option]) -> List[str]:
    """late_budget="max=1s" -> --late-budget max=1s. True: just the option; False, None: not at all; a list: once for each."""
    arguments: List[str] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(option)
        elif value is not None and value is not False:
            for one in value if isinstance(value, list) else (value,):
                arguments += [option, os.fspath(one) if isinstance(one, os.PathLike) else str(one)]
    return arguments


class Server:
    """A server from start() to stop(), also as a context manager. Afterwards it can be started again, at the same port.

    env           what a client needs in its environment to find this server and no other
    port          UDP and TCP
    observations  what the server saw, once it was stopped; of an IOC there are none
    """

    def __init__(self, command: str, operands: Sequence[Operand], options: Mapping[str, Option],
                 caplay: Optional[str] = None, ready_s: float = 60) -> None:
        self.command = command
        self.env: Dict[str, str] = {}
        self.port = 0
        self.exit_code: Optional[int] = None
        self._caplay = find_caplay(caplay)
        self._arguments = [*(os.fspath(operand) for operand in operands), *_arguments({"port": 0, **options})]
        self._ready_s = ready_s
        self._process: Optional[Process] = None
        self._said = ""
        self._observations: Optional[Observations] = None
        self._folder = tempfile.TemporaryDirectory(prefix="caplay-")

    def __repr__(self) -> str:
        return f"<caplay {self.command} at port {self.port}>"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise CaplayError(f"{self!r} does not run")
        return self._process.pid

    @property
    def stderr(self) -> str:
        """What it has said on stderr, over all its lives."""
        return self._said + (self._process.stderr if self._process else "")

    @property
    def observations(self) -> Observations:
        if self._observations is None:
            raise CaplayError(f"{self!r} was not stopped yet" if self.command in OBSERVERS else
                              "a real IOC does not observe its clients: use caplay.sim() or caplay.replay()")
        return self._observations

    def start(self) -> "Server":
        """Return once it serves. CaplayError, with its last words: it does not."""
        if self._process is not None:
            raise CaplayError(f"{self!r} runs already")
        self._observations = self.exit_code = None
        own = ["--env-file", self._file("env")] + (["--report", self._file("report.json")] if self.command in OBSERVERS else [])
        again = ["--port", str(self.port)] if self.port else []
        process = Process([self._caplay, self.command, *self._arguments, *own, *again],
                          os.environ | {"EPICS_CA_REPEATER_PORT": str(_repeater_port())})
        try:
            line = process.line_with("ready ", self._ready_s)
        except BaseException:
            process.close()
            raise
        self.port = int(dict(word.split("=", 1) for word in line.split()[1:])["udp"])
        self.env = dict(word.split("=", 1) for word in shlex.split(pathlib.Path(self._file("env")).read_text()) if "=" in word)
        self._process = process
        return self

    def stop(self, check: bool = True) -> None:
        """End it, if it runs. CaplayError where its exit code is not 0, unless check is False: a run that is invalid (3), names that
        nobody recorded with unknown="fail" (1)."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            self.exit_code = process.end()
            self._said += process.stderr
        finally:
            process.close()
        if self.command in OBSERVERS and os.path.exists(self._file("report.json")):
            self._observations = read_report(self._file("report.json"))
        if check and self.exit_code != 0:
            raise CaplayError(f"{self!r}: exit code {self.exit_code}\n{self._said}".rstrip(), self.exit_code)

    def restart(self) -> None:
        """End it and start it again at the same port, as an IOC that is rebooted. It begins anew: values, time 0, observations."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it in any case, and remove its files."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._folder.cleanup()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, failed: Optional[Type[BaseException]], _value: Optional[BaseException],
                 _trace: Optional[TracebackType]) -> None:
        try:
            self.stop(check=failed is None)
        finally:
            self.close()

    def _file(self, name: str) -> str:
        return os.path.join(self._folder.name, name)


def sim(scenario: Operand, caplay: Optional[str] = None, **options: Option) -> Server:
    """A server with synthesized PVs: "ten-thousand", "area-detector", an EPICS database (.db) or a scenario (.yaml). Options are
    those of `caplay sim`: sim("ten-thousand", count=10, latency="1ms")."""
    return Server("sim", [scenario], options, caplay)


def replay(recording: Operand, caplay: Optional[str] = None, **options: Option) -> Server:
    """A recording as a server. Options are those of `caplay replay`: replay("beamline.catrace", speed=10, loop=0)."""
    return Server("replay", [recording], options, caplay)


def ioc(*databases: Operand, caplay: Optional[str] = None, **options: Option) -> Server:
    """A real EPICS Base IOC with these databases. Options are those of `caplay ioc`: ioc("motors.db", macros="P=TEST:")."""
    return Server("ioc", databases, options, caplay)
