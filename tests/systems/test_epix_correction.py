"""Corrected data of a camera with its calibration rows and without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import Simulated
from calib_core.store.constants import list_constants

from .command import Result
from .event_runs import CASES, Corrected, corrected, lit


def without_calibration_rows(light: Simulated, folder: Path) -> tuple[Path, Path]:
    """A copy of a run and of its truth, of which two rows at the top and at the bottom are cut off."""
    [run] = light.runs.values()
    shutil.copytree(run, folder / run.name)
    for path in folder.glob("r*/RAW-*-EPIX*.h5"):
        with h5py.File(path, "r+") as file:
            image = file["INSTRUMENT/MID_EXP_EPIX-1/DET/RECEIVER:daqOutput/data/image"]
            values = image["pixels"][:, 2:-2]
            del image["pixels"]
            image["pixels"] = values
    constants = folder / "constants" / "xfel" / "cal" / "epix100-type" / "unit"
    constants.mkdir(parents=True)
    for number, one in enumerate(list_constants(folder_of(light))):
        with h5py.File(constants / f"cal.{1700000000 + number}.0.h5", "w") as file:
            group = file.create_group(f"{one.pdu}/{one.calibration}/0")
            group["data"] = one.data()[2:-2]
            group["data"].attrs["dims"] = list(one.dims)
            for name in ("adu_per_photon", "photon_energy"):
                if name in one.attributes:
                    group.attrs[name] = one.attributes[name]
    return folder / run.name, folder / "constants"


def test_data_without_calibration_rows_are_corrected_as_those_with_them(
    tmp_path: Path, capsys: Any,
) -> None:
    case = CASES["EPIX100"]
    light = lit(case, tmp_path / "light", case.few, trains=3)
    whole = corrected(case, light, tmp_path / "whole", capsys)
    run, constants = without_calibration_rows(light, tmp_path)
    done = Result([case.name, "CORRECT", "--run", str(run), "--constants", str(constants), "--out-folder",
                   str(tmp_path / "cut")], tmp_path / "cut", capsys)
    assert done.status == 0, done.errors
    assert [text for text in done.warnings if "no calibration rows" in text]
    cut = Corrected(case, case.few, whole.settings, tmp_path / "cut", done.warnings)
    for name in ("pixels", "pixels_cm", "pixels_rg", "mask"):
        np.testing.assert_array_equal(cut.key(name), whole.key(name)[:, 2:-2], err_msg=name)
    # beside flagged rows, and at the edge of an ASIC
    assert {0, 1001} <= set(np.unique(whole.key("patterns")[:, 2])) <= {0, 1000, 1001}
    assert set(np.unique(cut.key("patterns")[:, 0])) == {0, 1000}
    for name in ("patterns", "pixels_classified"):
        np.testing.assert_array_equal(cut.key(name)[:, 1:-1], whole.key(name)[:, 3:-3], err_msg=name)
    assert (cut.key("dims") == (704, 768)).all()
