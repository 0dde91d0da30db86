"""A frame on its way through the steps of a correction, before anything is run: the journeys of an operator."""

from __future__ import annotations

import threading

import h5py
import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QTabBar

from app.window.layouts import CORRECT
from calib_core.axes import Pick
from calib_core.jobs.board import State
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store import by_cell
from calib_core.subjects.corrected import CorrectedSubject
from calib_core.subjects.masked import bare
from calib_core.subjects.preview import PreviewSubject
from tests.facility_files import facility_files

FEW = {"modules": "3", "memory_cells": 2, "proposal": 900451}


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    settings = default_settings("AGIPD1M").with_changes({**FEW, "trains": 8, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("lit"), scene=Photons(photons=3000.0))
    write_truth(made)
    return made


@pytest.fixture(scope="module")
def darks(tmp_path_factory):
    settings = default_settings("AGIPD1M").with_changes({**FEW, "trains": 40, "first_run": 1})
    return simulate(settings, tmp_path_factory.mktemp("darks"))


def shown(window):
    return window.session.shown


def has_preview(window):
    """Whether a whole picture of the preview is on the screen."""
    subject = shown(window).subject
    picture = shown(window).picture
    return (isinstance(bare(subject), PreviewSubject) and subject.state.startswith("preview,")
            and picture is not None and picture is subject.picture and picture.coverage.min() == 1
            and Pick("corrected") in picture.maps)  # maps of the slots come after those wished before


def open_by_keys(window, qtbot, root, text):
    window.picker.set_root(root)
    qtbot.keyClicks(window.picker.box, text)
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def click_switch(window, qtbot, word):
    """Click the box of a step."""
    table = window.steps.table
    [row] = [i for i in range(table.rowCount()) if table.item(i, 0).data(Qt.ItemDataRole.UserRole) == word]
    area = table.visualItemRect(table.item(row, 0))
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=area.topLeft() + QPoint(9, area.height() // 2))
    return row


def values(window, name):
    return shown(window).picture.maps[Pick(name)][0]


@pytest.fixture
def looking(open_window, lit, tmp_path, qtbot):
    """A window on the preview of a run whose constants were found where the last ones are: one press of Enter, F6."""
    window = open_window()
    window.resize(1680, 1050)
    window.session.out_folder = tmp_path / "proc"
    window.session.constants_folder = folder_of(lit)
    open_by_keys(window, qtbot, lit.data_root, "p900451 r4")
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: has_preview(window))
    window.activateWindow()  # docks that move take this away where there is no window manager
    qtbot.waitUntil(window.isActiveWindow)
    return window


def test_a_step_is_switched_and_the_run_is_corrected_in_three_clicks(looking, open_window, tmp_path, qtbot):
    """Enter, the switch, Run."""
    window = looking
    assert window.docks.layout is CORRECT
    titles = [window.maps.views[slot]._title.text() for slot in range(4)]
    assert titles == ["Raw  [ADU]", "Corrected  [keV]", "Mask", "Gain stage"]
    lines = {one.splitlines()[0].split("  ")[1]: len(one.splitlines()) for one in (
        window.steps.table.item(row, 0).text() for row in range(window.steps.table.rowCount()))}
    assert (lines["Offset"], lines["Full codes"], lines["Large pixels"]) == (2, 1, 1)  # only constants have a line
    before, stage = values(window, "corrected").copy(), values(window, "stage").copy()
    click_switch(window, qtbot, "rel_gain")
    assert window.form.page.knobs.changes() == {"rel_gain": False}
    assert window.session.spec.parameters == {"rel_gain": False}
    qtbot.waitUntil(lambda: has_preview(window) and not np.array_equal(values(window, "corrected"), before, True))
    after, high = values(window, "corrected"), stage == 0
    np.testing.assert_array_equal(after[high], before[high])
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not isinstance(bare(window.session.subject), PreviewSubject))
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    [path] = (tmp_path / "corrected").glob("CORR-*.h5")  # constants are elsewhere
    with h5py.File(path) as file:
        first = file["INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/3CH0:output/image/data"][0]
    np.testing.assert_array_equal(first.reshape(after.shape), after)
    assert "Something else is shown" in window.steps.heading.text()
    files = window.files.table
    qtbot.waitUntil(lambda: files.rowCount() == 1 and files.item(0, 2).text() == "written")
    assert (files.item(0, 0).text(), files.item(0, 1).data(Qt.ItemDataRole.DisplayRole)) == (path.name, 1.0)
    assert window.files.heading.text().endswith("1 of 1 files are whole")
    qtbot.waitUntil(window.files.open_button.isEnabled)
    qtbot.mouseClick(window.files.open_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(bare(shown(window).subject), CorrectedSubject)
                    and shown(window).picture is not None
                    and Pick("corrected") in shown(window).picture.maps)
    np.testing.assert_array_equal(values(window, "corrected"), after)
    assert "in files" in window.maps.source.text()
    window.close()  # corrected frames come back, in the layout that was chosen; a preview does not
    second = open_window()
    assert (second.keeper.found.shown, second.keeper.found.compared) == ((path,), ())
    qtbot.waitUntil(lambda: isinstance(bare(shown(second).subject), CorrectedSubject)
                    and shown(second).picture is not None)
    assert second.docks.layout is CORRECT


