"""Another constant for one module in two clicks, all neutral in two, and back."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import timedelta

import h5py
import numpy as np
import pytest
from PyQt6.QtCore import Qt, QTimer

from app.panels.start.constants_list import AS_CHOSEN, NEUTRAL_TEXT, NOT_NEUTRAL
from app.panels.start.job_page import SINGLE
from calib_core.axes import Pick
from calib_core.cli.command_line import command_line
from calib_core.jobs.board import State
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import DRAFTS_HELP

from .test_preview import has_preview, open_by_keys, shown, values

#: What offsets of the older version lie above those of the truth by, ADU.
SHIFT = 40.0


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    """A run of two modules, and of one of them offsets that are 30 hours older and of another bias voltage."""
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "3-4", "memory_cells": 2, "proposal": 900451, "trains": 8, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("lit"), scene=Photons(photons=300.0))
    write_truth(made)
    offset = offset_of(folder_of(made), 3)
    said = dict(offset.attributes["conditions"])
    said["Sensor Bias Voltage"] = {**said["Sensor Bias Voltage"], "value": 200.0}
    return made, put_version(offset, "cal.1600000000.000000000.h5", -30, SHIFT, said)


def offset_of(root, module):
    [offset] = [one for one in list_constants(root)
                if one.calibration == "Offset" and one.attributes["module"] == module]
    return offset


def put_version(offset, name, hours, shift, conditions):
    """Offsets beside others that lie above them, and hold from so long after them on, by h5py alone."""
    path = offset.path.with_name(name)
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{offset.pdu}/Offset/0")
        group["data"] = offset.data() + shift
        group["data"].attrs.create("dims", list(offset.dims), dtype=h5py.string_dtype())
        group.attrs["begin_validity"] = (offset.begin + timedelta(hours=hours)).isoformat()
        group.attrs["conditions"] = json.dumps(conditions)
        group.attrs["module"] = offset.attributes["module"]
    return path


@pytest.fixture
def looking(open_window, lit, tmp_path, qtbot):
    return look(open_window(), lit[0], folder_of(lit[0]), tmp_path, qtbot)


def look(window, made, constants, tmp_path, qtbot):
    """The window with the preview of the run with the constants of a folder."""
    window.resize(1680, 1050)
    window.session.out_folder = tmp_path / "proc"
    window.session.constants_folder = constants
    open_by_keys(window, qtbot, made.data_root, "p900451 r4")
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: has_preview(window))
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def row_of(window, text):
    table = window.steps.constants.table
    [row] = [i for i in range(table.rowCount()) if table.item(i, 0).text().removeprefix("! ") == text]
    return row


def click_row(window, qtbot, text):
    """Click a constant's row, and wait for the menu of its versions."""
    table = window.steps.constants.table
    item = table.item(row_of(window, text), 0)
    table.scrollToItem(item)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(item).center())
    qtbot.waitUntil(window.steps.constants.menu.isVisible)
    return window.steps.constants.menu


def click_action(qtbot, menu, part):
    [action] = [one for one in menu.actions() if part in one.text()]
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def click_all(window, qtbot, text):
    """Click the button of all constants, and one of its menu, which is there until it is left."""
    button = window.steps.constants.all_button
    window.activateWindow()  # docks that move take this away where there is no window manager
    qtbot.waitUntil(window.isActiveWindow)

    def click_once_it_is_there():
        if button.menu().isVisible():
            click_action(qtbot, button.menu(), text)
        else:
            QTimer.singleShot(20, click_once_it_is_there)

    QTimer.singleShot(20, click_once_it_is_there)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_each_constant_is_shown_with_its_age_and_what_just_missed(looking, lit):
    list_of, (_, older) = looking.steps.constants, lit
    row = row_of(looking, "3  Offset")
    age, missed = (list_of.table.item(row, column).text() for column in (1, 2))
    assert age == "at the begin of the run"
    assert missed.startswith("30 h before the run (Sensor Bias Voltage differs: 200")
    tooltip = list_of.table.item(row, 0).toolTip()
    assert "compared: " in tooltip
    assert "Sensor Bias Voltage 300 V" in tooltip
    assert str(older) in tooltip
    assert list_of.table.item(row_of(looking, "4  Offset"), 2).text() == ""
    for kind, said in (("BadPixelsFF", "AGIPD FF makes it"), ("RelativeGain", "AGIPD COMBINE makes it")):
        item = list_of.table.item(row_of(looking, f"3  {kind}"), 1)
        assert (item.text(), said in item.toolTip()) == ("none", True)


