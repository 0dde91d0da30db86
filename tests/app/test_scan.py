"""A scan of the pulse capacitor from the window: typed, run, looked at, and a pixel explained by a click."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from calib_core.jobs.board import State
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.truth import ModuleTruth

MODULE, ROW, COLUMN = 3, 100, 7  # that the first pattern charges
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": 100, "proposal": 900461,
    "dead_share": 0.0, "noisy_share": 0.0})
SCENE = PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2, order="0,1,2,3")


SHORT = {"margin_hg": 4, "margin_mg": 5, "hook_c": [2.0, 40.0]}


def is_whole(picture) -> bool:
    return picture is not None and picture.coverage.min() == 1


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


def test_a_pixel_of_a_scan_is_explained(open_window, scans, tmp_path, qtbot):
    window = open_window()
    window.session.out_folder = tmp_path / "proc"
    window.picker.set_root(scans.data_root)
    qtbot.keyClicks(window.picker.box, "p900461 r1-4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.form.page is not None)
    # more runs than darks take: it is the scan that is offered
    assert window.form.page.survey.method.command == "PC"
    for name, value in SHORT.items():
        window.form.page.knobs.put(name, value)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None)
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended, timeout=60000)
    assert job.board.state is State.DONE, job.board.error
    qtbot.waitUntil(lambda: is_whole(window.session.shown.picture))
    titles = [one.heading for one in window.maps.presenter.chosen]
    assert "PC slope HG [ADU/step]" in titles
    window.session.set_pixel((MODULE, ROW, COLUMN))
    inspector = window.inspector
    inspector.tabs.setCurrentIndex(2)
    qtbot.mouseClick(inspector.read_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "slope HG" in inspector.samples_text.text())
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0)
    said = dict(part.split(" ± ")[0].rsplit(" ", 1) for part in inspector.samples_text.text().split(", ")
                if " ± " in part)
    assert float(said["slope HG"]) == pytest.approx(truth.slope_high[ROW, COLUMN], rel=0.02)
    assert float(said["intercept MG"]) == pytest.approx(truth.intercept_medium[ROW, COLUMN], abs=40)
    plots = [inspector.plots.itemText(i) for i in range(inspector.plots.count())]
    assert plots == ["Scan", "Medium gain", "Residuals", "Gain signal", "Clusters"]
    for number, title in enumerate(plots):
        inspector.plots.setCurrentIndex(number)
        assert inspector.samples.plot.getPlotItem().titleLabel.text == title
        drawn = inspector.samples.plot.getPlotItem().listDataItems()
        assert sum(len(one.xData) for one in drawn if one.opts["symbol"] is not None) > 50
    # a column that no run charges has nothing to read
    window.session.set_pixel((MODULE, ROW, 0))
    qtbot.mouseClick(inspector.read_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no run for this place" in window.banner.message)


def test_the_maps_show_the_truth_of_charged_columns_and_flags_elsewhere(open_window, scans, tmp_path, qtbot):
    from calib_core.jobs.survey import survey

    window = open_window()
    spec = survey(sorted(scans.runs.values())).spec(
        tmp_path / "out", parameters=SHORT)
    job = window.session.start(spec)
    qtbot.waitUntil(lambda: job.board.state.ended, timeout=60000)
    qtbot.waitUntil(lambda: is_whole(window.session.shown.picture))
    shown, presenter = window.session.shown, window.maps.presenter
    slope = next(one for one in presenter.chosen if one.title == "PC slope HG")
    [values] = slope.values(shown.picture)
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0).slope_high
    charged = sorted(column for pattern in range(4) for column in SCENE.columns(shown.kind, pattern))
    assert np.isfinite(values[:, charged]).mean() > 0.99
    assert np.nanmedian(np.abs(values[:, charged] / truth[:, charged] - 1)) < 0.01
    assert np.isnan(np.delete(values, charged, axis=1)).all()