def test_nothing_is_cut_off_at_any_size(looking, qtbot):
    """Low and small screens too, with a pixel, whose words are long; steps have room for many of them."""
    window = looking
    window.session.set_pixel((3, 100, 60))
    click_switch(window, qtbot, "blc_noise")  # a long name with a change behind it
    for size in ((1680, 1050), (1440, 790), (1399, 768), (1024, 768)):
        window.resize(*size)
        window.docks.bring("job")
        qtbot.wait(30)
        assert (window.width(), window.height()) == size
        assert window.form.page.width() <= window.form._scroll.viewport().width()
        window.docks.bring("steps")
        qtbot.wait(30)
        table = window.steps.table
        assert sum(table.visualItemRect(table.item(row, 0)).bottom() < table.viewport().height()
                   for row in range(table.rowCount())) >= (9 if size[1] > 800 else 5)
    for size in ((1680, 1050), (1024, 768)):
        window.resize(*size)
        qtbot.wait(30)
    bars = [bar for bar in window.findChildren(QTabBar) if "Runs" in map(bar.tabText, range(bar.count()))]
    for tabs, place in ((bar, number) for bar in bars for number in range(bar.count())):
        assert tabs.tabRect(place).width() > tabs.fontMetrics().horizontalAdvance(tabs.tabText(place)) + 15
    editor, single = window.form.page.constants["offset"].editor, window.form.page.single
    assert not editor.isVisible()
    editor.set_value("/nowhere")
    window.form.page.constants["offset"].committed.emit("offset")
    assert single.heading.isChecked()  # what is wrong does not stay hidden
    assert "no such file" in window.form.reason.text()


def test_a_step_that_has_to_see_many_trains_says_which_it_has_seen(looking, qtbot):
    window = looking
    click_switch(window, qtbot, "mask_zero_std")
    qtbot.waitUntil(lambda: has_preview(window) and "mask_zero_std" in shown(window).subject.seconds(
        shown(window).picture))
    table = window.steps.table
    [row] = [i for i in range(table.rowCount()) if table.item(i, 0).data(Qt.ItemDataRole.UserRole) == "mask_zero_std"]
    qtbot.waitUntil(lambda: table.item(row, 0).text().endswith("\nof all 8 trains of its file"))
    assert "of all 8 trains of its file" in table.item(row, 0).toolTip()
    assert table.item(row, 3).text() not in ("", "off")


def test_constants_of_others_are_made_ready_with_a_count_that_is_seen(
        open_window, lit, looking, tmp_path, qtbot, monkeypatch):
    """The window lives meanwhile, and shows the same in the end."""
    ours = values(looking, "corrected").copy()
    looking.close()
    gate, opened = threading.Semaphore(0), by_cell.opened
    monkeypatch.setattr(by_cell, "_LITTLE", 1)
    monkeypatch.setattr(by_cell, "_TIMES", 1)
    monkeypatch.setattr(by_cell, "opened", lambda *words, **named: (gate.acquire(), opened(*words, **named))[1])
    window = open_window()
    window.session.out_folder = tmp_path / "others"
    window.session.constants_folder = facility_files(folder_of(lit), tmp_path / "facility")
    open_by_keys(window, qtbot, lit.data_root, "p900451 r4")
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: "constants of 0 of 1 modules are ready" in window.maps.source.text())
    for _ in range(100):
        gate.release()
    qtbot.waitUntil(lambda: has_preview(window))
    np.testing.assert_array_equal(values(window, "corrected"), ours)
    assert any("no memory cell lies alone" in note for note in shown(window).subject.notes)


def test_the_form_and_the_panel_have_one_switch(looking, qtbot):
    window = looking
    window.form.page.knobs.put("xray_gain", False)
    qtbot.waitUntil(lambda: has_preview(window) and window.session.results[1].unit == "ADU")
    [row] = [i for i in range(window.steps.table.rowCount())
             if window.steps.table.item(i, 0).data(Qt.ItemDataRole.UserRole) == "xray_gain"]
    assert window.steps.table.item(row, 0).checkState() == Qt.CheckState.Unchecked
    assert window.steps.table.item(row, 3).text() == "off"
    assert len(window.sources.entries) == 1  # the old one of keV went


