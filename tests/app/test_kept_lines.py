"""Timelines of a store that keeps numbers: drawn without a file, growing, and with confirmations that others see."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLineEdit, QPushButton

from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.confirmations import confirmed
from calib_core.store.local.index import Index
from calib_core.store.local.injecting import inject
from calib_core.store.local.lines import drop_lines
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import STORE_VARIABLE
from tests.kept_store import DAY, MODULES, STEP, VERSIONS, KeptStore, make_kept_store, median, put_real

#: When all versions are there.
LATER = datetime(2028, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    root = tmp_path_factory.mktemp("months")
    made = make_kept_store(root / "store", root / "files")
    made.store.close()
    return root, made.versions


@pytest.fixture
def kept(months, tmp_path, monkeypatch):
    """A store of its own for each test."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    monkeypatch.setenv("LOGNAME", "ben")
    shutil.copytree(months[0], tmp_path, dirs_exist_ok=True)
    with closing(LocalStore(tmp_path / "store")) as store:
        yield KeptStore(store, months[1])


@pytest.fixture
def open_timeline(kept, open_window, tmp_path, qtbot):
    """Open a window and its layout Timeline."""
    def call():
        window = open_window()
        window.resize(1680, 1050)
        window.activateWindow()
        window.results.open([tmp_path / "files"])
        qtbot.waitUntil(lambda: window.session.shown.picture is not None, timeout=20_000)
        qtbot.keyClick(window.maps, Qt.Key.Key_F8)
        qtbot.waitUntil(lambda: window.history.timeline is not None
                        and window.history.timeline.known == len(MODULES) * VERSIONS, timeout=20_000)
        qtbot.waitUntil(lambda: len(window.timeline.plot.scene.lines) == len(MODULES))
        return window

    return call


def line_of(window, module):
    return next(one for one in window.timeline.plot.scene.lines if one.key == module)


def shift(module, version):
    return median(module, version) - float(np.median([median(module, one) for one in range(60)]))


def click(widget, name, qtbot):
    qtbot.mouseClick(widget.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def check_zoom_asks_nothing(window, monkeypatch, qtbot):
    """Neither index nor file is read for another part of the times, near or far, nor for a part that is brushed."""
    plot, asked = window.timeline.plot, []
    begin, end = plot.scene.span
    window.history._watch.stop()  # which asks whether anybody has written
    qtbot.waitUntil(lambda: not window.history._background._waiting)
    with monkeypatch.context() as patch:
        for owner, name in ((Index, "rows"), (LocalStore, "__init__"), (h5py.File, "__init__")):
            really = getattr(owner, name)
            patch.setattr(owner, name, lambda *words, really=really, name=name: asked.append(name) or really(*words))
        for first, last in ((begin + 5 * DAY, begin + 9 * DAY), (end - 30 * DAY, end), (begin, end)):
            plot.show_times(first, last)
            plot.set_part((first + DAY, last - DAY))
            window.grab()
        plot.set_part(None)
        qtbot.wait(300)
    assert asked == []
    window.history._watch.start()


def test_lines_and_asics_are_drawn_without_a_file_and_grow_with_the_store(
    kept, open_timeline, tmp_path, qtbot, monkeypatch
):
    """Of the versions but the first there are no files at all."""
    window = open_timeline()
    for module in MODULES:
        np.testing.assert_allclose(line_of(window, module).values, [shift(module, one) for one in range(VERSIONS)],
                                   rtol=0, atol=1e-5)  # the first is in a file, of single precision
    assert [line_of(window, one).level for one in MODULES] == ["", "red"]
    assert "cannot be read" not in window.timeline.told.text()
    assert "had no statistics" not in window.timeline.told.text()
    qtbot.waitUntil(lambda: window.timeline.plot.heat.rows.shape == (16, VERSIONS)
                    and np.isfinite(window.timeline.plot.heat.rows).all(), timeout=20_000)
    check_zoom_asks_nothing(window, monkeypatch, qtbot)
    path = put_real(tmp_path / "files", 0, VERSIONS, 107.0)
    with closing(LocalStore(kept.store.folder, clock=lambda: LATER)) as other:  # as another program does
        inject(other, candidates_of(other, [path], ByOperator(confirmed=True)), "carl", "")
    qtbot.waitUntil(lambda: len(line_of(window, 0).times) == VERSIONS + 1, timeout=20_000)
    expected = 107 - float(np.median([median(0, one) for one in range(60)]))
    assert line_of(window, 0).values[-1] == pytest.approx(expected, abs=1e-5)


def test_versions_without_numbers_are_said_and_kept_from_then_on(kept, open_timeline, qtbot):
    first = [kept.versions[module][0] for module in MODULES]
    with kept.store.writing() as writing:
        drop_lines(writing, first)
    assert kept.store.lines.lacking() == first
    window = open_timeline()
    assert "2 had no statistics in the store: made now and kept" in window.timeline.told.text()
    assert kept.store.lines.lacking() == []
    qtbot.waitUntil(lambda: line_of(window, 0).values[0] == pytest.approx(shift(0, 0), abs=1e-5))


def test_a_confirmed_change_is_kept_seen_by_another_window_and_taken_back(kept, open_timeline, qtbot):
    window, other = open_timeline(), open_timeline()
    window.session.set_module(1)
    changed = window.timeline.changed
    qtbot.waitUntil(lambda: changed.words.text().startswith("m1 LIN: step of +"))
    assert not changed.undo.isEnabled()
    qtbot.keyClicks(changed.findChild(QLineEdit, "confirm_comment"), "new chiller")
    click(changed, "confirm_change", qtbot)
    qtbot.waitUntil(lambda: not changed.table.rows and changed.undo.isEnabled(), timeout=20_000)
    [found] = confirmed(kept.store)
    assert (found.version, found.author, found.comment) == (kept.versions[1][STEP], "ben", "new chiller")
    assert f"reference forming, {VERSIONS - STEP} of 60" in changed.words.text()
    assert "confirmed by ben" in changed.words.text()
    assert "new chiller" in changed.words.text()
    qtbot.waitUntil(lambda: line_of(other, 1).level == "", timeout=20_000)
    assert line_of(other, 0).level == ""
    qtbot.waitUntil(other.timeline.changed.undo.isEnabled)
    click(other.timeline.changed, "undo_confirmation", qtbot)
    for one in (other, window):
        qtbot.waitUntil(lambda one=one: line_of(one, 1).level == "red", timeout=20_000)
    assert list(confirmed(kept.store)) == []
    assert not changed.undo.isEnabled()
