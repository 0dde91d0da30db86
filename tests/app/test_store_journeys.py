"""Constants out of the store and into it, by clicks that are counted."""

from __future__ import annotations

import csv
import os
import threading
from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest
from clicks import Clicks
from PyQt6.QtCore import QMimeData, QPointF, QRect, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtTest import QTest

from app.panels.history import history_presenter
from app.widgets.values_view import ValuesView
from calib_core.jobs.board import State
from calib_core.numerics.group_statistics import GOOD
from calib_core.store.base import Query
from calib_core.store.constants import read_constant
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.statistics import read_statistics
from calib_core.store.statuses import STORE_VARIABLE, Status
from calib_core.subjects.region import region_of
from tests.calib_core.store.constant_files import BEGIN, DETECTOR, KIND, UNIT, VALUES, put
from tests.calib_core.subjects.files import images, put_ours

CALIBRATION = KIND.calibrations["Offset"].name
ANY = Query(take="all", statuses=frozenset(Status))
SIZES = pytest.mark.parametrize("size", [(1024, 768), (1680, 1050)], ids=["small", "large"])


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """The folder in which results are proposed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store that has an accepted offset."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    with_one = LocalStore(tmp_path / "store", create=True)
    made = inject(with_one, candidates_of(with_one, [put(tmp_path / "made")]), "anna", "")
    with_one.decide([one.number for one in made.versions], Status.ACCEPTED, "ben", "")
    yield with_one
    with_one.close()


def single(folder: Path, name: str, missing: int = 0) -> None:
    """A file of offsets by h5py alone."""
    folder.mkdir(exist_ok=True)
    values = np.random.default_rng(7).normal(1000, 10, KIND.shape)
    values.reshape(-1)[:missing] = np.nan
    with h5py.File(folder / name, "w") as file:
        file["data"] = values
        file["karabo_id"], file["creation_time"] = DETECTOR, "2026-03-05T08:00:00+00:00"
        for parameter in KIND.condition:
            if parameter.name in VALUES:
                file[f"condition/{parameter.database_name}/value"] = VALUES[parameter.name]


def drop(widget, *paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(QPointF(400, 300), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
                       Qt.KeyboardModifier.NoModifier)
    widget.dropEvent(event)
    assert event.isAccepted()


def overlap(window, *two):
    """Whether two widgets share pixels of the window."""
    first, second = (QRect(one.mapTo(window, one.rect().topLeft()), one.size()) for one in two)
    return first.intersects(second)


def picture(window, name, size):
    if folder := os.environ.get("PICTURES"):
        window.repaint()
        window.grab().save(f"{folder}/{name}-{size[0]}.png")


def table_of(window, qtbot):
    """Rows of the table that is on the screen."""
    def shown():
        return next((view for view in window.maps.findChildren(ValuesView) if view.isVisible() and view.rows), None)

    qtbot.waitUntil(lambda: shown() is not None)
    return shown().rows


def show_timeline(window, qtbot, versions=1):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: len(window.constants.table.moments) == versions)


def choose(window, clicks, row):
    """A row of the list of versions."""
    table = window.constants.table
    at = table.visualRect(table.model().index(row, 1)).center()
    clicks.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    clicks.number += 1


@SIZES
def test_a_folder_that_is_dropped_is_looked_at_and_injected_by_a_click(open_window, store, tmp_path, qtbot, size):
    folder, before = tmp_path / "ePix100-Type", store.find(ANY)
    single(folder, f"const_{CALIBRATION}_EPIX01.h5")
    window, clicks = open_window(), Clicks(qtbot)
    window.resize(*size)
    drop(window, folder)
    clicks.number += 1
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    assert window.jobs.jobs[0].board.state is State.DONE, window.jobs.jobs[0].board.error
    [row] = table_of(window, qtbot)
    assert row[:3] == ("new", UNIT, CALIBRATION)
    assert store.find(ANY) == before
    assert window.form.run_button.text().startswith("Inject")
    assert not (window.session.out_folder / "injection.csv").exists()
    assert [view.isVisible() for view in window.maps.views].count(True) == 1, "one table has all the room"
    assert window.maps.slots == 4
    qtbot.waitUntil(lambda: window.banner.message.endswith("No file was written."))
    [view] = [view for view in window.maps.findChildren(ValuesView) if view.isVisible() and view.rows]
    qtbot.waitUntil(lambda: not overlap(window, view, window.banner))  # what is to be read before the click
    assert "first picture" not in window.maps.source.text()
    picture(window, "look", size)
    clicks.button(window.form.run_button)
    assert clicks.number == 2
    qtbot.waitUntil(lambda: len(window.jobs.jobs) == 2 and all(one.board.state.ended for one in window.jobs.jobs))
    [job] = [one for one in window.jobs.jobs if not one.spec.parameters]
    assert job.board.state is State.DONE, job.board.error
    assert [(one.number, one.status, one.pdu) for one in store.find(ANY)][-1] == (2, Status.DRAFT, UNIT)
    qtbot.waitUntil(lambda: table_of(window, qtbot)[0][0] == "version 2, draft")
    picture(window, "injected", size)
    assert (window.width(), window.height()) == size


def test_what_cannot_be_taken_is_in_the_table_and_nothing_is_injected(open_window, store, tmp_path, qtbot):
    folder, before = tmp_path / "ePix100-Type", store.find(ANY)
    single(folder, f"const_{CALIBRATION}_EPIX01.h5", missing=KIND.shape[0] * KIND.shape[1] // 10)
    single(folder, f"const_{CALIBRATION}_EPIX_M99.h5")
    window, clicks = open_window(), Clicks(qtbot)
    drop(window, folder)
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    rows = table_of(window, qtbot)
    assert [row[0] for row in rows] == ["refused", "refused"]
    assert "has no number in 10.0% of its values" in rows[0][11]
    assert "2 files: 2 refused." in [one.text for one in window.jobs.jobs[0].board.messages]
    clicks.button(window.form.run_button)
    qtbot.waitUntil(lambda: len(window.jobs.jobs) == 2 and all(one.board.state.ended for one in window.jobs.jobs))
    [job] = [one for one in window.jobs.jobs if not one.spec.parameters]
    assert job.board.state is State.FAILED
    assert job.board.error.endswith("1 other file cannot be taken either. Nothing was injected.")
    assert store.find(ANY) == before


@SIZES
def test_selected_versions_are_exported_by_two_clicks_and_enter(open_window, store, tmp_path, qtbot, size):
    window, clicks = open_window(), Clicks(qtbot)
    window.resize(*size)
    show_timeline(window, qtbot)
    choose(window, clicks, 0)
    clicks.button(window.constants.export_button)
    qtbot.waitUntil(lambda: window.session.spec is not None and window.form.run_button.hasFocus())
    picture(window, "export", size)
    QTest.keyClick(window.form.run_button, Qt.Key.Key_Return)
    clicks.number += 1
    assert clicks.number == 3
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    job = window.jobs.jobs[0]
    assert job.board.state is State.DONE, job.board.error
    out = window.session.out_folder
    [copied] = out.glob("*.h5")
    [version] = store.find(ANY)
    np.testing.assert_array_equal(read_constant(copied).data(), store.read(version).data())
    [row] = csv.DictReader((out / "summary.csv").read_text().splitlines()[1:])
    assert (row["version"], row["state"], row["file"]) == ("1", "accepted", copied.name)
    [shown] = table_of(window, qtbot)
    assert "accepted" in shown
    picture(window, "exported", size)
    assert (window.width(), window.height()) == size


def test_what_nobody_asked_for_takes_no_table_away(open_window, store, monkeypatch, qtbot):
    """The newest version, opened where nothing is looked at, comes after a job that was started meanwhile."""
    there, opened = threading.Event(), history_presenter.set_of
    monkeypatch.setattr(history_presenter, "set_of", lambda *words: there.wait(60) and opened(*words))
    window, clicks = open_window(), Clicks(qtbot)
    show_timeline(window, qtbot)
    choose(window, clicks, 0)
    clicks.button(window.constants.export_button)
    qtbot.waitUntil(lambda: window.session.spec is not None and window.form.run_button.hasFocus())
    clicks.button(window.form.run_button)
    table_of(window, qtbot)
    [job], subject = window.jobs.jobs, window.session.subject
    there.set()
    qtbot.waitUntil(lambda: not window.history._background._waiting)
    assert window.session.subject is subject
    assert subject.job is job
    assert table_of(window, qtbot)


def test_versions_of_a_folder_are_exported_by_their_files(open_window, tmp_path, qtbot):
    """What has no number is named by its file."""
    path = put(tmp_path / "folder with a blank", begin=BEGIN)
    window, clicks = open_window(), Clicks(qtbot)
    window.results.open([tmp_path / "folder with a blank"])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    show_timeline(window, qtbot)
    choose(window, clicks, 0)
    clicks.button(window.constants.export_button)
    qtbot.waitUntil(lambda: window.session.spec is not None)
    assert window.session.spec.inputs == {"store": (str(path),)}
    assert window.session.spec.parameters == {"take": "all"}


def test_sets_that_are_dropped_on_the_list_of_versions_are_for_the_store(open_window, store, tmp_path, qtbot):
    """Anywhere else in the window they are opened."""
    folder = tmp_path / "sets"
    put(folder, 2, begin=BEGIN + timedelta(days=1))
    window, clicks = open_window(), Clicks(qtbot)
    show_timeline(window, qtbot)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)  # else the store's own comes after it
    drop(window.constants, folder)
    clicks.number += 1
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    [row] = table_of(window, qtbot)
    assert (row[0], row[6]) == ("new", "scatter")
    assert row[4] > 0
    clicks.button(window.form.run_button)
    assert clicks.number == 2
    qtbot.waitUntil(lambda: len(window.jobs.jobs) == 2 and all(one.board.state.ended for one in window.jobs.jobs))
    assert len(store.find(ANY)) == 2
    qtbot.waitUntil(lambda: len(window.constants.table.moments) == 2)
    drop(window, folder)
    qtbot.waitUntil(lambda: any("sets" in str(one.files) for one in window.sources.entries))
    assert len(window.jobs.jobs) == 2


def test_names_that_stand_in_are_confirmed_in_the_form(open_window, store, tmp_path, qtbot):
    folder = tmp_path / "ePix100-Type"
    single(folder, f"const_{CALIBRATION}_EPIX01.h5")
    with h5py.File(folder / f"const_{CALIBRATION}_EPIX01.h5", "a") as file:
        del file["karabo_id"]
        file["karabo_id"] = "LAB_OTHER"
    window, clicks = open_window(), Clicks(qtbot)
    drop(window, folder)
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    [row] = table_of(window, qtbot)
    assert row[:2] == ("unsure", "LAB_OTHER_EPIX01")
    window.form.put("confirm_units", True)
    clicks.button(window.form.run_button)
    qtbot.waitUntil(lambda: len(window.jobs.jobs) == 2 and all(one.board.state.ended for one in window.jobs.jobs))
    assert [one.pdu for one in store.find(ANY)] == [UNIT, "LAB_OTHER_EPIX01"]
    assert candidates_of(store, [folder / f"const_{CALIBRATION}_EPIX01.h5"], ByOperator())[0].known is not None


@SIZES
def test_lines_over_time_are_written_by_a_click_and_enter(open_window, tmp_path, qtbot, size):
    """And a plot of the file alone has the numbers of the window."""
    for day in range(4):
        for module in (0, 1):
            put_ours(tmp_path / "sets", module, "Offset", images(seed=day), day * 86400.0)
    window, clicks = open_window(), Clicks(qtbot)
    window.resize(*size)
    window.results.open([tmp_path / "sets"])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    show_timeline(window, qtbot, 4)
    history = window.history
    qtbot.waitUntil(lambda: history.timeline is not None and history.timeline.known == 8)
    clicks.button(window.constants.lines_button)
    qtbot.waitUntil(lambda: window.session.spec is not None and window.form.run_button.hasFocus())
    picture(window, "lines", size)
    QTest.keyClick(window.form.run_button, Qt.Key.Key_Return)
    clicks.number += 1
    assert clicks.number == 2
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    job = window.jobs.jobs[0]
    assert job.board.state is State.DONE, job.board.error
    found = read_statistics(tmp_path / "here" / "statistics" / "statistics.h5")
    for line in history.timeline.lines:
        own = [one for one in found if one.about.comparable.unit == line.unit]
        np.testing.assert_array_equal([one.about.begin.timestamp() for one in own], line.times)
        np.testing.assert_array_equal([one.whole.median[GOOD, 0] for one in own], line.values)
    assert {one.path.name for one in job.board.outputs} == {
        "statistics.h5", "statistics_lines.csv", "statistics_changes.csv"}
    assert (window.width(), window.height()) == size


def test_the_lines_of_a_marked_region_are_written(open_window, tmp_path, qtbot):
    """Where its line is shown, of its modules alone; a ring is written row by row."""
    for day in range(3):
        for module in (0, 1):
            put_ours(tmp_path / "sets", module, "Offset", images(seed=10 * day + module), day * 86400.0)
    window, clicks = open_window(), Clicks(qtbot)
    window.results.open([tmp_path / "sets"])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    show_timeline(window, qtbot, 3)
    qtbot.waitUntil(lambda: window.history.timeline is not None and window.history.timeline.known == 6)
    mask = np.zeros((1, 128, 512), bool)
    rows, columns = np.ogrid[:128, :512]
    mask[0] = abs(np.hypot(rows - 60, columns - 100) - 20) < 5
    window.session.set_region(region_of("ring", mask, (1,)))
    window.timeline.chosen.choose("region")
    clicks.button(window.constants.lines_button)
    qtbot.waitUntil(lambda: window.session.spec is not None and window.form.run_button.hasFocus())
    assert window.session.spec.modules == (1,)
    QTest.keyClick(window.form.run_button, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(window.jobs.jobs) and window.jobs.jobs[0].board.state.ended)
    assert window.jobs.jobs[0].board.state is State.DONE, window.jobs.jobs[0].board.error
    found = read_statistics(tmp_path / "here" / "statistics" / "statistics.h5")
    assert [one.about.module for one in found] == [1] * 3
    for day, one in enumerate(found):
        values = images(seed=10 * day + 1)[mask[0].T]
        np.testing.assert_allclose(one.whole.median[GOOD, 0], np.median(values), rtol=1e-12)
        assert one.cut.block_shape == (1, mask.sum())
