"""The whole way of an operator: type runs, press Run, watch maps fill, get the bits of the command line."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from calib_core.axes import Pick
from calib_core.cli.main import main
from calib_core.jobs.board import State
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "0-1", "memory_cells": 3, "trains": 14, "proposal": 900450, "first_run": 12})
    return simulate(settings, tmp_path_factory.mktemp("data"))


@pytest.fixture
def operator(open_window, simulated, tmp_path, qtbot):
    """A window in which the runs have been opened by typing them."""
    window = open_window()
    window.session.out_folder = tmp_path / "constants"
    window.picker.set_root(simulated.data_root)
    qtbot.keyClicks(window.picker.box, "p900450 r12-14")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    return window


def run(window, qtbot):
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None)
    return window.session.subject.job


def test_the_window_gives_the_bits_of_the_command_line(operator, simulated, qtbot, tmp_path):
    pictures = []
    operator.session.picture_changed.connect(lambda: pictures.append(operator.session.shown.picture))
    job = run(operator, qtbot)
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE
    qtbot.waitUntil(lambda: pictures[-1] is not None and pictures[-1].coverage.min() == 1)
    assert len(pictures) > 1

    folder = simulated.runs["high"].parent
    words = ["AGIPD", "DARK", "--in-folder", str(folder), "--run-high", "12", "--run-med", "13", "--run-low", "14",
             "--out-folder", str(tmp_path / "typed")]
    assert main(words) == 0
    shown = {f"{c.pdu}/{c.calibration}": c.values() for c in list_constants(tmp_path / "constants")}
    typed = {f"{c.pdu}/{c.calibration}": c.values() for c in list_constants(tmp_path / "typed")}
    assert len(shown) == 8
    assert shown.keys() == typed.keys()
    for name, values in shown.items():
        np.testing.assert_array_equal(values, typed[name], err_msg=name)


def test_the_shown_map_is_that_of_the_constant(operator, qtbot, tmp_path):
    job = run(operator, qtbot)
    qtbot.waitUntil(lambda: job.board.state.ended)
    operator.session.look_at({"cell": 2, "gain": 1})
    qtbot.waitUntil(lambda: operator.session.shown.picture.view.at == {"cell": 2, "gain": 1})
    stored = {c.pdu: c.values() for c in list_constants(tmp_path / "constants") if c.calibration == "Offset"}
    for module, pdu in enumerate(sorted(stored)):
        np.testing.assert_array_equal(
            operator.session.shown.picture.maps[Pick("offset")][module], stored[pdu][1, 2].astype(np.float32))


def test_cancel_leaves_nothing_half_written(operator, qtbot, tmp_path):
    job = run(operator, qtbot)
    operator.cancel_job()
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state in (State.CANCELLED, State.DONE)
    whole = [str(c.path) for c in list_constants(tmp_path / "constants")] if job.board.outputs else []
    assert sorted(job.board.outputs) == sorted(whole)
    assert operator.isVisible()


def test_the_same_job_once_more_is_a_question(operator, qtbot, tmp_path):
    """Run twice: the second job writes nothing and asks; its answers show what is there, or write it again."""
    def answer(name):
        box = operator.form.repetition.box
        [button] = [one for one in box.buttons() if one.text() == name]
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not box.isVisible())

    def run_again():
        qtbot.mouseClick(operator.form.run_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: operator.jobs.jobs[0].board.state.ended)
        qtbot.waitUntil(lambda: (box := operator.form.repetition.box) is not None and box.isVisible())

    job = run(operator, qtbot)
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert operator.form.repetition.box is None
    run_again()
    assert "has written 8 constants at" in operator.form.repetition.box.informativeText()
    assert "has written 8 constants at" in operator.banner.message
    answer("Leave it")
    assert len(operator.jobs.jobs) == 2
    run_again()
    answer("Show them")
    qtbot.waitUntil(lambda: getattr(operator.session.subject, "state", "") == "on disk")
    assert len(operator.session.subject.files) == 8
    assert len(list_constants(tmp_path / "constants")) == 8
    run_again()
    answer("Write them again")
    qtbot.waitUntil(lambda: operator.jobs.jobs[0].board.state is State.DONE)
    assert len(list_constants(tmp_path / "constants")) == 16


def test_all_or_nothing_is_a_switch_of_the_form(operator, qtbot, tmp_path):
    [field] = [one for one in operator.form.page.resources.fields.values() if one.name == "all_or_nothing"]
    assert "--all-or-nothing" in field.editor.toolTip() or "all_or_nothing" in field.name
    field.editor.set_value(True)
    field.committed.emit("all_or_nothing")
    assert operator.form.spec().all_or_nothing
    job = run(operator, qtbot)
    assert job.spec.all_or_nothing
    job.cancel()
    qtbot.waitUntil(lambda: job.board.state.ended)
    if job.board.state is State.CANCELLED:
        assert list_constants(tmp_path / "constants") == ()
