"""From constants of dark, pulse capacitor, flat field and current source to a corrected run, by counted clicks."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from clicks import Clicks
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton

from calib_core.jobs.board import State
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants

MODULE = 3
KINDS = {"dark": ("Offset", "Noise", "BadPixelsDark", "ThresholdsDark"), "pc": ("SlopesPC",), "ff": ("SlopesFF",),
         "cs": ("SlopesCS",)}


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    settings = default_settings("AGIPD1M").with_changes({
        "modules": str(MODULE), "memory_cells": 2, "trains": 4, "proposal": 900452, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=Photons(photons=3000.0))
    write_truth(made)
    return made


@pytest.fixture
def folders(lit, tmp_path):
    """Constants of the truth, in a folder for each measurement."""
    root = tmp_path / "measured"
    for one in list_constants(folder_of(lit)):
        name = next((name for name, kinds in KINDS.items() if one.attributes["kind"] in kinds), "")
        if not name:
            continue
        target = root / name / one.path.relative_to(folder_of(lit))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one.path, target)
    return {name: root / name for name in KINDS}


@pytest.fixture
def operator(open_window, lit, folders, tmp_path, qtbot):
    """A window with the run open, and constants of four measurements among the sources."""
    window = open_window()
    window.session.out_folder = tmp_path / "constants"
    window.picker.set_root(lit.data_root)
    qtbot.keyClicks(window.picker.box, "p900452 r4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    for number, name in enumerate(KINDS, 1):
        window.results.open([folders[name]])
        qtbot.waitUntil(lambda number=number: len(window.sources.entries) == number
                        and window.sources.a is window.sources.entries[0] and window.session.subject.ended)
    window.kept.setCurrentWidget(window.sources_panel)
    window.docks.bring("sources")
    return window


def test_combined_in_two_clicks_and_a_run_corrected_with_it(operator, folders, qtbot):
    clicks, session, panel = Clicks(qtbot), operator.session, operator.sources_panel
    for row in range(4):
        clicks.row(panel.table, row, Qt.KeyboardModifier.ControlModifier if row else Qt.KeyboardModifier.NoModifier)
    assert len(panel.selected) == 4
    # what is told of a source meanwhile fills the table again
    operator.sources.changed.emit()
    assert len(panel.selected) == 4
    # what rows differ in comes first: the detector is that of all
    assert all(panel.table.item(row, 1).text().startswith("simulate p900452 r4") for row in range(4))
    assert all("SPB_DET_AGIPD1M-1" in panel.table.item(row, 1).toolTip() for row in range(4))
    clicks.button(operator.findChild(QPushButton, "take_sources"))
    page = operator.form.page
    assert page.survey.method.command == "COMBINE"
    assert {name: line.value() for name, line in page.constants.items() if line.value()} == {
        name: str(path) for name, path in folders.items()}
    assert page.folder.value() == str(folders["dark"])
    clicks.button(operator.form.run_button)
    assert clicks.number == 2
    qtbot.waitUntil(lambda: operator.jobs.jobs and operator.jobs.jobs[0].board.state.ended, timeout=60000)
    job = operator.jobs.jobs[0]
    assert job.board.state is State.DONE, job.board.error
    assert len([one for one in job.board.outputs if one.what == "constant"]) == 6
    qtbot.waitUntil(lambda: session.subject is not None and session.shown.picture is not None
                    and session.shown.picture.coverage.min() == 1)

    session.set_pixel((MODULE, 10, 20))
    told = session.subject.explain(MODULE, 10, 20, session.shown.at)
    assert [plot.title.partition(",")[0] for plot in told.plots] == [
        "Ratio HG/MG", "Ratio MG/LG", "Flagged pixels of HG by source"]
    assert "Gain: own measurement, SlopesFF." in told.notes
    assert any(note.startswith("SlopesFF: p900452 r0004, 20") for note in told.notes)
    assert any(note == "Ratio MG/LG: own measurement, SlopesCS." for note in told.notes)

    # why it is flagged, or not: rules with their limits, and at a pixel that a dark flags the dark
    why = operator.inspector.why
    qtbot.waitUntil(lambda: why.table.rowCount() > 5)
    rows = {why.table.item(row, 0).text(): why.table.item(row, 2).text() for row in range(why.table.rowCount())}
    assert rows["✓ ci gain of of threshold"] == "20 … 80"
    bad = session.subject.plane("bad_pixels", MODULE, session.shown.at)
    dead = np.argwhere(bad & 0b1111)[0]
    session.set_pixel((MODULE, int(dead[0]), int(dead[1])))
    qtbot.waitUntil(lambda: why.table.rowCount() and why.table.item(0, 0).text().startswith("✗"))
    assert "The constants of the dark flag this pixel" in [
        why._reasons[row].words.partition(";")[0] for row in range(why.table.rowCount())]

    operator.kept.setCurrentWidget(panel)
    operator.docks.bring("sources")
    row = operator.sources.entries.index(operator.sources.a)
    clicks.row(panel.table, row)
    with qtbot.waitSignal(session.survey_changed, timeout=20000):
        clicks.button(operator.findChild(QPushButton, "correct_with_source"))
    assert clicks.number == 3
    page = operator.form.page
    assert page.survey.method.command == "CORRECT"
    assert [run.label for run in page.survey.runs] == ["p900452 r0004"]
    session.corrected_folder = folders["dark"].parent / "corrected"
    qtbot.waitUntil(lambda: operator.form.run_button.isEnabled())
    clicks.button(operator.form.run_button)
    qtbot.waitUntil(lambda: operator.jobs.jobs[0] is not job and operator.jobs.jobs[0].board.state.ended,
                    timeout=60000)
    corrected = operator.jobs.jobs[0]
    assert corrected.board.state is State.DONE, corrected.board.error
    bound = corrected.plan.before.bound[MODULE]
    taken = {one.step.word: sorted(one.given) for one in bound.steps}
    assert taken["rel_gain"] == ["RelativeGain"]
    assert not any("made anew" in message.text for message in corrected.board.messages)


def test_what_is_no_input_of_anything_cannot_be_combined(operator, qtbot):
    clicks, panel = Clicks(qtbot), operator.sources_panel
    button = operator.findChild(QPushButton, "take_sources")
    clicks.row(panel.table, 0)
    assert not button.isVisible()
    clicks.row(panel.table, 1, Qt.KeyboardModifier.ControlModifier)
    assert button.isVisible()
    assert not button.isEnabled()  # without darks there is nothing


def test_maps_of_each_stage_and_fields_are_offered(operator, folders, qtbot):
    for row in range(4):
        Clicks(qtbot).row(operator.sources_panel.table, row,
                          Qt.KeyboardModifier.ControlModifier if row else Qt.KeyboardModifier.NoModifier)
    operator.sources_panel.take_button.click()
    operator.form.run_button.click()
    qtbot.waitUntil(lambda: operator.jobs.jobs and operator.jobs.jobs[0].board.state.ended, timeout=60000)
    session = operator.session
    qtbot.waitUntil(lambda: session.shown.picture is not None and session.shown.picture.coverage.min() == 1)
    names = {one.name for one in session.subject.results if one.pixels and not one.hidden}
    assert names == {"relative_gain", "gain", "bad_pixels", "shift", "thresholds", "fields"}
    plane = session.subject.plane("relative_gain", MODULE, {"gain": 1, "cell": 0})
    assert np.median(plane) == pytest.approx(45, abs=1)
