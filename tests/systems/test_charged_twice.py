"""Pixels that two runs charge, two scans in each run, and memory cells without frames, through the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.current_fits import TWICE
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import CS_PARAMETERS, PC_FIT, PC_PARAMETERS
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scan import ScanScene
from calib_core.simulate.scenes.cs import CurrentSource
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.truth import ModuleTruth

from .command import Result

Array = Any
MODULE, STEPS, SHAPE = 3, 80, (512, 128)
#: Of two memory cells the first has all frames.
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 2, "frames_per_train": 1, "trains": 200, "trains_per_sequence": 120})
NO_DATA = np.uint32(BadPixels.NO_DARK_DATA)
#: Two scans in each run; the run of the third pattern charges the pixels of the second too.
CAPACITOR = PulseCapacitor(step_charge=30.0, hook_height=0.0, transition=2, order="1,2", charged_twice=1, steps=STEPS)
CURRENT = CurrentSource(currents="120", single_steps=80, spacing=25, transition=2, order="1,2", charged_twice=1)


@dataclass
class Made:
    """Constants of a job by kind, and what it said."""

    constants: dict[str, Array]
    warnings: list[str]


def made(scene: ScanScene, trains: int, method: str, folder: Path, capsys: Any, *more: str) -> Made:
    runs = simulate(SETTINGS.with_changes({"trains": trains}), folder / "in", scene=scene).runs.values()
    out = folder / "out"
    result = Result(["AGIPD", method, "--runs", *map(str, runs), "--out-folder", str(out), "-q", *more], out, capsys)
    assert result.status == 0, result.errors
    return Made(result.constants[MODULE], result.warnings)


def charged_by(injection: str, pattern: int) -> Array:
    """Pixels of a pattern: every eighth column, or every fourth row, mirrored in the first half of a module."""
    rows, columns = np.indices(SHAPE)
    place, every = (columns % 64, 8) if injection == "capacitor" else (rows, 4)
    return np.where(columns < 64, place % every == every - 1 - pattern, place % every == pattern)


def check_flags(found: Made, injection: str, kind: str, twice: np.uint32) -> Array:
    """Pixels that two runs charge have a flag of their own, those that none does another; sound others of one run."""
    flags, sound = found.constants[kind], ModuleTruth(SETTINGS, MODULE).bad == 0
    both, one = (charged_by(injection, pattern) for pattern in (1, 2))
    stages = 2 if injection == "capacitor" else 3
    here = flags[:stages, 0]
    assert ((here[:, both] & twice) == twice).all()
    assert not (here[:, both | one] & NO_DATA).any()
    assert ((here[:, ~(both | one)] & (twice | NO_DATA)) == (twice | NO_DATA)).all()
    assert (here[:, one & sound] != 0).any(axis=0).mean() < 0.001
    assert any("charges the" in told and "pattern 1 too" in told for told in found.warnings)
    return one & sound & (here == 0).all(axis=0)


def test_capacitor_charges_columns_twice_and_two_scans_are_one(tmp_path: Path, capsys: Any) -> None:
    """Lines are those of the truth with the errors of the mean; a memory cell without frames has none."""
    found = made(CAPACITOR, 2 * STEPS, "PC", tmp_path, capsys, "--margin-hg", "4", "--margin-mg", "5",
                 "--no-fit-hook")
    good = check_flags(found, "capacitor", "BadPixelsPC", np.uint32(BadPixels.CI_EVAL_ERROR))
    truth = ModuleTruth(SETTINGS, MODULE)
    slopes, fits = (np.moveaxis(found.constants[kind], -1, 0).swapaxes(1, 2) for kind in ("SlopesPC", "FitsPC"))
    lines = dict(zip(PC_PARAMETERS, slopes[..., 0], strict=True))
    known = dict(zip(PC_FIT, fits[..., 0], strict=True))
    own = CAPACITOR.truth_of(truth, 0)
    for name, expected in {"slope HG": own.slope_high, "intercept HG": own.intercept_high, "ratio": own.ratio,
                           "slope MG": own.slope_medium, "intercept MG": own.intercept_medium}.items():
        pull = ((lines[name] - expected) / known[f"{name} error"])[good]
        assert abs(pull.mean()) < 0.1, name
        assert pull.std() == pytest.approx(1, abs=0.1), name
    part = np.median(lines["deviation HG"][good] / truth.noise(0)[good])  # of one of the scans it is 0.93
    assert part == pytest.approx(1 / np.sqrt(2), rel=0.1)
    assert np.isnan(slopes[..., 1]).all()
    assert ((found.constants["BadPixelsPC"][:, 1] & NO_DATA) > 0).all()


def test_current_charges_rows_twice(tmp_path: Path, capsys: Any) -> None:
    found = made(CURRENT, 200, "CS", tmp_path, capsys, "--single-steps", "80", "--spacing", "25")
    good = check_flags(found, "current", "BadPixelsCS", np.uint32(BadPixels.CI2_EVAL_ERROR))
    slopes = found.constants["SlopesCS"].swapaxes(2, 3)
    assert np.isfinite(slopes[CS_PARAMETERS.index("ratio"), 0][good]).all()
    assert (slopes[CS_PARAMETERS.index("status"), 0][charged_by("current", 1)] == TWICE).all()
    assert np.isnan(slopes[:, 1]).all()
    assert ((found.constants["BadPixelsCS"][:, 1] & NO_DATA) > 0).all()
