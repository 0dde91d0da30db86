"""Scans of the pulse capacitor against what NumPy makes of their truth, read by EXtra-data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector.registry import detector_type
from calib_core.errors import BadParameter
from calib_core.simulate import Settings, default_settings, simulate
from calib_core.simulate.scenes.pc import SOURCE, PulseCapacitor
from calib_core.simulate.truth import ModuleTruth

#: A scan that is short in steps, of more charge each: pixels switch near step 20.
SHORT = {"step_charge": 41.7, "lost_samples": 0.0, "hook_length": 6.0, "transition": 2}


def settings(**changes) -> Settings:
    return default_settings("AGIPD500K").with_changes(
        {"modules": "3", "memory_cells": 4, "trains": 60, "dead_share": 0.01, "noisy_share": 0.0,
         "high_offset_share": 0.0, **changes})


def frames(scene: PulseCapacitor, made: Settings, pattern: int, cell: int, steps) -> tuple[np.ndarray, np.ndarray]:
    """Signal and gain signal of a module in a run, at steps of a scan that begins with the run."""
    source = scene.source(made, ModuleTruth(made, 3), SOURCE + pattern, np.array([cell]))
    place = np.array(steps) / (made.trains - 1) - 0.5
    block, _ = source.block(np.array(steps, np.uint64), np.array([cell]), place)
    return block[:, 0].astype(float), block[:, 1].astype(float)


def columns(pattern: int) -> list[int]:
    """As the facility has them: 7 - r, 15 - r, … in the one half, 64 + r, 72 + r, … in the other."""
    return [8 * i + 7 - pattern for i in range(8)] + [64 + 8 * i + pattern for i in range(8)]


@pytest.mark.parametrize("pattern", [0, 5])
def test_charged_columns_follow_their_lines_and_the_others_stay_dark(pattern: int) -> None:
    scene, made = PulseCapacitor(**SHORT), settings()
    truth = ModuleTruth(made, 3)
    own = scene.truth_of(truth, 2)
    steps = np.array([0, 5, 10, 40, 55])
    signal, code = frames(scene, made, pattern, 2, steps)
    charged = np.zeros(128, bool)
    charged[columns(pattern)] = True
    good = truth.bad == 0
    for one, step in zip(signal, steps, strict=True):
        past = step - own.switch
        high = own.intercept_high + own.slope_high * step
        medium = (own.intercept_medium + own.slope_medium * step
                  + own.hook_height * np.exp(-np.maximum(past, 0) / own.hook_length))
        clear = good & (np.abs(past) > 2)
        expected = np.where(charged & (past > 0), medium, np.where(charged, high, truth.offset(0, 2)))
        sigma = np.where(charged & (past > 0), truth.noise(1), truth.noise(0))
        pull = (one - expected)[clear] / sigma[clear]
        assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
        assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(2 * pull.size))
    medium = charged & (own.switch < 38) & good
    for stage, here in enumerate((~charged & good, medium)):
        rest = (code[3] - truth.gain_signal(stage, 2))[here]
        assert abs(rest.mean()) < 5 * 40 / np.sqrt(rest.size)
    assert (signal[:, truth.dead] == 0).all()


def test_pixels_switch_where_they_would_with_light_and_lines_are_of_the_truth_of_gains() -> None:
    scene, truth = PulseCapacitor(capacitor_spread=0.0), ModuleTruth(settings(), 3)
    own = scene.truth_of(truth, 1)
    assert own.slope_high == pytest.approx(4.17 * truth.gain(0, 1))
    assert own.ratio == pytest.approx(truth.gain(0, 1) / truth.gain(1, 1), rel=1e-6)
    assert own.switch == pytest.approx(truth.switch(0) / own.slope_high, rel=1e-6)
    assert np.median(own.switch) == pytest.approx(200, abs=5)
    assert np.mean(truth.offset(1, 1)[~truth.dead] - own.intercept_medium[~truth.dead]) == pytest.approx(20, abs=0.5)


def test_signal_is_lacking_before_the_switch() -> None:
    made = settings(dead_share=0.0)
    both = [frames(PulseCapacitor(**SHORT, compression=share), made, 0, 0, [18])[0][0] for share in (0.0, 0.02)]
    own = PulseCapacitor(**SHORT).truth_of(ModuleTruth(made, 3), 0)
    here = np.zeros((512, 128), bool)
    here[:, columns(0)] = True
    here &= own.switch > 18 + 2
    lacking = (both[0] - both[1])[here] / (own.slope_high * 18)[here]
    assert lacking.mean() == pytest.approx((0.02 * 18 / own.switch[here]).mean(), abs=3e-4)


def test_samples_are_lost_in_both_planes() -> None:
    scene = PulseCapacitor(**{**SHORT, "lost_samples": 0.05})
    signal, code = frames(scene, settings(dead_share=0.0), 0, 0, range(4))
    assert ((signal == 0) == (code == 0)).all()
    assert np.mean(signal == 0) == pytest.approx(0.05, abs=5 * np.sqrt(0.05 / signal.size))


def test_the_gain_signal_rises_and_has_anything_between_near_the_switch() -> None:
    scene, made = PulseCapacitor(**{**SHORT, "code_rise": 3.0}), settings(dead_share=0.0)
    truth = ModuleTruth(made, 3)
    _, code = frames(scene, made, 1, 0, [10, 12])
    rise = scene.rise(truth)
    assert (rise.min(), rise.max()) == (pytest.approx(0, abs=0.01), pytest.approx(3, abs=0.01))
    own = scene.truth_of(truth, 0)
    here = np.zeros((512, 128), bool)
    here[:, columns(1)] = True
    rest = (code[0] - truth.gain_signal(0, 0) - 10 * rise)[here & (own.switch > 12)]
    assert abs(rest.mean()) < 5 * 40 / np.sqrt(rest.size)
    _, near = frames(scene, made, 1, 0, np.arange(12, 30))
    mixed = here & (np.abs(own.switch - 20) < 0.5)
    share = ((near[8] - truth.gain_signal(0, 0) - 20 * rise)[mixed]
             / (truth.gain_signal(1, 0) - truth.gain_signal(0, 0))[mixed])
    assert np.percentile(share, [25, 50, 75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.05)


def test_runs_scans_and_patterns_are_as_asked_for(tmp_path: Path) -> None:
    made = settings(trains=8, memory_cells=4)
    scene = PulseCapacitor(**SHORT, order="3,0", charged_twice=2, steps=5, phase=2)
    written = simulate(made, tmp_path, scene=scene)
    assert list(written.runs) == ["pc0", "pc3"]
    assert written.runs["pc3"].name < written.runs["pc0"].name
    run = RunDirectory(written.runs["pc3"])
    comp = "HED_EXP_AGIPD500K2G/MDL/FPGA_COMP"
    assert set(run[comp, "pcRowNr.value"].ndarray()) == {3}
    data = run["HED_DET_AGIPD500K2G/DET/3CH0:xtdf", "image.data"].ndarray()[::4, 0].astype(float)
    own = scene.truth_of(ModuleTruth(made, 3), 0)
    steps = [3, 4, 0, 1, 2, 3, 4, 0]
    for charged in (columns(3), columns(2)):
        level = (data[:, :, charged] - own.intercept_high[:, charged]) / own.slope_high[:, charged]
        assert np.median(level, axis=(1, 2)) == pytest.approx(steps, abs=0.02)
    others = sorted(set(range(128)) - {*columns(3), *columns(2)})
    assert np.ptp(np.median(data[:, :, others], axis=(1, 2))) < 2


@pytest.mark.parametrize(("changes", "of_run", "told"), [
    ({"order": "0,8"}, {}, "no pattern 8"), ({}, {"detector_type": "JUNGFRAU"}, "no pulse capacitor"),
    ({}, {"cosmic_rate": 1.0}, "cosmic_rate = 1.0 is not allowed in scans"),
])
def test_what_cannot_be_is_refused(changes, of_run, told: str) -> None:
    made = settings() if "detector_type" not in of_run else default_settings(detector_type("JUNGFRAU").name)
    with pytest.raises(BadParameter, match=told):
        PulseCapacitor(**changes).check(made.with_changes({k: v for k, v in of_run.items() if k != "detector_type"}))
