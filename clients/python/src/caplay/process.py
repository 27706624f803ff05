"""The program `caplay` as a child process: where it is, what it says, how it ends. Nothing here waits by sleeping."""
from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from typing import IO, Mapping, Optional, Sequence

SHOWN_BYTES = 4000  # of stderr in messages: the end of it


class CaplayError(Exception):
    """caplay could not be started, or has ended otherwise than it should. exit_code: as of `caplay --help`; None: it is not there,
    or does not answer."""

    def __init__(self, text: str, exit_code: Optional[int] = None) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def find_caplay(path: Optional[str] = None) -> str:
    """The program: `path`, else $CAPLAY, else `caplay` in $PATH."""
    wanted = path or os.environ.get("CAPLAY") or "caplay"
    found = shutil.which(wanted)
    if found is None:
        raise CaplayError(f"no program {wanted!r}: put caplay into $PATH, or its path into $CAPLAY (pytest: --caplay=PATH)")
    return found


class Process:
    """A running caplay, one of whose outputs we read. The other is thrown away, or kept in a file if it is stderr: it never waits for
    us."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], reads_stderr: bool = False) -> None:
        self.argv = list(argv)
        self._log: IO[bytes] = tempfile.TemporaryFile()
        self._child: subprocess.Popen[bytes] = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, env=dict(env),
            stdout=subprocess.DEVNULL if reads_stderr else subprocess.PIPE, stderr=subprocess.PIPE if reads_stderr else self._log)
        pipe = self._child.stderr if reads_stderr else self._child.stdout
        assert pipe is not None
        self._pipe: IO[bytes] = pipe

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def stderr(self) -> str:
        """What it has said on stderr so far, where that is no pipe."""
        return os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")

    def line_with(self, start: str, timeout_s: float) -> str:
        """Read the pipe up to a line that begins so, and return it. CaplayError: it ended before, or the time is over."""
        deadline, said = time.monotonic() + timeout_s, b""
        while True:
            for line in said.decode(errors="replace").splitlines(keepends=True):
                if line.startswith(start) and line.endswith("\n"):
                    return line
            readable, _, _ = select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._pipe.fileno(), 65536) if readable else b""
            if not part:
                raise self._failure(f"no line {start!r} in {timeout_s} s" if not readable else None, said)
            said += part

    def end(self, timeout_s: float = 30) -> int:
        """End it as Ctrl-C does; its exit code. One that does not end in time is killed: CaplayError."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self._failure(f"did not end in {timeout_s} s", b"") from None

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()

    def close(self) -> None:
        self.kill()
        self._pipe.close()
        self._log.close()

    def _failure(self, why: Optional[str], said: bytes) -> CaplayError:
        """Without `why` its pipe is closed, so it ends."""
        code = None
        if why is None:
            code = self._child.wait()
            why = f"exit code {code}"
        self.kill()
        words = (said.decode(errors="replace") + self.stderr)[-SHOWN_BYTES:]
        return CaplayError(f"{' '.join(self.argv)}: {why}\n{words}".rstrip(), code)
