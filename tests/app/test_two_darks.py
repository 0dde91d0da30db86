"""Darks of two gain settings from the window: typed, told apart, run, and both stages looked at."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from calib_core.axes import Pick
from calib_core.jobs.board import State
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.truth import ModuleTruth

MODULE = 1
HIGH = default_settings("EPIX10K").with_changes({"trains": 40, "proposal": 900481})
#: Recorded first, so that runs in their order are not in that of the gain stages.
LOW = HIGH.with_changes({"gain_setting": 2, "level_set": "low"})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("darks")
    simulate(LOW, root)
    return simulate(HIGH.with_changes({"first_run": 2}), root).data_root


def test_both_runs_are_one_set_of_constants(open_window, runs, tmp_path, qtbot):
    window = open_window()
    window.session.out_folder = tmp_path / "proc"
    window.picker.set_root(runs)
    qtbot.keyClicks(window.picker.box, "p900481 r1-2")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.session.spec is not None)
    assert {name: path.rpartition("/")[2] for name, (path,) in window.session.spec.inputs.items()} == {
        "dark": "r0002", "low": "r0001"}
    assert "Runs re-ordered by gain stage" in window.form.page.survey.notes[0]
    setting = window.form.page.survey.condition.values["gain_setting"]
    assert (setting.value, setting.sure) == (3.0, True)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.jobs.jobs and window.jobs.jobs[0].board.state.ended)
    assert window.jobs.jobs[0].board.state is State.DONE, window.jobs.jobs[0].board.error
    qtbot.waitUntil(lambda: window.session.shown.picture is not None
                    and window.session.shown.picture.coverage.min() == 1)
    assert window.session.axes["gain"].labels == ("G", "L")
    for index, settings in enumerate((HIGH, LOW)):
        window.session.look_at({"gain": index})
        qtbot.waitUntil(lambda index=index: window.session.shown.at["gain"] == index)
        [found] = window.session.shown.picture.maps[Pick("offset")]
        truth = ModuleTruth(settings, MODULE)
        good = truth.bad == 0
        error = np.median(truth.noise(0)[good]) / np.sqrt(settings.trains)
        off = (found - truth.offset(0, 0))[good]
        assert abs(np.median(off)) < 0.05 * error
        assert 1.4826 * np.median(np.abs(off)) == pytest.approx(error, rel=0.05)