def test_another_version_for_one_module_is_two_clicks_and_back_again_two(looking, lit, qtbot):
    window, (_, older) = looking, lit
    window.form.page.knobs.put("xray_gain", False)  # so that all is in ADU
    window.form.page.knobs.put("rel_gain", False)
    qtbot.waitUntil(lambda: has_preview(window) and window.session.results[1].unit == "ADU")
    subject = window.session.subject
    place = [list(shown(window).picture.modules).index(number) for number in (3, 4)]
    before = shown(window).picture.maps[Pick("corrected")].copy()
    menu = click_row(window, qtbot, "3  Offset")
    texts = [one.text() for one in menu.actions() if one.text()]
    assert texts[0].startswith("at the begin of the run")
    assert texts[1].startswith(f"30 h before the run  ·  {older.name}  ! Sensor Bias Voltage differs: 200")
    assert texts[2:] == [AS_CHOSEN, NEUTRAL_TEXT]
    click_action(qtbot, menu, older.name)
    assert window.session.spec.constants == {3: {"Offset": str(older)}}
    assert window.form.page.by_hand.value() == f"3:Offset={older}"
    single = window.form.page.single  # lines that stand for themselves are folded away, and told
    assert (single.heading.text(), single.heading.isChecked()) == (f"{SINGLE}  (* 1 changed)", False)
    assert f"--constant 3:Offset={older}" in command_line(window.session.spec)
    qtbot.waitUntil(lambda: has_preview(window) and not np.array_equal(
        shown(window).picture.maps[Pick("corrected")], before, True))
    after = shown(window).picture.maps[Pick("corrected")]
    np.testing.assert_allclose((after - before)[place[0]], -SHIFT, atol=0.01)
    np.testing.assert_array_equal(after[place[1]], before[place[1]])
    assert window.session.subject is subject, "the run is not opened again"
    item = window.steps.constants.table.item(row_of(window, "3  Offset"), 0)
    assert item.text().startswith("! ")
    assert "given by hand" in item.toolTip()
    assert any("is of another operating condition than the run" in note for note in window.session.subject.notes)
    click_action(qtbot, click_row(window, qtbot, "3  Offset"), AS_CHOSEN)
    assert window.session.spec.constants == {}
    assert single.heading.text() == SINGLE
    qtbot.waitUntil(lambda: has_preview(window) and np.array_equal(
        shown(window).picture.maps[Pick("corrected")], before, True))


def test_the_closest_is_taken_by_one_choice_and_a_later_one_is_marked(open_window, lit, tmp_path, qtbot):
    made, _ = lit
    root = shutil.copytree(folder_of(made), tmp_path / "c")
    offset = offset_of(root, 4)
    put_version(offset, "cal.1600000000.000000000.h5", -30, 0.0, offset.attributes["conditions"])
    later = put_version(offset, "cal.1600000001.000000000.h5", 5, SHIFT, offset.attributes["conditions"])
    offset.path.unlink()
    window = look(open_window(), made, root, tmp_path, qtbot)
    window.form.page.knobs.put("xray_gain", False)  # so that all is in ADU
    window.form.page.knobs.put("rel_gain", False)
    qtbot.waitUntil(lambda: has_preview(window) and window.session.results[1].unit == "ADU")
    before = shown(window).picture.maps[Pick("corrected")].copy()
    row = row_of(window, "4  Offset")
    texts = [window.steps.constants.table.item(row, column).text() for column in range(3)]
    assert texts == ["4  Offset", "30 h before the run", "later than the run by 5 h (valid only after the run began)"]
    window.form.page.knobs.fields["constants_strategy"].editor.setFocus()
    qtbot.keyClick(window.form.page.knobs.fields["constants_strategy"].editor, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.session.spec.parameters.get("constants_strategy") == "closest")
    assert "--constants-strategy closest" in command_line(window.session.spec)
    qtbot.waitUntil(lambda: has_preview(window) and not np.array_equal(
        shown(window).picture.maps[Pick("corrected")], before, True))
    place = list(shown(window).picture.modules).index(4)
    after = shown(window).picture.maps[Pick("corrected")]
    np.testing.assert_allclose((after - before)[place], -SHIFT, atol=0.01)
    np.testing.assert_array_equal(np.delete(after, place, 0), np.delete(before, place, 0))
    items = [window.steps.constants.table.item(row_of(window, "4  Offset"), column) for column in range(3)]
    assert [one.text() for one in items] == [
        "! 4  Offset", "later than the run by 5 h", "30 h before the run (another is closer)"]
    assert "chosen by condition, the closest in time" in items[0].toolTip()
    assert any(f"Offset of module 4 ({later}) is valid from" in note and "it is closer than any before" in note
               for note in window.session.subject.notes)


