"""Baseline behind stripes, against baselines and light that were put into frames made with NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.correction.stripes import Stripes
from calib_core.detectors.agipd import AGIPD1M, AGIPD500K

from ...lit_frames import SHAPE, frame
from .memory import bound, constant, images

Array = Any
#: Rows of the first modules of the four quadrants, as midtools has them.
ROWS = {0: slice(41, 47), 4: slice(103, 109), 8: slice(41, 47), 12: slice(95, 101)}


def shaded(rng: np.random.Generator, photons: float, shift: float, rows: slice) -> Array:
    """Light everywhere but in some rows, and a baseline below all."""
    made = frame(rng, photons, 9.0, shift)
    made[rows] = rng.normal(shift, 9.0, (rows.stop - rows.start, SHAPE[1]))
    return made


@pytest.mark.parametrize("module", range(16))
def test_baselines_are_found_whatever_light_there_is(module: int) -> None:
    """The median of 768 samples has an error of 1.25 · 9 / √768 = 0.4 ADU."""
    rng, rows = np.random.default_rng(module), ROWS[module // 4 * 4]
    shifts = np.array([0, -20, -150, -900, 20])
    given = [shaded(rng, photons, shift, rows) for photons, shift in zip((0, 0.3, 3, 20, 1), shifts, strict=True)]
    one = images(given)
    bound(Stripes(), AGIPD1M.module(module)).apply(one)
    found = one.found["blc_stripes"]
    assert found.dtype == np.float32
    assert np.abs(found - shifts).max() < 5 * 0.41
    np.testing.assert_array_equal(one.values, np.array(given, np.float32) - found[:, None, None])


def test_light_behind_stripes_and_too_few_samples_are_refused() -> None:
    rng, rows = np.random.default_rng(1), ROWS[0]
    given, stage = np.array([frame(rng, 2, 9.0), shaded(rng, 2, -30, rows)]), np.zeros((2, *SHAPE), np.uint8)
    stage[1, rows, :112] = 1
    one = images(given, stage)
    bound(Stripes(), AGIPD1M.module(0)).apply(one)
    assert np.isnan(one.found["blc_stripes"]).all()
    np.testing.assert_array_equal(one.values, given)


def test_flags_forced_samples_and_stages() -> None:
    """Flagged pixels and samples that were forced into high gain have no say; those of medium gain get a 45th."""
    rng, rows = np.random.default_rng(2), ROWS[0]
    given, stage = shaded(rng, 1, -45, rows)[None], np.zeros((1, *SHAPE), np.uint8)
    flags = np.zeros((3, *SHAPE), np.uint32)
    flags[0, rows, :40], given[:, rows, :40] = 1, 5000
    stage[:, 300:350], stage[:, 350:400] = 1, 2
    one = images(given, stage)
    one.unforced = stage.copy()
    one.unforced[:, rows, 40:50], one.values[:, rows, 40:50] = 1, 5000
    before = one.values.copy()
    bound(Stripes(), AGIPD1M.module(1), BadPixelsDark=constant(flags)).apply(one)
    [found] = one.found["blc_stripes"]
    assert found == pytest.approx(np.median(given[0, rows, 50:]), abs=1e-4)
    for number, part in ((1, 1 / np.float32(45)), (2, 0), (0, 1)):
        mine = stage == number
        np.testing.assert_allclose(one.values[mine], before[mine] - found * np.float32(part), rtol=1e-6)


@pytest.mark.parametrize("kind", [AGIPD500K.module(0), replace(AGIPD1M.module(0), fixed_stage=1)])
def test_where_there_are_no_stripes_or_no_high_gain_it_is_left_out(kind: Any) -> None:
    [skipped] = bound(Stripes(), kind).skipped
    assert "no rows of this module" in skipped.reason or "no samples of HG" in skipped.reason
