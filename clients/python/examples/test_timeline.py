"""The picture of a PV's timeline: as many points as the trace has values, and a PNG."""
import os
import pathlib
import subprocess

import pytest

pytest.importorskip("matplotlib")
import timeline  # noqa: E402

RECORDED = pathlib.Path(__file__).resolve().parents[3] / "traces" / "recorded" / "alarms.jsonl"


def test_a_timeline_has_a_point_a_value(tmp_path):
    trace, picture = tmp_path / "alarms.catrace", tmp_path / "alarms.png"
    subprocess.run([os.environ.get("CAPLAY", "caplay"), "compile", RECORDED, "-o", trace], check=True, capture_output=True)
    seconds, values = timeline.timeline(trace, "recorded:analog")
    assert len(values) == RECORDED.read_text().count('"stamp":') and list(seconds) == sorted(seconds)
    assert {8, 10, -8, -10, 0} == set(values)
    figure = timeline.plot(seconds, values, "recorded:analog", picture)
    assert len(figure.axes[0].lines[0].get_xdata()) == len(values)
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")
