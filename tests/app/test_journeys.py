"""Journeys of an operator, by keys and clicks: why a pixel is bad, yesterday's constants as B, the next day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from by_h5py import stored
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QPushButton

from app.panels.maps.comparison import WAYS
from calib_core.axes import Pick
from calib_core.cli.main import main
from calib_core.simulate import default_settings, simulate
from calib_core.subjects.masked import bare

KIND = "JUNGFRAU"


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Dark runs of two days: another seed of the noise, the same detector."""
    made = {}
    for day, seed in (("yesterday", 1), ("today", 2)):
        settings = default_settings(KIND).with_changes({
            "modules": "1-2", "trains": 30, "seed": seed, "proposal": 900400 + seed})
        made[day] = simulate(settings, tmp_path_factory.mktemp(day))
    return made


@pytest.fixture(scope="module")
def yesterday(days, tmp_path_factory):
    """Constants of the day before, written by the command line."""
    out = tmp_path_factory.mktemp("constants_of_yesterday")
    folder = next(iter(days["yesterday"].runs.values())).parent
    words = [KIND, "DARK", "--in-folder", str(folder), "--out-folder", str(out)]
    for name, number in (("run-high", 1), ("run-med", 2), ("run-low", 3)):
        words += [f"--{name}", str(number)]
    assert main(words) == 0
    return out


@pytest.fixture
def operator(open_window, days, tmp_path, qtbot):
    """A window in which today's darks have run."""
    window = open_window()
    window.activateWindow()
    window.session.out_folder = tmp_path / "constants"
    window.actions_by_name["open"].trigger()
    text = " ".join(map(str, days["today"].runs.values()))
    qtbot.keyClicks(window.picker.box, text)
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None
                    and window.session.shown.picture.coverage.min() == 1)
    return window


def press(qtbot, window, *keys, modifier=Qt.KeyboardModifier.NoModifier):
    for key in keys:
        qtbot.keyClick(window.maps, key, modifier)


