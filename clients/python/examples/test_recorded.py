"""An application against a recorded IOC: what it once said of the real one it says of the recording, without any IOC."""
import os

import caplay
import caproto.sync.client
import pytest

CURRENTS = (50.0, 150.0, 99.5)


@pytest.fixture
def recording(database, interlock, tmp_path, monkeypatch):
    """A morning at a real IOC, and what the application said of it. At a beamline: `caplay capture -i eth0 -w morning.catrace`."""
    path = tmp_path / "morning.catrace"
    with caplay.ioc(database) as ioc:
        for name, value in ioc.env.items():
            monkeypatch.setenv(name, value)
        try:
            with caplay.capture(ioc, path), interlock() as application:
                said = [application.line()]
                for current in CURRENTS:
                    caproto.sync.client.write("beam:current", current, notify=True)
                    said.append(application.line())
        except caplay.CaplayError as why:
            if why.exit_code == 5:
                pytest.skip(str(why))
            raise
    return path, said


def test_the_interlock_says_the_same_of_the_recording(recording, caplay_replay, interlock):
    path, said = recording
    assert said == ["ok 0.0", "ok 50.0", "high 150.0", "ok 99.5"]
    server = caplay_replay(path)
    with interlock(lines=4) as application:
        assert [application.line() for _ in range(4)] == said
    server.stop()
    assert server.observations.pvs["beam:current"].posts == 3
