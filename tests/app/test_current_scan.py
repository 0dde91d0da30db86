"""Scans of the current source from the window: typed, currents named, run, and a pixel explained for each current."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.explanation import Line, Points
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.cs import CurrentSource
from calib_core.simulate.truth import ModuleTruth

from .scans import explained, run_whole, typed

MODULE, ROW, COLUMN = 3, 99, 7  # that the first pattern charges
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": 120, "proposal": 900471,
    "dead_share": 0.0, "noisy_share": 0.0})
#: The second current alone brings pixels to low gain.
SCENE = CurrentSource(currents="40,120", single_steps=60, spacing=40, transition=2, order="0,1")
TIMES = {"single_steps": 60, "spacing": 40}


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


@pytest.fixture
def fitted(open_window, scans, tmp_path, qtbot):
    """A window in the layout that F7 brings, with the runs of both scans, and the finished job."""
    window = typed(open_window(), scans, "p900471 r1-4", TIMES, tmp_path / "proc", qtbot)
    qtbot.keyClicks(window.form.page.knobs.fields["currents"].editor, "40,120")
    return run_whole(window, qtbot)


def test_a_pixel_is_explained_for_each_current(fitted, qtbot):
    window, inspector = fitted, fitted.inspector
    # the runs charge no columns as the pulse capacitor does, so that they are offered for what they are
    assert window.form.page.survey.method.command == "CS"
    # two of four patterns, in two scans: their lines are half rows, more than there is room for
    charged = window.form.page.charged
    assert charged.told.text().splitlines() == [
        f"! Scan {one}: 512 of 1,024 half rows charged in exactly one run, 512 in none" for one in (1, 2)]
    assert len(charged.matrix.rows) == 4
    assert charged.matrix.rows[1].lines[:2] == (2, 6)
    assert 100 < charged.matrix.drawn < 1024
    titles = [one.heading for one in window.maps.presenter.chosen]
    assert titles == ["CS ratio", "CS slope HG [ADU/step]", "CS slope MG [ADU/step]", "CS slope LG [ADU/step]"]
    told = [one.text for one in window.session.subject.job.board.messages if one.level == "WARN"]
    assert any("in which they are tried: 40: " in one for one in told)
    assert not any("Nobody tells" in one for one in told)
    # the first current does not reach low gain, which is said beside its scan
    assert explained(window, qtbot, (MODULE, ROW, COLUMN))["samples LG"].value == 0
    assert "does not go through all gain stages" in inspector.samples.notes.text()
    before = inspector.samples.presenter.found
    window.session.look_at({"current": 1})
    qtbot.waitUntil(lambda: inspector.samples.presenter.found not in (before, None))
    found = inspector.samples.presenter.found
    numbers = {one.name: one for one in found.numbers}
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 120.0, 0)
    for stage, name in enumerate(("HG", "MG", "LG")):
        for what, true in (("slope", truth.slope), ("intercept", truth.intercept)):
            one = numbers[f"{what} {name}"]
            assert abs(one.value - true[stage, ROW, COLUMN]) < 5 * one.error, one
    assert abs(numbers["ratio M/L"].value - 4.48) < 5 * numbers["ratio M/L"].error
    assert not any(one.is_beyond for one in found.numbers)
    assert inspector.samples.notes.text() == ""
    plots = {one.shown.title: one for one in inspector.samples.view.plots}
    assert list(plots) == ["Scan", "Residuals", "Gain signal", "High gain"]
    groups = {one.name: one for one in plots["Scan"].shown.items if isinstance(one, Points)}
    assert {"high gain", "medium gain", "low gain", "left out"} == set(groups)
    lines = {one.name for one in plots["Scan"].shown.items if isinstance(one, Line)}
    assert lines == {"line HG", "line MG", "line LG"}
    left = {one.name: one for one in plots["Residuals"].shown.items if isinstance(one, Points)}
    low = groups["low gain"]
    expected = low.y - np.polyval(np.polyfit(low.x, low.y, 1), low.x)
    np.testing.assert_allclose(left["low gain"].y, expected, atol=0.1)
    assert max(one.x.max() for one in plots["High gain"].shown.items if isinstance(one, Points)) < 80


def test_maps_have_the_truth_of_the_current_that_fits_and_flags_elsewhere(fitted):
    window = fitted
    shown = window.session.shown
    slope = next(one for one in window.maps.presenter.chosen if one.title == "CS slope LG")
    [values] = slope.values(shown.picture)
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 120.0, 0).slope[2]
    charged = SCENE.pixels(shown.kind, 0) | SCENE.pixels(shown.kind, 1)
    assert np.isfinite(values[charged]).mean() > 0.98
    assert np.nanmedian(values[charged] / truth[charged]) == pytest.approx(1, abs=0.005)
    assert np.isnan(values[~charged]).all()
