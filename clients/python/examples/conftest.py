"""What the examples share: the application under test, as a process of its own."""
import pathlib
import subprocess
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).parent


class Interlock:
    """The application, from start to end; one that says nothing for a minute is ended."""

    def __init__(self, lines=None):
        arguments = [] if lines is None else [str(lines)]
        self.process = subprocess.Popen([sys.executable, str(HERE / "interlock.py"), *arguments], stdout=subprocess.PIPE, text=True)

    def line(self):
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        try:
            return self.process.stdout.readline().rstrip("\n")
        finally:
            watchdog.cancel()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def database():
    return HERE / "beam.db"


@pytest.fixture
def interlock():
    return Interlock
