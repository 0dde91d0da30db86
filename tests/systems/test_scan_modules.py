"""Scans of whole detectors: each module has the slopes that the simulator put into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.constants.constant import PC_FIT, PC_PARAMETERS
from calib_core.jobs.spec import JobSpec
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.truth import ModuleTruth

from ..small_modules import small_modules
from .command import constants_in
from .conftest import run_job

Array = Any
#: Pixels switch about step 20; one pattern of eight is charged.
SCENE = PulseCapacitor(step_charge=41.7, hook_height=0.0, transition=2, order="5")
#: Every eighth column of each half, as the facility has pattern 5.
CHARGED = [2 + 8 * i for i in range(8)] + [69 + 8 * i for i in range(8)]
PARAMETERS = {"margin_hg": 3, "margin_mg": 0, "min_mg_points": 20, "fit_hook": False}


@pytest.mark.parametrize(("kind", "number"), [("AGIPD1M", 16), ("AGIPD500K", 8)])
def test_every_module_of_a_detector_has_its_own_slopes(kind: str, number: int, tmp_path: Path) -> None:
    """Two memory cells, 56 steps, and modules of two ASICs."""
    with small_modules("AGIPD", 64, 128):
        settings = default_settings(kind).with_changes({
            "memory_cells": 2, "frames_per_train": 1, "trains": 56})
        [run] = simulate(settings, tmp_path / "in", scene=SCENE).runs.values()
        sources = [one for one in RunDirectory(run).instrument_sources if one.endswith(":xtdf")]
        assert len(sources) == number
        out = tmp_path / "out"
        outcome = run_job(JobSpec(family="AGIPD", method="PC", out_folder=out, parameters=PARAMETERS,
                                  inputs={"scan": (str(run),)}))
        assert outcome.board.error == ""
        made = constants_in(out)
        assert sorted(made) == list(range(number))
        for module, constants in made.items():
            truth = ModuleTruth(settings, module)
            own, flags = SCENE.truth_of(truth, 0), constants["BadPixelsPC"][:2, 0]
            lines, fits = (dict(zip(names, np.moveaxis(constants[name][:, :, 0], -1, 0).swapaxes(1, 2), strict=True))
                           for name, names in (("SlopesPC", PC_PARAMETERS), ("FitsPC", PC_FIT)))
            charged = np.isin(np.arange(128), CHARGED)
            assert np.isfinite(lines["slope HG"]).any(axis=0).tolist() == charged.tolist(), module
            good = (truth.bad == 0) & (flags == 0).all(axis=0)
            assert good[:, charged].mean() > 0.97
            for name, thrown in (("slope HG", own.slope_high), ("slope MG", own.slope_medium)):
                pull = ((lines[name] - thrown) / fits[f"{name} error"])[good]
                assert abs(np.median(pull)) < 0.2, (module, name)  # 1,000 pixels
                assert np.abs(pull).max() < 12, (module, name)