def test_a_pixel_goes_through_the_chain_and_a_step_through_the_third_map(looking, qtbot):
    window = looking
    window.session.set_pixel((3, 100, 50))
    texts = {window.steps.table.item(i, 0).data(Qt.ItemDataRole.UserRole):
             [window.steps.table.item(i, column).text() for column in (1, 2)]
             for i in range(window.steps.table.rowCount())}
    raw, corrected = float(values(window, "raw")[100, 50]), float(values(window, "corrected")[100, 50])
    assert float(texts["offset"][0].removesuffix(" ADU")) == pytest.approx(raw, abs=0.06)
    assert float(texts["xray_gain"][1].removesuffix(" keV")) == pytest.approx(corrected, rel=1e-3)
    error = shown(window).subject.error(shown(window).picture, 3, 100, 50)
    assert f"{corrected:.4g} ± {error:.2g} keV" in window.steps.heading.text()
    table = window.steps.table
    [row] = [i for i in range(table.rowCount()) if table.item(i, 0).data(Qt.ItemDataRole.UserRole) == "offset"]
    middle = table.visualItemRect(table.item(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert window.maps.presenter.chosen[2].key == "effect_offset"
    [after] = [button for button in window.steps.ways.buttons() if button.objectName() == "after"]
    qtbot.mouseClick(after, Qt.MouseButton.LeftButton)
    assert window.maps.presenter.chosen[2].key == "after_offset"
    qtbot.waitUntil(lambda: window.maps.views[2]._title.text() == "After offset  [ADU]")


def test_a_preset_is_chosen_and_named_as_long_as_it_is_what_the_form_shows(looking, qtbot):
    presets = looking.form.page.preset.list
    assert presets.currentText() == "plain"
    presets.setCurrentIndex(presets.findText("published"))
    presets.activated.emit(presets.currentIndex())
    assert looking.session.spec.parameters["xray_gain"] is False
    qtbot.waitUntil(lambda: has_preview(looking) and looking.session.results[1].unit == "ADU")
    looking.form.page.knobs.put("xray_gain", True)
    assert presets.currentIndex() == -1
    assert presets.placeholderText() == "own values"


def test_numbers_are_of_the_frozen_picture(looking, qtbot):
    """Not of the chain that the form shows since; the heading says that they are older."""
    window = looking
    window.session.set_pixel((3, 100, 50))
    before = window.steps.heading.text()
    assert "before the last change" not in before
    window.session.set_frozen(True)
    old = window.session.subject.picture
    click_switch(window, qtbot, "rel_gain")
    qtbot.waitUntil(lambda: window.session.subject.picture is not old and not window.session.subject.busy)
    window.steps.refresh()
    assert shown(window).picture is old
    assert window.steps.heading.text() == f"{before} · before the last change"


def test_keys_go_through_trains_and_cells(looking, qtbot):
    window = looking
    first = values(window, "raw").copy()
    qtbot.keyClick(window.maps, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: shown(window).at["train"] == 1 and has_preview(window))
    assert not np.array_equal(values(window, "raw"), first)
    assert window.session.shown.place_text.endswith("train " + str(shown(window).axes["train"].labels[1]))


def test_what_cannot_be_is_told_where_the_switches_are(looking, lit, tmp_path, qtbot):
    window = looking
    editor = window.form.page.constants["constants"].editor
    editor.set_value(str(tmp_path))
    window.form.page.constants["constants"].committed.emit("constants")
    qtbot.waitUntil(lambda: window.steps.reason.text().startswith("!"))
    assert "has no" in window.steps.reason.text()


def test_a_finished_dark_corrects_its_own_run_in_two_clicks(open_window, darks, tmp_path, qtbot):
    """The check that operators make by hand: with its own offsets a dark is at zero."""
    window = open_window()
    window.session.out_folder = tmp_path / "proc"
    open_by_keys(window, qtbot, darks.data_root, "p900451 r1-3")
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state is State.DONE and window.sources_panel.correct_button.isEnabled())
    qtbot.mouseClick(window.sources_panel.correct_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: has_preview(window))
    assert window.docks.layout is CORRECT
    assert window.form.page.constants["constants"].value() == str(tmp_path / "proc")
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not isinstance(bare(window.session.subject), PreviewSubject))
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state is State.DONE and shown(window).picture is not None
                    and shown(window).picture.coverage.min() == 1)
    mean, noise = values(window, "mean"), np.nanmedian(shown(window).picture.maps.get(Pick("deviation"), 9.0))
    assert abs(np.nanmedian(mean)) < 5 * noise / np.sqrt(40)
    assert job.spec.out_folder == tmp_path / "corrected"
