"""A year of versions of a module, read and drawn, beside pyqtgraph's drawing of as many points."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest

from app.panels.history.scene import scene_of
from app.widgets.time_lines import TimeLine, TimeScene
from app.widgets.timeline_plot import TimelinePlot
from calib_core.constants.history import Comparable
from calib_core.constants.statistics import About, VersionStatistics
from calib_core.numerics.group_statistics import Cut, Numbers
from calib_core.store.base import Version
from calib_core.subjects.timeline import Asked, timeline_of
from calib_core.subjects.version_list import Listed

VERSIONS, MODULES = 6250, 16
START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 900, 360


def version(place: int, value: float) -> tuple[Listed, VersionStatistics]:
    begin, path = START + timedelta(hours=place), Path(f"/cal.{place}.h5")
    comparable = Comparable("PDU", "Offset", (("Sensor Bias Voltage", 300.0),))
    numbers = Numbers(*(np.full((2, 1), value) for _ in range(3)), np.ones((2, 1), np.int64))
    listed = Listed(Version(path, "PDU", "Offset", "AGIPD-Type", begin, begin), "DET", None, 0, begin,
                    comparable.condition)
    return listed, VersionStatistics(About(comparable, 0, begin, entries=("HG",), unit="ADU", path=str(path)),
                                     Cut((64, 64), 32), None, numbers, None)


@pytest.fixture
def alone(qtbot):
    """Pyqtgraph's plot with one curve."""
    made = pg.PlotWidget(enableMenu=False)
    qtbot.addWidget(made)
    made.resize(*SIZE)
    made.show()
    qtbot.waitExposed(made)
    return made, made.plot()


@pytest.fixture
def plot(qtbot):
    made = TimelinePlot()
    qtbot.addWidget(made)
    made.resize(*SIZE)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_a_module_is_read_and_drawn(plot, alone, bar):
    rng = np.random.default_rng(0)
    values = rng.normal(5000, 2, VERSIONS)
    known = [version(place, value) for place, value in enumerate(values)]
    rows, numbers = tuple(one for one, _ in known), {one.path: found for one, found in known}
    times = np.array([one.begin.timestamp() for one in rows])

    def ours():
        timeline = timeline_of(rows, numbers, Asked())
        plot.show_scene(scene_of(timeline, "Offset", True, 0, {}))
        return plot.grab()

    def other():
        alone[1].setData(times, values)
        return alone[0].grab()

    bar("timeline_of_a_module", ours, other, 0.5)


def test_many_modules_are_drawn_and_zoomed(plot, alone, bar):
    rng = np.random.default_rng(1)
    times = START.timestamp() + 3600.0 * np.arange(VERSIONS)
    lines = tuple(TimeLine(module, f"m{module}", times, rng.normal(0, 2, VERSIONS)) for module in range(MODULES))
    every = np.stack([line.values for line in lines])
    plot.show_scene(TimeScene(lines, "offset", "ADU"))
    spans = [(times[0], times[-1]), (times[100], times[5000])]

    def ours():
        spans.reverse()
        plot.show_times(*spans[0])
        return plot.grab()

    def other():
        spans.reverse()
        alone[1].setData(np.tile(times, MODULES), every.ravel())
        alone[0].setXRange(*spans[0])
        return alone[0].grab()

    bar("zoom_of_100_000_versions", ours, other, 0.5)
