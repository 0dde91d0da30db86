"""Scans of the current source against what NumPy makes of their truth, read by EXtra-data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector.registry import detector_type
from calib_core.errors import BadParameter
from calib_core.simulate import Settings, default_settings, read_truth, simulate
from calib_core.simulate.scenes.cs import CurrentSource
from calib_core.simulate.truth import ModuleTruth

SHORT = {"lost_samples": 0.0, "transition": 2, "single_steps": 30}


def settings(**changes) -> Settings:
    return default_settings("AGIPD500K").with_changes(
        {"modules": "3", "memory_cells": 4, "trains": 300, "dead_share": 0.01, "noisy_share": 0.0,
         "high_offset_share": 0.0, **changes})


def charged(pattern: int) -> np.ndarray:
    """As the toolbox has it: every fourth of 512, 3 - r, 7 - r, … in the one half of 64, r, r + 4, … in the other."""
    found = np.zeros((512, 128), bool)
    found[3 - pattern::4, :64] = True
    found[pattern::4, 64:] = True
    return found


def times(steps: np.ndarray) -> np.ndarray:
    """From 3 to 33, then 43, 53 and so on."""
    return np.concatenate([np.arange(3, 34), np.arange(43, 10000, 10)])[steps]


def test_times_of_a_whole_scan_are_those_of_the_toolbox() -> None:
    scene = CurrentSource()
    assert [scene.position(one) for one in (0, 1, 199, 200, 201, 202)] == [3, 4, 202, 203, 213, 223]


@pytest.mark.parametrize(("pattern", "number"), [(0, 0), (2, 1)])
def test_charged_pixels_go_through_all_stages_and_the_others_stay_dark(pattern: int, number: int) -> None:
    scene, made = CurrentSource(**SHORT), settings()
    truth = ModuleTruth(made, 3)
    current = (80.0, 150.0)[number]
    own = scene.truth_of(truth, current, 2)
    run = scene.runs(made)[4 * number + pattern]
    assert run.control == {"charged": pattern, "current": current}
    steps = np.array([0, 9, 29, 30, 31, 60, 150, 230, 290])
    source = scene.source(made, truth, run.parts[0], np.array([2]))
    block, _ = source.block(steps.astype(np.uint64), np.array([2]), steps / (made.trains - 1) - 0.5)
    here, good, seen = charged(pattern), truth.bad == 0, set()
    for (signal, code), x in zip(block.astype(float), times(steps), strict=True):
        stage = np.where(here, (x > own.switch).sum(axis=0), 0)
        line = np.take_along_axis(own.intercept + own.slope * x, stage[None], 0)[0]
        clear = good & (np.abs(x - own.switch) > 2).all(axis=0)
        sigma = np.take_along_axis(np.array([truth.noise(one) for one in range(3)]), stage[None], 0)[0]
        level = np.take_along_axis(np.array([truth.gain_signal(one, 2) for one in range(3)]), stage[None], 0)[0]
        expected = np.where(here, line, truth.offset(0, 2))
        for pull in ((signal - expected)[clear] / sigma[clear], (code - level)[clear] / 40):
            assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
            assert pull.std() == pytest.approx(1, abs=0.03)  # the gain signal's noise has a spread of its own
        seen |= set(stage[clear].tolist())
    assert seen == {0, 1, 2}
    assert (block[:, 0][:, truth.dead] == 0).all()


def test_lines_are_those_of_the_gains_and_begin_after_the_dead_time() -> None:
    scene, truth = CurrentSource(current_spread=0.0, dead_time=2.0), ModuleTruth(settings(), 3)
    own = scene.truth_of(truth, 80.0, 1)
    for stage in range(3):
        assert own.slope[stage] == pytest.approx(0.17 * 80 * truth.gain(stage, 1), rel=1e-5)
        begin = own.intercept[stage] + 2 * own.slope[stage]
        assert begin == pytest.approx(truth.offset(stage, 1) - truth.above_line(stage), abs=0.01)
    assert own.ratio == pytest.approx(4.48, rel=1e-5)
    assert own.switch[1] == pytest.approx(2 + truth.switch(1) / own.slope[1], rel=1e-5)
    half = scene.truth_of(truth, 40.0, 1)
    assert half.slope == pytest.approx(own.slope / 2, rel=1e-5)


def test_runs_are_of_currents_and_patterns_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    made = settings(trains=6, memory_cells=4)
    scene = CurrentSource(**SHORT, currents="20, 80.5", order="3,1", charged_twice=0)
    written = simulate(made, tmp_path, scene=scene)
    assert sorted(written.runs, key=lambda role: written.runs[role].name) == ["cs0_3", "cs0_1", "cs1_3", "cs1_1"]
    data = RunDirectory(written.runs["cs1_1"])["HED_DET_AGIPD500K2G/DET/3CH0:xtdf", "image.data"].ndarray()
    first, last = (data[index, 0].astype(float) for index in (0, -4))
    own = scene.truth_of(ModuleTruth(made, 3), 80.5, 0)
    good = ModuleTruth(made, 3).bad == 0
    rise = (last - first) / (own.slope[0] * 5)
    for pattern in (0, 1):
        assert np.median(rise[charged(pattern) & good]) == pytest.approx(1, abs=0.02)
    dark = ~charged(0) & ~charged(1) & good
    assert abs(np.median((last - first)[dark])) < 2
    assert read_truth(written.truth_file).scene == scene


@pytest.mark.parametrize(("changes", "of_run", "told"), [
    ({"order": "0,4"}, {}, "no pattern 4"), ({}, {"detector_type": "JUNGFRAU"}, "no current source"),
    ({"currents": ""}, {}, "numbers above 0"), ({"currents": "80,x"}, {}, "'x' is no number"),
    ({}, {"fixed_gain": True}, "fixed_gain = True is not allowed in scans"),
])
def test_what_cannot_be_is_refused(changes, of_run, told: str) -> None:
    made = settings() if "detector_type" not in of_run else default_settings(detector_type("JUNGFRAU").name)
    with pytest.raises(BadParameter, match=told):
        CurrentSource(**changes).check(made.with_changes({k: v for k, v in of_run.items() if k != "detector_type"}))