def test_drafts_of_the_store_are_taken_by_a_switch_of_the_form(open_window, lit, tmp_path, qtbot):
    """Off, a store's drafts do not count, and the sentence names the switch as the command line has it."""
    made, older = lit
    with closing(LocalStore(tmp_path / "store", create=True)) as store:
        paths = [one.path for one in list_constants(folder_of(made)) if one.path != older]
        inject(store, candidates_of(store, paths, ByOperator(conditions={"Source energy": 9.2}, confirmed=True)),
               "anna", "trial")
    window = open_window()
    window.resize(1680, 1050)
    window.session.out_folder = tmp_path / "proc"
    open_by_keys(window, qtbot, made.data_root, "p900451 r4")
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.corrects)
    page = window.form.page
    line, drafts = page.constants["constants"], page.taking.fields["drafts"]
    assert DRAFTS_HELP.capitalize() in drafts.editor.toolTip()
    assert "--drafts" in drafts.editor.toolTip()
    line.editor.set_value("store")
    line.committed.emit("constants")
    qtbot.waitUntil(lambda: "(--drafts takes them)" in window.steps.reason.text())
    drafts.editor.setFocus()
    qtbot.keyClick(drafts.editor, Qt.Key.Key_Space)
    assert "--drafts" in command_line(window.session.spec).split()
    qtbot.waitUntil(lambda: has_preview(window))
    tooltip = window.steps.constants.table.item(row_of(window, "3  Offset"), 0).toolTip()
    assert str(tmp_path / "store") in tooltip
    assert page.asked().drafts


def test_what_has_no_neutral_value_is_not_offered_as_such(looking, qtbot):
    menu = click_row(looking, qtbot, "4  SlopesPC")
    [last] = [one for one in menu.actions() if one.text() == NOT_NEUTRAL]
    assert not last.isEnabled()
    assert menu.actions()[0].text().startswith("at the begin of the run")


def test_all_constants_are_neutral_in_two_clicks_and_files_say_so(looking, tmp_path, qtbot):
    window = looking
    click_all(window, qtbot, NEUTRAL_TEXT)
    assert window.session.spec.inputs["constants"] == ("neutral",)
    qtbot.waitUntil(lambda: has_preview(window) and window.session.results[1].unit == "ADU")
    np.testing.assert_array_equal(values(window, "corrected"), values(window, "raw"))
    assert not values(window, "bad_pixels").any()
    assert window.steps.constants.table.item(row_of(window, "3  Offset"), 1).text() == "neutral"
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hasattr(window.session.subject, "job"))
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    path = min(job.spec.out_folder.glob("CORR-*.h5"))
    with h5py.File(path) as file:
        [source] = file["INSTRUMENT/SPB_DET_AGIPD1M-1/CORR"].values()
        assert json.loads(source.attrs["constants"])["Offset"] == {"chosen": "neutral"}


def test_neutral_helps_where_there_are_no_constants(open_window, lit, tmp_path, qtbot):
    """At the start of a beam time."""
    window, (made, _) = open_window(), lit
    window.resize(1680, 1050)
    window.session.out_folder = tmp_path / "proc"
    open_by_keys(window, qtbot, made.data_root, "p900451 r4")
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.corrects)
    assert window.session.spec is None
    assert window.steps.constants.all_button.isVisible()
    click_all(window, qtbot, NEUTRAL_TEXT)
    qtbot.waitUntil(lambda: has_preview(window))
    np.testing.assert_array_equal(values(window, "corrected"), values(window, "raw"))
    click_all(window, qtbot, AS_CHOSEN)
    assert window.form.page.constants["constants"].value() == ""
    assert "Nothing was given for Offset" in window.form.reason.text()


def test_what_cannot_be_given_by_hand_is_told_at_its_line(looking, qtbot):
    window = looking
    field = window.form.page.by_hand
    field.editor.set_value("3:Offset")
    field.committed.emit("by_hand")
    assert "is not of the form N:KIND=FILE" in field.error.text()
    assert "is not of the form N:KIND=FILE" in window.form.reason.text()
    field.editor.set_value("3:Offset=/nowhere.h5")
    field.committed.emit("by_hand")
    qtbot.waitUntil(lambda: "/nowhere.h5 cannot be read" in window.steps.reason.text())
