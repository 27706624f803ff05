"""Channel Access servers for tests, run by the program `caplay`.

    import caplay

    with caplay.sim("ten-thousand", count=10) as server:
        subprocess.run(["caget", "ten-thousand:00003"], env=os.environ | server.env, check=True)
    assert server.observations.searches == 1

With pytest the fixtures `caplay_sim`, `caplay_replay` and `caplay_ioc` do the same and set the environment (caplay.pytest_plugin).
"""
from .capture import capture
from .observations import Lateness, Observations, PvPosts
from .process import CaplayError, find_caplay
from .server import Server, ioc, replay, sim

__all__ = ["CaplayError", "Lateness", "Observations", "PvPosts", "Server", "capture", "find_caplay", "ioc", "replay", "sim"]