def drop(window, path):
    """Let go of a folder over the window."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, mime, buttons, none))


def test_a_bad_pixel_why_and_the_next_one(operator, qtbot):
    session, why = operator.session, operator.inspector.why
    flags = np.stack([session.subject.plane("bad_pixels", module, {}) for module in session.subject.modules])
    expected = [(session.subject.modules[m], r, c) for m, r, c in np.argwhere(flags)[:2].tolist()]
    press(qtbot, operator, Qt.Key.Key_N)
    assert session.shown.pixel == expected[0]
    tabs = operator.inspector.tabs
    number = [tabs.tabText(i) for i in range(tabs.count())].index("Why")
    operator.docks.bring("inspector")
    qtbot.mouseClick(tabs.tabBar(), Qt.MouseButton.LeftButton, pos=tabs.tabBar().tabRect(number).center())
    qtbot.waitUntil(lambda: why.table.rowCount() > 0)
    assert why.isVisible()
    assert why.table.item(0, 0).text().startswith("✗")
    assert why.words.text().endswith(".")
    press(qtbot, operator, Qt.Key.Key_N)
    assert session.shown.pixel == expected[1]
    press(qtbot, operator, Qt.Key.Key_N, modifier=Qt.KeyboardModifier.ShiftModifier)
    assert session.shown.pixel == expected[0]


def test_yesterday_as_b_and_the_difference_in_sigma(operator, yesterday, tmp_path, qtbot):
    session, sources = operator.session, operator.sources
    today = sources.a
    drop(operator, yesterday)
    qtbot.waitUntil(lambda: len(sources.entries) == 2 and bare(session.subject) is sources.a.subject)
    sources.show(today)
    operator.kept.setCurrentWidget(operator.sources_panel)
    operator.docks.bring("sources")
    row = sources.entries.index(next(one for one in sources.entries if one is not today))
    operator.sources_panel.table.setCurrentCell(row, 1)
    qtbot.mouseClick(operator.findChild(QPushButton, "compare_source"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.shown.picture is not None and sources.letter(sources.entries[row]) == "B")
    ways = []
    operator.comparison.changed.connect(ways.append)
    press(qtbot, operator, *[Qt.Key.Key_D] * (WAYS.index("pull") - WAYS.index("difference")))
    assert ways[-1] == "pull"
    qtbot.waitUntil(lambda: Pick("offset.pull") in session.shown.picture.maps)
    assert operator.maps.presenter.chosen[0].title == "Offset (A−B)/σ"

    found = session.shown.picture.maps[Pick("offset.pull")]
    check_the_largest(operator, found, qtbot)
    for i, module in enumerate(session.shown.picture.modules):
        sides = []
        for folder in (tmp_path / "constants", yesterday):
            offset, count = stored(folder, "Offset", module)
            sides.append((offset[0, 0], stored(folder, "Noise", module)[0][0, 0], count[0, 0]))
        (a, sa, na), (b, sb, nb) = sides
        with np.errstate(invalid="ignore", divide="ignore"):
            pull = (a - b) / np.sqrt(sa**2 / na + sb**2 / nb)
        fine = np.isfinite(pull) & np.isfinite(found[i])
        assert fine.mean() > 0.9
        np.testing.assert_allclose(found[i][fine], pull[fine], rtol=1e-3, atol=2e-3)


def test_each_slot_has_its_own_side_of_a_comparison(operator, yesterday, qtbot):
    session, sources = operator.session, operator.sources
    today = sources.a
    drop(operator, yesterday)
    qtbot.waitUntil(lambda: len(sources.entries) == 2 and bare(session.subject) is sources.a.subject)
    b = sources.a
    sources.show(today)
    sources.compare(b)
    qtbot.waitUntil(lambda: session.shown.picture is not None)
    entries = [action.text() for action in operator.maps.slot_menu(0).actions()]
    maps, variants = entries[:entries.index("")], entries[entries.index("") + 1:]
    assert maps[:2] == ["Offset", "Noise"]
    assert len(set(maps)) == len(maps)
    assert variants[:variants.index("")] == ["A", "B", "A−B", "A/B", "(A−B)/σ"]

    def choose(slot, text):
        next(one for one in operator.maps.slot_menu(slot).actions() if one.text() == text).trigger()

    choose(0, "A")
    choose(1, "Offset")
    choose(1, "B")
    choose(2, "Bad pixels")
    choose(2, "healed")
    assert [choice.title for choice in operator.maps.presenter.chosen][:3] == [
        "Offset A", "Offset B", "Bad pixels healed"]
    picks = [choice.pick for choice in operator.maps.presenter.chosen[:3]]
    qtbot.waitUntil(lambda: all(pick in session.shown.picture.maps for pick in picks))
    module = session.shown.picture.modules[0]
    for folder_of, pick in ((operator.session.out_folder, picks[0]), (yesterday, picks[1])):
        np.testing.assert_array_equal(
            session.shown.picture.maps[pick][0], stored(folder_of, "Offset", module)[0][0, 0])


def check_the_largest(window, pulls, qtbot):
    """The ten pixels that changed most, by NumPy on the picture; a click on a row selects its pixel."""
    window.docks.bring("changes")
    table = window.changes.table
    qtbot.waitUntil(lambda: len(table.rows) == 10)
    sizes = np.sort(np.abs(pulls[np.isfinite(pulls)]))[::-1][:10]
    np.testing.assert_allclose([abs(row[3]) for row in table.rows], sizes, rtol=1e-6)
    index = table.model().index(3, 0)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(index).center())
    module, row, col, value = table.rows[3]
    assert window.session.shown.pixel == (module, row, col)
    place = window.session.shown.picture.modules.index(module)
    assert pulls[place, row, col] == np.float32(value)


def test_the_next_day_everything_is_there(operator, open_window, qtbot, monkeypatch):
    first = operator
    folder = Path(first.keeper._folder)
    press(qtbot, first, Qt.Key.Key_2, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: first.session.shown.label("gain") == "G1")
    first.session.set_pixel((2, 100, 200))
    first.maps.presenter.assign(1, "samples")
    number = float(first.session.subject.plane("offset", 2, first.session.shown.at)[100, 200])
    first.close()
    second = open_window(folder)
    check_the_same(second, number, qtbot)
    # as a kill would leave it: no closing, and the lock of a process that is gone
    second.keeper.save()
    qtbot.waitUntil(lambda: '"clean": false' in (folder / "session.json").read_text("utf-8"))
    qtbot.wait(300)
    monkeypatch.setattr(second.keeper, "end", lambda: None)
    second.keeper._timer.stop()
    second.keeper._lock.unlock()
    third = open_window(folder)
    check_the_same(third, number, qtbot)


def check_the_same(window, number, qtbot):
    session = window.session
    qtbot.waitUntil(lambda: session.shown.picture is not None and not session.pending
                    and session.shown.picture.coverage.min() == 1)
    assert "SPB_IRDA_JF4M" in window.maps.source.text()
    assert session.shown.subject.state == "on disk"
    assert session.arrangement == "stacked"
    assert (session.shown.pixel, session.shown.label("gain")) == ((2, 100, 200), "G1")
    assert [choice.key for choice in window.maps.presenter.chosen][:2] == ["offset", "samples"]
    qtbot.waitUntil(lambda: f"Offset {number:.5g} ADU" in window.status.pixel.text())
