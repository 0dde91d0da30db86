"""What is remarkable of a module is told once, with its number, and nothing is told of clean modules."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.characterisation.dark_asic_checks import differences
from calib_core.characterisation.dark_asics import STATISTICS, with_statistics
from calib_core.constants.badpixels import BadPixels
from calib_core.detector.registry import detector_type
from calib_core.remarks import Remark
from calib_core.simulate.truth import BadKind

from .conftest import Dataset, Outcome, characterise

Make = Callable[..., Dataset]
pytestmark = pytest.mark.usefixtures("few_columns")

#: Small darks of each family, and the ASIC of their module that is spoilt.
FAMILIES = {
    "AGIPD1M": ({"memory_cells": 3}, 7), "DSSC1M": ({"memory_cells": 3}, 9),
    "EPIX100": ({"modules": "1", "trains": 20}, 2), "EPIX10K": ({"modules": "1"}, 3),
    "FASTCCD": ({"modules": "0", "trains": 20}, 1),
    "GOTTHARD2": ({"modules": "1", "trains": 4, "frames_per_train": 60}, 6), "JUNGFRAU": ({}, 5),
    "LPD1M": ({"memory_cells": 2}, 77), "PNCCD": ({"modules": "0", "trains": 20}, 4),
}


def settings_of(kind: str) -> dict[str, Any]:
    changes, _ = FAMILIES[kind]
    return {"trains": 40, **changes}


def spoilt(kind: str, how: str, clean: Dataset) -> dict[str, Any]:
    """Settings that spoil an ASIC: three times the noise, or an offset 20 spreads off."""
    levels = clean.truth.settings.detector.simulated.levels.offset
    far = 20 * max(level.within_asic for level in levels)
    changes = {"odd_asic_noise": 3.0} if how == "noise" else {"odd_asic_noise": 1.0, "odd_asic_offset": far}
    return {"odd_asic_module": clean.module, "odd_asic": FAMILIES[kind][1], **changes}


def outlined(one: Remark, shape: tuple[int, int]) -> Any:
    found = np.zeros(shape, bool)
    for top, bottom, left, right in one.boxes:
        found[top:bottom, left:right] = True
    return found


@pytest.mark.parametrize("kind", FAMILIES)
def test_clean_modules_tell_nothing_and_a_bad_asic_is_named(kind: str, make_dataset: Make, tmp_path: Path) -> None:
    clean = make_dataset(kind, **settings_of(kind))
    assert [one.sentence for one in characterise(clean.simulated, tmp_path / "clean").board.remarks] == []
    detector, asic = clean.truth.settings.detector, FAMILIES[kind][1]
    # both are told in the same way: one will do where a dark takes long
    for how in ("noise", "offset") if detector.pixels < 1 << 20 else ("noise",):
        data = make_dataset(kind, **settings_of(kind), **spoilt(kind, how, clean))
        found = characterise(data.simulated, tmp_path / how)
        where = (data.truth.bad(data.module) & BadKind.ODD_ASIC != 0).reshape(detector.shape)
        assert where.sum() == np.prod(detector.asic_shape)
        assert [one.stage for one in found.board.remarks] == [stage.short for stage in detector.stages]
        for one in found.board.remarks:
            assert (one.kind, one.module, asic in one.asics, how in one.sentence) == ("ASIC", data.module, True, True)
            assert outlined(one, where.shape)[where].all()
            assert len(one.asics) == (2 if detector.pixels == 2 * where.sum() else 1)
            if how == "noise":
                ratio = float(re.search(r", ([\d.]+) × that of the other", one.sentence)[1])
                assert max(ratio, 1 / ratio) == pytest.approx(3, rel=0.2)
            assert f"ASIC{'s 0 and 1' if len(one.asics) == 2 else f' {asic}'} of module {data.module}" in one.sentence


def told_in(found: Outcome, kind: str) -> list[Remark]:
    return [one for one in found.board.remarks if one.kind == kind]


def test_light_on_an_asic_is_told_with_its_share(make_dataset: Make, tmp_path: Path) -> None:
    """ASIC 3 of an AGIPD module, rows 64 to 127 and columns 64 to 127, is lit in a tenth of the trains."""
    data = make_dataset("AGIPD1M", memory_cells=2, trains=60)
    for path in data.simulated.runs["med"].glob("RAW-*-AGIPD02-*.h5"):
        with h5py.File(path, "r+") as file:
            samples = file["INSTRUMENT/SPB_DET_AGIPD1M-1/DET/2CH0:xtdf/image/data"]
            values = samples[()]
            values[5::20, 0, 64:128, 64:128] += 400
            samples[...] = values
    [one] = told_in(characterise(data.simulated, tmp_path), "outside the gate")
    assert (one.stage, one.asics, one.boxes, len(one.cells)) == ("MG", (3,), ((64, 128, 64, 128),), 1)
    assert one.value == pytest.approx(10, abs=0.3)
    assert one.sentence.startswith("10.0% of the samples of ASIC 3 of module 2, MG, lie outside their gates, in mem")


@pytest.mark.real
def test_a_real_module_has_no_bad_asic(real_data: Path) -> None:
    """Pedestals of the three gains of a JUNGFRAU module, and the noise of the first."""
    detector = detector_type("JUNGFRAU")
    with h5py.File(real_data / "jungfrau_m049" / "jungfrau_m049.h5") as file:
        pedestal, noise = file["pedestal"][()], file["pedestal_g0_rms"][()]
    for offset in pedestal:
        flags = np.where((offset > 0) & (offset < 16383), 0, BadPixels.NO_DARK_DATA).astype(np.uint32)
        found = with_statistics(detector, {
            "offset": offset.astype(np.float32), "noise": noise.astype(np.float32), "bad_pixels": flags})
        assert differences({name: found[name][None] for name in (one.name for one in STATISTICS)}) == {}
