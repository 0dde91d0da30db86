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


def test_segments_that_a_common_mode_is_left_in_are_counted_and_told(tmp_path: Path, capsys: Any) -> None:
    """Those whose samples are as they were though enough of their pixels are good: the shift is beyond the limit."""
    case, (height, width) = CASES["EPIX100"], (708, 96)
    light = lit(case, tmp_path / "light", case.few, trains=1, common_mode=4.0)
    asked = ("--common-mode-axis", "row", "--common-mode-limit", "6", "--no-split-events", "--no-absolute-gain")
    found = corrected(case, light, tmp_path / "out", capsys, *asked)
    before, after, mask = (found.key(name).reshape(height, -1, width) for name in ("pixels", "pixels_cm", "mask"))
    enough = (mask == 0).mean(axis=-1) >= 0.25
    left = (before == after).all(axis=-1)
    number = int((left & enough).sum())
    assert 0.01 * enough.sum() < number < 0.5 * enough.sum()
    assert np.abs(np.median(before, axis=-1)[left & enough]).min() > 5
    told = f"in {number:,} of {left.size:,} segments of frames ({number / left.size:.1%}) the median is beyond 6 ADU"
    assert (f"Module 1: {told}, or less than 25% of the samples tell it; common mode found nothing to take off "
            "there.") in found.said
    assert not enough.all()
