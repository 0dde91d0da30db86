"""Scans that lack trains, or memory cells, are fitted by their steps; what lacks is said or flagged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import PC_FIT, PC_PARAMETERS
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.truth import ModuleTruth

from ..small_modules import small_modules
from .command import Result

Array = Any
MODULE, STEPS = 3, 120
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 2, "trains": STEPS, "trains_per_sequence": 50})
#: Pixels switch about step 28; one pattern of eight is charged.
SCENE = PulseCapacitor(step_charge=30.0, hook_height=0.0, transition=2, order="5")
WORDS = ["--margin-hg", "4", "--margin-mg", "5", "--no-fit-hook"]


@pytest.fixture(scope="module", autouse=True)
def few_asics() -> Iterator[None]:
    """Modules of two ASICs."""
    with small_modules("AGIPD", 64, 128):
        yield


@dataclass
class Found:
    """What a job made of a scan: constants by kind, what it said, and the run itself."""

    constants: dict[str, Array]
    said: list[str]
    run: Path

    def check(self, cell: int, least: float, most: float) -> None:
        """Lines of a memory cell are those of the truth within their errors; samples lie between two numbers."""
        truth, flags = ModuleTruth(SETTINGS, MODULE), self.constants["BadPixelsPC"][:2, cell]
        own, good = SCENE.truth_of(truth, cell), (truth.bad == 0) & (flags == 0).all(axis=0)
        lines, fits = (dict(zip(names, np.moveaxis(self.constants[name][:, :, cell], -1, 0).swapaxes(1, 2),
                                strict=True)) for name, names in (("SlopesPC", PC_PARAMETERS), ("FitsPC", PC_FIT)))
        assert good.mean() > 0.99 / 8
        samples = sum(fits[f"samples {name}"] for name in ("HG", "transition", "MG"))[good]
        assert least <= np.median(samples) <= most
        for name, thrown in (("slope HG", own.slope_high), ("intercept HG", own.intercept_high),
                             ("slope MG", own.slope_medium), ("intercept MG", own.intercept_medium)):
            pull = ((lines[name] - thrown) / fits[f"{name} error"])[good]
            assert abs(pull.mean()) < 0.1, name
            # few samples of high gain: as wide as Student's t
            assert pull.std() == pytest.approx(1.05, abs=0.1), name


def fitted(folder: Path, capsys: Any, *more: str, **changes: Any) -> Found:
    [run] = simulate(SETTINGS.with_changes(changes), folder / "in", scene=SCENE).runs.values()
    result = Result(["AGIPD", "PC", "--runs", str(run), "--out-folder", str(folder / "out"), *WORDS, *more],
                    folder / "out", capsys)
    assert result.status == 0, result.errors
    return Found(result.constants[MODULE], result.said, run)


@pytest.mark.parametrize(("changes", "samples", "told"), [
    ({"lost_trains": 0.15}, (90, 98), "has frames in 94 of the 120 trains of the run; 26 are lost"),
    ({"empty_first": 3}, (115, 117), "frames of p900000 r0001 without data are left out: 6 all zero")])
def test_lines_are_over_steps_whatever_trains_are_lost(
    changes: Any, samples: tuple[int, int], told: str, tmp_path: Path, capsys: Any,
) -> None:
    """Were they over the samples that there are, slopes of high gain would be a fifth too large."""
    found = fitted(tmp_path, capsys, "--max-lost", "50", **changes)
    for cell in range(2):
        found.check(cell, *samples)
    assert any(told in one for one in found.said)


def test_memory_cells_that_are_vetoed_have_no_lines_and_are_flagged(tmp_path: Path, capsys: Any) -> None:
    found = fitted(tmp_path, capsys, frames_per_train=4, vetoed_cells=0.5)
    ids = RunDirectory(found.run)[f"HED_DET_AGIPD500K2G/DET/{MODULE}CH0:xtdf", "image.cellId"].ndarray()
    there = sorted(set(ids.ravel().tolist()))
    assert 0 < len(there) < 4
    for cell in range(4):
        if cell in there:
            found.check(cell, 119, 120)
            continue
        assert np.isnan(found.constants["SlopesPC"][:, :, cell]).all()
        none = np.uint32(BadPixels.NO_DARK_DATA)
        assert ((found.constants["BadPixelsPC"][:2, cell] & none) == none).all()
