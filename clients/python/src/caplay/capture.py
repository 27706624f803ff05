"""A recording of what goes to and from a server of this machine."""
from __future__ import annotations

import contextlib
import os
from typing import Iterator, Optional, Union

from .process import CaplayError, Process, find_caplay
from .server import Server


@contextlib.contextmanager
def capture(server: Server, recording: Union[str, "os.PathLike[str]"], caplay: Optional[str] = None) -> Iterator[None]:
    """Record the server's traffic while the body runs. CaplayError with exit_code 5: this user may not capture.

        with caplay.ioc("motors.db") as server, caplay.capture(server, "motors.catrace"):
            subprocess.run(["my-app"], env=os.environ | server.env)
    """
    process = Process([find_caplay(caplay), "capture", "-i", "lo", "-w", os.fspath(recording), f"port {server.port}"],
                      os.environ, reads_stderr=True)
    try:
        process.line_with("capturing on", 60)
        yield
        code = process.end()
        if code != 0:
            raise CaplayError(f"caplay capture: exit code {code}", code)
    finally:
        process.close()
