"""Years of versions of a module, read from an index and drawn, beside pyqtgraph's drawing of as many points."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pyqtgraph as pg
import pytest

from app.panels.history.scene import scene_of
from app.widgets.time_lines import TimeLine, TimeScene
from app.widgets.timeline_plot import TimelinePlot
from calib_core.constants.matching import Setting
from calib_core.constants.statistics import COLUMNS
from calib_core.store.base import Query
from calib_core.store.local.packing import pack
from calib_core.store.local.records import Record, add_act, add_version, microseconds
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from calib_core.subjects.kept_lines import OpenStores, kept_numbers
from calib_core.subjects.known_numbers import KnownNumbers
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.timeline import Asked, timeline_of

VERSIONS, MODULES = 6250, 16
START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 900, 360
CONDITION = (("Sensor Bias Voltage", 300.0),)
SHAPE, DIMS = (3, 1, 128, 512), ("gain", "cell", "slow_scan", "fast_scan")
TOLD = json.dumps({"axes": {"gain": ["HG", "MG", "LG"]}, "unit": "ADU", "spShape": [64, 64], "nMemToShow": 32,
                   "flags": False, "shape": SHAPE, "dims": DIMS})


def value(module: int, version: int) -> float:
    """A number without a generator for each."""
    return 5000.0 + (7919 * (version + 1) * (module + 3) % 1000) / 250


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, list[Listed]]]:
    """100,000 versions of 16 modules with three gain stages each; those of each module as they are listed."""
    with closing(LocalStore(tmp_path_factory.mktemp("store"), create=True)) as store:
        first = []
        with store.writing() as writing:
            act = add_act(writing, "inject", "anna", "", START)
            for module in range(MODULES):
                first.append(add_version(writing, act, Record(
                    f"UNIT_{module:02d}", "Offset", "Some-Type", {"Sensor Bias Voltage": Setting(300.0)}, START,
                    START, f"{module}", "/", shape=SHAPE, dims=DIMS), Status.ACCEPTED))
            writing.beside("INSERT INTO told (said) VALUES (?)", (TOLD,))
        _add_others(store, first, act)
        found = store.find(Query(take="all"))
        assert len(found) == MODULES * VERSIONS
        listed: dict[int, list[Listed]] = {module: [] for module in range(MODULES)}
        for one in found:
            assert one.begin is not None
            module = int(one.pdu[-2:])
            listed[module].append(Listed(one, "DET", None, module, one.begin, CONDITION, store=store))
        yield listed


def _add_others(store: LocalStore, first: list[int], act: int) -> None:
    """Versions of all hours but the first, and the lines of all: rows alike, in one go."""
    connection, hour = store.index.connection, microseconds(START + timedelta(hours=1)) - microseconds(START)
    columns = ("constant, pdu, begin_at, created_at, path, dataset, sha256, identity, bytes, shape, dims, dtype, "
               "raw_data, job, provenance, report, act")
    others = columns.replace("begin_at", "begin_at + ? ").replace("path", "path || '-' || ?", 1)
    connection.execute("BEGIN")
    for module, number in enumerate(first):
        connection.executemany(f"INSERT INTO version ({columns}) SELECT {others} FROM version WHERE id = {number}",
                               [(hour * at, at) for at in range(1, VERSIONS)])
        connection.execute(f"INSERT INTO decision (version, status, act) SELECT id, 'accepted', {act} FROM version "
                           f"WHERE pdu = (SELECT pdu FROM version WHERE id = {number}) AND id != {number}")
        numbers = np.full((VERSIONS, 3, len(COLUMNS)), 100.0)
        numbers[:, :, COLUMNS.index("median of good")] = np.array(
            [value(module, at) for at in range(VERSIONS)])[:, None]
        ids = [row[0] for row in connection.execute(
            f"SELECT id FROM version WHERE pdu = (SELECT pdu FROM version WHERE id = {number}) ORDER BY begin_at")]
        connection.executemany(
            "INSERT INTO line SELECT pdu, 1, begin_at, id, 1, NULL, '', '', ? FROM version WHERE id = ?",
            [(some.tobytes(), version) for some, version in zip(numbers, ids, strict=True)])
    pack(connection)
    connection.execute("COMMIT")


pytestmark = pytest.mark.usefixtures("as_program")


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


def test_a_module_is_read_and_drawn(plot, alone, bar, rows):
    """Read: its lines of the index; which versions there are is known, and the store is open, as they are when a line
    is looked at."""
    own, stores = Rows(rows[3]), OpenStores()
    stores.hold()
    times = np.array([one.begin.timestamp() for one in own])
    values = np.array([value(3, at) for at in range(VERSIONS)])

    def ours():
        timeline = timeline_of(own, KnownNumbers(kept=kept_numbers(own, 0, stores)), Asked())
        plot.show_scene(scene_of(timeline, "Offset", False, 3, {}))
        return plot.grab()

    def other():
        alone[1].setData(times, values)
        return alone[0].grab()

    ours()
    np.testing.assert_array_equal(plot.scene.lines[0].values, values)
    bar("timeline_of_a_module", ours, other, 0.5)
    stores.let_go()


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
